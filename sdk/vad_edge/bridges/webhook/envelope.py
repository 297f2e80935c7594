"""CloudEvents as they come off a topic, and how they go onto disk."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

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
