"""Who we are to a camera: the user, and the password from a file or the environment."""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from vad_edge.common.secret import secret_in
from vad_edge.errors import ConfigError

PASSWORD_VARIABLE: Final = "VAD_EDGE_ONVIF_PASSWORD"  # noqa: S105


@dataclass(frozen=True, slots=True)
class CameraLogin:
    """A user and the password, which is never printed."""

    user: str
    password: SecretStr


@dataclass(frozen=True, slots=True)
class UsernameToken:
    """What shows a camera by WS-Security who we are, for one message; the password is not in it."""

    user: str
    digest: str
    nonce: str
    created: str


def read_login(user: str | None, password_file: Path | None, *, where: str) -> CameraLogin | None:
    """The user with the password of the file, or else of VAD_EDGE_ONVIF_PASSWORD; None without a user.

    The file comes first: a site may have cameras with passwords of their own.
    Raises ConfigError for a file that cannot be read, and where one of the two is missing.
    """
    secret = os.environ.get(PASSWORD_VARIABLE)
    if password_file is not None:
        secret = secret_in(password_file, "the password", where)
        if user is None:
            raise ConfigError("a password needs a user", where=where, fix="give the user, too")
    if user is None:
        return None
    if secret is None:
        raise ConfigError(
            f"the user {user} has no password",
            where=where,
            fix=f"give a password file, or set {PASSWORD_VARIABLE}",
        )
    return CameraLogin(user, SecretStr(secret))


def username_token(login: CameraLogin, nonce: bytes, now: datetime) -> UsernameToken:
    """The token of one message, by the camera's own clock `now` (UTC).

    The digest is Base64(SHA-1(nonce + created + password)), as WS-Security's UsernameToken profile has it.
    """
    created = f"{now:%Y-%m-%dT%H:%M:%SZ}"
    told = nonce + created.encode() + login.password.get_secret_value().encode()
    digest = hashlib.sha1(told, usedforsecurity=False).digest()
    return UsernameToken(
        login.user, base64.b64encode(digest).decode(), base64.b64encode(nonce).decode(), created
    )
