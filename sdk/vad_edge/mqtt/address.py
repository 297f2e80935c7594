"""Where a broker is, read from its URL."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from vad_edge.errors import ConfigError

_DEFAULT_PORTS = {"mqtt": 1883, "mqtts": 8883}
_HOST = re.compile(r"^(?!-)[A-Za-z0-9_.-]{1,253}$|^[0-9A-Fa-f:.]+(%[A-Za-z0-9_.-]+)?$")
_FIX = "give mqtt://host[:port] or mqtts://host[:port]"


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """A broker's host and port; old_protocol says it is known to speak MQTT 3.1.1 only.

    username and password are those of the URL, if it has some. Its text form shows neither.
    """

    host: str
    port: int
    tls: bool
    old_protocol: bool = False
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_broker(url: str) -> BrokerAddress:
    """The address in ``mqtt://[user[:password]@]host[:port]``, or ``mqtts://`` for TLS.

    ``?version=3.1.1`` after it skips the attempt at MQTT 5. Raises ConfigError for anything else; a
    message never repeats a URL that holds credentials.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        reason = "it cannot be read; a '/', '#' or '@' in a password is written %2F, %23 or %40"
        raise _refusal(url, reason if "@" in url else str(error)) from None
    if parts.scheme not in _DEFAULT_PORTS:
        raise _refusal(url, "not an MQTT URL")
    host = parts.hostname or ""
    if not _HOST.match(host) or any(not 1 <= len(label) <= 63 for label in _labels(host)):
        raise _refusal(url, "the host is missing or not a host name")
    if port == 0:
        raise _refusal(url, "0 is not a port")
    if parts.path not in ("", "/") or parts.fragment:
        raise _refusal(url, "nothing may follow host and port")
    if parts.password is not None and not parts.username:
        raise _refusal(url, "a password needs a user name")
    return BrokerAddress(
        host=host,
        port=port or _DEFAULT_PORTS[parts.scheme],
        tls=parts.scheme == "mqtts",
        old_protocol=_is_old(url, parts),
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password is not None else None,
    )


def holds_password(url: str) -> bool:
    """Whether there is, or may be, a password in the URL."""
    credentials = url.partition("://")[2].rpartition("@")[0]
    return ":" in credentials


def _labels(host: str) -> list[str]:
    return [] if ":" in host else host.rstrip(".").split(".")


def _is_old(url: str, parts: SplitResult) -> bool:
    if parts.query not in ("", "version=3.1.1", "version=5"):
        raise _refusal(url, "only ?version=3.1.1 or ?version=5 may follow")
    return parts.query == "version=3.1.1"


def _refusal(url: str, reason: str) -> ConfigError:
    shown = "" if "@" in url else f"{url[:80]!a}: "
    return ConfigError(f"{shown}{reason}", where="broker.url", fix=_FIX)
