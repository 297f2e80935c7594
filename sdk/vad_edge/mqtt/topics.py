"""The names of our MQTT topics."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

from vad_edge.events.event import event_schema

ROOT = "vad-edge"


@dataclass(frozen=True, slots=True)
class CameraTopics:
    """The topics one camera publishes on, all under ``vad-edge/<site>/<camera>/``."""

    site: str
    camera: str

    @property
    def event(self) -> str:
        """Events as they happen, QoS 1, not retained."""
        return self._under("event")

    @property
    def event_replay(self) -> str:
        """Events that are too old to sound an alarm, QoS 1, not retained."""
        return self._under("event/replay")

    @property
    def snapshot(self) -> str:
        """A JPEG picture, not retained."""
        return self._under("snapshot")

    @property
    def command(self) -> str:
        """What others ask of the camera, as JSON."""
        return self._under("command")

    @property
    def command_result(self) -> str:
        """What became of a command, as JSON, not retained."""
        return self._under("command/result")

    @property
    def state(self) -> str:
        """The warning level and since when, retained JSON."""
        return self._under("state")

    @property
    def risk(self) -> str:
        """The fused risk, a plain number, rate-limited."""
        return self._under("risk")

    @property
    def health(self) -> str:
        """Conditions and counters, retained JSON."""
        return self._under("health")

    @property
    def check(self) -> str:
        """Where `vad-edge mqtt check` and `vad-edge alarm test` talk to themselves."""
        return self._under("check")

    @property
    def everything(self) -> str:
        """The filter for all of these."""
        return self._under("#")

    @property
    def availability(self) -> str:
        """``online``, ``stopped`` or, as last will, ``offline``; retained."""
        return self._under("availability")

    def _under(self, leaf: str) -> str:
        return f"{ROOT}/{self.site}/{self.camera}/{leaf}"


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
