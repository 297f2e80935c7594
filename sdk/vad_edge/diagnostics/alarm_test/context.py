"""What every stage of the test works with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from vad_edge.config.site import SiteConfig
from vad_edge.events.store import EventStore
from vad_edge.mqtt.listener import TopicListener
from vad_edge.mqtt.messages import json_object
from vad_edge.mqtt.topics import CameraTopics

ARRIVE_S: Final = 15.0
CHECK: Final = "run `vad-edge mqtt check`"
BY: Final = "alarm test"


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """One test of one camera. running is whether a run of the device carries it; else the test itself does.

    arrive_s is how long anything may take on its way.
    """

    site: SiteConfig
    topics: CameraTopics
    store: EventStore
    listener: TopicListener
    running: bool
    arrive_s: float = ARRIVE_S


def content(payload: bytes | None) -> dict[str, Any]:
    """The JSON object in a message; empty for anything else."""
    return json_object(payload or b"") or {}


def ms(seconds: float) -> str:
    """A duration for people; what was seen before it could have happened took no time.

    >>> ms(0.01234)
    '12.3 ms'
    """
    return f"{1000 * max(seconds, 0.0):.1f} ms"
