"""JSON out of messages: anyone may publish anything on a topic."""

from __future__ import annotations

import json
from typing import Any


def json_value(payload: bytes) -> Any:
    """What the JSON in a message says; None where it is none, as for ``null``."""
    try:
        return json.loads(payload)
    except (ValueError, RecursionError):
        return None


def json_object(payload: bytes) -> dict[str, Any] | None:
    """The JSON object in a message; None for anything else."""
    found = json_value(payload)
    return found if isinstance(found, dict) else None
