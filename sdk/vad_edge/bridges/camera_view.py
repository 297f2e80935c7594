"""What a camera's topics say of it, taken together."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, get_args

from vad_edge.fusion.machine import Level
from vad_edge.mqtt.messages import json_object, json_value

Availability = Literal["online", "stopped", "offline"]

_LEVELS = {str(level): level for level in Level}

LEAVES = ("state", "risk", "availability")
"""The topics of a camera that make up its view."""


@dataclass(frozen=True, slots=True)
class CameraView:
    """The newest that is known of one camera.

    availability is ``offline`` as well while we have not heard of the camera, or cannot hear it. since is
    when the risk first stood at watch; incident and since are None when nothing is going on. test says that
    what is going on is a test of the alarm's way.
    """

    camera: str
    availability: Availability = "offline"
    level: Level = Level.NORMAL
    risk: float = 0.0
    incident: str | None = None
    since: datetime | None = None
    armed: bool = True
    test: bool = False

    def heard(self, leaf: str, payload: bytes) -> CameraView:
        """The view after a message on the topic that ends with `leaf`; as it was where it says nothing new.

        What cannot be read changes nothing: anyone may publish anything on a topic.
        """
        if leaf == "availability":
            word = payload.decode("utf-8", "replace")
            known = next((each for each in get_args(Availability) if each == word), None)
            return self if known is None else replace(self, availability=known)
        if leaf == "risk":
            risk = _number(json_value(payload))
            return self if risk is None else replace(self, risk=risk)
        return self._with_state(json_object(payload) or {}) if leaf == "state" else self

    def lost(self) -> CameraView:
        """The view while no message of the camera can reach us."""
        return replace(self, availability="offline")

    def _with_state(self, state: dict[str, Any]) -> CameraView:
        if str(state.get("level")) not in _LEVELS:
            return self
        incident, risk = state.get("incident"), _number(state.get("risk"))
        return replace(
            self,
            level=_LEVELS[str(state["level"])],
            risk=self.risk if risk is None else risk,
            incident=incident if isinstance(incident, str) and incident else None,
            since=_time(state.get("since")),
            armed=state.get("armed") is not False,
            test=state.get("test") is True,
        )


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return max(float(value), 0.0)


def _time(value: Any) -> datetime | None:
    try:
        # Python 3.10 reads an offset but no "Z".
        time = datetime.fromisoformat(value.replace("Z", "+00:00"))
    except (AttributeError, ValueError):
        return None
    return time if time.tzinfo is not None else None
