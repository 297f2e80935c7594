"""The names of our MQTT topics."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

from vad_edge.events.event import event_schema

ROOT = "vad-edge"


class _Leaf:
    """A topic of a camera, by the end of its name."""

    def __init__(self, leaf: str) -> None:
        self._leaf = leaf

    def __get__(self, topics: CameraTopics, kind: type[CameraTopics]) -> str:
        return f"{ROOT}/{topics.site}/{topics.camera}/{self._leaf}"


@dataclass(frozen=True, slots=True)
class CameraTopics:
    """The topics one camera publishes on, all under ``vad-edge/<site>/<camera>/``."""

    site: str
    camera: str

    event = _Leaf("event")
    """Events as they happen, QoS 1, not retained."""
    event_replay = _Leaf("event/replay")
    """Events that are too old to sound an alarm, QoS 1, not retained."""
    snapshot = _Leaf("snapshot")
    """A JPEG picture, not retained."""
    command = _Leaf("command")
    """What others ask of the camera, as JSON."""
    command_result = _Leaf("command/result")
    """What became of a command, as JSON, not retained."""
    state = _Leaf("state")
    """The warning level and since when, retained JSON."""
    risk = _Leaf("risk")
    """The fused risk, a plain number, rate-limited."""
    health = _Leaf("health")
    """Conditions and counters, retained JSON."""
    check = _Leaf("check")
    """Where `vad-edge mqtt check` and `vad-edge alarm test` talk to themselves."""
    everything = _Leaf("#")
    """The filter for all of these."""
    availability = _Leaf("availability")
    """``online``, ``stopped`` or, as last will, ``offline``; retained."""


def replay_watermark(site: str) -> str:
    """Where a replay says up to which media time everything has been sent."""
    return f"{ROOT}/{site}/replay"


def any_availability(site: str) -> str:
    """The filter for the availability of every camera of a site."""
    return CameraTopics(site, "+").availability


SchemaName = Literal["event", "state", "health", "command", "command_result"]
SCHEMAS: tuple[SchemaName, ...] = ("event", "state", "health", "command", "command_result")


def schema(name: SchemaName) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a topic's payload."""
    if name == "event":
        return event_schema()
    path = files("vad_edge.mqtt") / "schema" / f"{name}.schema.json"
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content
