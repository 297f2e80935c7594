"""A CloudEvent as an HTTP request, signed where there is a key."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NoReturn
from urllib.parse import quote

from vad_edge.common.secret import secret_in
from vad_edge.errors import ConfigError
from vad_edge.version import __version__

Mode = Literal["structured", "binary"]

# What CloudEvents leaves as it is in a header; space, quote and percent sign are not among it.
_PLAIN = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')


@dataclass(frozen=True, slots=True)
class Credentials:
    """What shows the endpoint who we are; each part may be missing. Never printed."""

    token: str | None = None
    key: bytes | None = None

    def __repr__(self) -> str:
        return "Credentials(...)"


def signing_key(secret: str | None) -> bytes | None:
    """The key a secret stands for: base64 behind ``whsec_``, anything else as it is.

    Raises ConfigError for a ``whsec_`` that is not base64.
    """
    if secret is None or not secret.startswith("whsec_"):
        return None if secret is None else secret.encode()
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        raise ConfigError("what follows whsec_ is not base64", where="webhook.secret_file") from None


def request(
    event: Mapping[str, Any], mode: Mode, credentials: Credentials, *, now_s: float
) -> tuple[dict[str, str], bytes]:
    """Headers and body that carry `event`; now_s is the Unix time of the signature.

    The signature is that of the Standard Webhooks: HMAC-SHA256 over id, time and body.
    """
    if mode == "structured":
        body = _json(event)
        headers = {"Content-Type": "application/cloudevents+json; charset=utf-8"}
    else:
        body = _json(event.get("data"))
        kind = str(event.get("datacontenttype", "application/json"))
        headers = {"Content-Type": quote(kind, safe=f"{_PLAIN} ")}
        headers |= {
            f"ce-{name}": quote(_text(value), safe=_PLAIN)
            for name, value in event.items()
            if name not in ("data", "datacontenttype")
        }
    headers["User-Agent"] = f"vad-edge/{__version__}"
    if credentials.token is not None:
        headers["Authorization"] = f"Bearer {credentials.token}"
    if credentials.key is not None:
        number, time = quote(str(event["id"]), safe=_PLAIN), str(int(now_s))
        digest = hmac.new(credentials.key, f"{number}.{time}.".encode() + body, hashlib.sha256).digest()
        headers["webhook-id"], headers["webhook-timestamp"] = number, time
        headers["webhook-signature"] = f"v1,{base64.b64encode(digest).decode()}"
    return headers, body


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


_REQUIRED = ("specversion", "id", "source", "type")
_NAME = re.compile(r"[a-z0-9]{1,64}")


def to_keep(payload: bytes, *, replayed: bool) -> tuple[str, bytes] | None:
    """The id of the CloudEvent in `payload` and its JSON for the line; None if it is none.

    A replayed event, one that was old when it reached the broker, gets the extension attribute ``replay``.
    """
    try:
        event = json.loads(payload, parse_constant=_refuse)
        if not isinstance(event, dict) or not _is_cloudevent(event):
            return None
        if replayed:
            event["replay"] = True
        return event["id"], json.dumps(event, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None


def _is_cloudevent(event: dict[str, Any]) -> bool:
    """Whether every attribute is one that CloudEvents allows, so that each can become a header."""
    attributes = {name: value for name, value in event.items() if name != "data"}
    return all(isinstance(event.get(name), str) and event[name] for name in _REQUIRED) and all(
        _NAME.fullmatch(name) and isinstance(value, (str, int)) for name, value in attributes.items()
    )


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")


TOKEN_VARIABLE = "VAD_EDGE_WEBHOOK_TOKEN"  # noqa: S105
SECRET_VARIABLE = "VAD_EDGE_WEBHOOK_SECRET"  # noqa: S105


def read_secret(file: Path | None, variable: str, where: str) -> str | None:
    """The variable's value, else the file's text without its line end; None where neither is given.

    Raises ConfigError for a file that cannot be read, and for a secret that is no line of plain characters.
    """
    secret = os.environ.get(variable)
    if secret is None and file is not None:
        secret = secret_in(file, "the secret", where)
    if secret is not None and not (secret and all(32 < ord(sign) < 127 for sign in secret)):
        raise ConfigError(
            "the secret is not one line of printable ASCII without spaces", where=f"{where} or {variable}"
        )
    return secret
