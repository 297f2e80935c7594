"""The JSON Schemas of everything we publish or accept as JSON, by topic."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any, Literal

from vad_edge.events.event import event_schema

SchemaName = Literal["event", "state", "health", "command", "command_result"]
SCHEMAS: tuple[SchemaName, ...] = ("event", "state", "health", "command", "command_result")


def schema(name: SchemaName) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a topic's payload."""
    if name == "event":
        return event_schema()
    path = files("vad_edge.mqtt") / "schema" / f"{name}.schema.json"
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content
