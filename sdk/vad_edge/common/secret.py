"""What must not be seen: URLs and pipelines with credentials, shown without them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from vad_edge.errors import ConfigError

HINT: Final = "a '/', '#', '?', '@' or ':' in a password is written %2F, %23, %3F, %40 or %3A"

HIDDEN: Final = "***"

# Up to the last @ of the word: a password may hold any sign, and what a parser makes of it is no matter here.
_USER_INFO: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)\S*@")
_NAMED: Final = re.compile(
    r"(?i)\b([a-z0-9_-]*(?:passw(?:or)?d|passwd|pwd|user-pw|secret|token|api_?key|signature))(\s*=\s*)"
    r"(\"[^\"]*\"|'[^']*'|[^\s&\"']+)"
)


def redacted(text: str) -> str:
    """Text with the credentials of every URL and setting in it hidden.

    >>> redacted("rtsp://admin:Secret#1@camera/stream")
    'rtsp://***@camera/stream'
    >>> redacted("http://camera/snap.jpg?user=a&password=b&size=2")
    'http://camera/snap.jpg?user=a&password=***&size=2'
    >>> redacted('rtspsrc location=rtsp://camera/1 user-id=a user-pw="b c" ! decodebin')
    'rtspsrc location=rtsp://camera/1 user-id=a user-pw=*** ! decodebin'
    """
    return _NAMED.sub(rf"\1\2{HIDDEN}", _USER_INFO.sub(rf"\1{HIDDEN}@", text))


def secret_in(file: Path, what: str, where: str) -> str:
    """The text of a file that holds a secret, without its line end; what names it (``the password``).

    Raises ConfigError where it cannot be read; where is the setting that names the file.
    """
    try:
        return file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise ConfigError(f"cannot read {what}: {reason}", where=f"{where} ({file})") from error


def needs_encoding(url: str) -> bool:
    """Whether the credentials of a URL hold signs that a URL must not hold as they are.

    >>> [needs_encoding(f"rtsp://a:{word}@camera/1") for word in ("b", "b#c", "b%23c", "b@c", "b/c")]
    [False, True, False, True, True]
    """
    credentials = url.partition("://")[2].rpartition("@")[0]
    name, _, password = credentials.partition(":")
    return any(sign in part for part in (name, password) for sign in "/#?@:")
