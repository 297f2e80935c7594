"""Secrets from where they may lie: a file or the environment."""

from __future__ import annotations

import os
from pathlib import Path

from vad_edge.errors import ConfigError

TOKEN_VARIABLE = "VAD_EDGE_WEBHOOK_TOKEN"  # noqa: S105
SECRET_VARIABLE = "VAD_EDGE_WEBHOOK_SECRET"  # noqa: S105


def read_secret(file: Path | None, variable: str, where: str) -> str | None:
    """The variable's value, else the file's text without its line end; None where neither is given.

    Raises ConfigError for a file that cannot be read, and for a secret that is no line of plain characters.
    """
    secret = os.environ.get(variable)
    if secret is None and file is not None:
        try:
            secret = file.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"cannot read the secret: {getattr(error, 'strerror', None) or 'not UTF-8 text'}",
                where=f"{where} ({file})",
            ) from error
    if secret is not None and not (secret and all(32 < ord(sign) < 127 for sign in secret)):
        raise ConfigError(
            "the secret is not one line of printable ASCII without spaces", where=f"{where} or {variable}"
        )
    return secret
