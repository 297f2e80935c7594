"""The retained state says alarm for a while, and then what it said before."""

from __future__ import annotations

import json
import time
from typing import Final

from vad_edge.clock import utc_now
from vad_edge.runtime.alarm_test.rehearsal import CHECK, Rehearsal, content, ms
from vad_edge.runtime.finding import Finding

HELD_S: Final = 2.0
"""How long the test alarm stands in the state at least, so that whoever polls it sees it."""


def incident_under_way(payload: bytes | None) -> str | None:
    """The incident that a retained state tells of, unless a test left it behind."""
    state = content(payload)
    incident = state.get("incident")
    return str(incident) if incident and not state.get("test") else None


class StatePuppet:
    """Says alarm as a test of `incident`, and puts back what was there."""

    def __init__(self, test: Rehearsal, incident: str) -> None:
        self._test = test
        self._before = test.ear.newest(test.topics.state)
        now = utc_now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        known = content(self._before) or {
            "armed": True, "model": "", "tamper": None, "armed_by": "schedule", "maintenance_until": None,
        }  # fmt: skip
        self._alarm = {
            **known,
            "level": "alarm",
            "since": now,
            "incident": incident,
            "risk": 4.0,
            "time": now,
        }
        self._payload = json.dumps({**self._alarm, "test": True}).encode()
        self.said_s = 0.0

    def say(self) -> Finding:
        """Publish the alarm; said_s is then the monotonic time of it."""
        topic = self._test.topics.state
        self.said_s = time.monotonic()
        self._test.ear.client.publish(topic, self._payload, qos=1, retain=True)
        heard_s = self._test.ear.when(topic, lambda heard: heard == self._payload, self._test.arrive_s)
        if heard_s is None:
            return Finding("state", "fail", f"{topic} did not come back", CHECK)
        text = f"alarm, marked as a test; another client has it after {ms(heard_s - self.said_s)}"
        return Finding("state", "ok", text)

    def put_back(self) -> float:
        """Say what was there before, once the alarm has stood long enough; the monotonic time of it."""
        time.sleep(max(self.said_s + HELD_S - time.monotonic(), 0.0))
        topic = self._test.topics.state
        said_s = time.monotonic()
        if self._test.ear.newest(topic) == self._payload:  # a real change in between stays
            quiet = {"level": "normal", "since": None, "incident": None, "risk": 0.0, "test": False}
            was_quiet = incident_under_way(self._before) is None and not content(self._before).get("test")
            back = (
                self._before if self._before and was_quiet else json.dumps({**self._alarm, **quiet}).encode()
            )
            self._test.ear.client.publish(topic, back, qos=1, retain=True).wait(self._test.arrive_s)
        return said_s
