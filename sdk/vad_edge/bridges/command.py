"""Acknowledgements on a camera's command topics: asked for, and confirmed."""

from __future__ import annotations

import json

from vad_edge.fusion.ident import new_id
from vad_edge.mqtt.payload import json_object

COMMAND, RESULT = "command", "command/result"

_NAME = 64
"""The longest name a command may carry."""


def acknowledge(incident: str, by: str) -> bytes:
    """The command that acknowledges an incident as seen by somebody, who says nothing about its truth."""
    command = {"id": new_id(), "command": "acknowledge", "incident": incident, "by": by[:_NAME]}
    return json.dumps(command).encode()


def acknowledged_incident(payload: bytes) -> str | None:
    """The incident that a message on the result topic says has been acknowledged; None for any other."""
    result = json_object(payload) or {}
    if result.get("command") != "acknowledge" or result.get("ok") is not True:
        return None
    incident = result.get("incident")
    return incident if isinstance(incident, str) else None
