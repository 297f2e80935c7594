"""The retained state says alarm for a while, and then what it said before."""

from __future__ import annotations

import json
import logging
import time
from typing import Final

from vad_edge.clock import utc_now, utc_stamp
from vad_edge.diagnostics.alarm_test.context import CHECK, Rehearsal, content, ms
from vad_edge.diagnostics.finding import Finding
from vad_edge.mqtt.publisher import RunsOn

_log = logging.getLogger(__name__)

HELD_S: Final = 2.0
"""How long the test alarm stands in the state at least, so that whoever polls it sees it."""


def incident_under_way(payload: bytes | None) -> str | None:
    """The incident that a retained state tells of, unless a test left it behind."""
    state = content(payload)
    incident = state.get("incident")
    return str(incident) if incident and not state.get("test") else None


class StateCheck:
    """Says alarm as a test of `incident`, and puts back what was there."""

    def __init__(self, test: Rehearsal, incident: str) -> None:
        self._test = test
        self._before = test.listener.newest(test.topics.state)
        now = utc_stamp(utc_now())
        known = content(self._before) or {
            "armed": True, "model": "", "tamper": None, "armed_by": "schedule", "maintenance_until": None,
            **RunsOn().to_dict(),
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
        self.said_s = self.back_s = 0.0

    def say(self) -> Finding:
        """Publish the alarm; said_s is then the monotonic time of it."""
        topic = self._test.topics.state
        self.said_s = time.monotonic()
        self._test.listener.client.publish(topic, self._payload, qos=1, retain=True)
        heard_s = self._test.listener.when(topic, lambda heard: heard == self._payload, self._test.arrive_s)
        if heard_s is None:
            return Finding("state", "fail", f"{topic} did not come back", CHECK)
        text = f"alarm, marked as a test; another client has it after {ms(heard_s - self.said_s)}"
        return Finding("state", "ok", text)

    def put_back(self) -> Finding | None:
        """Say what was there before, once the alarm has stood long enough; a finding where that fails.

        back_s is then the monotonic time of it. What others have published in between stays.
        """
        time.sleep(max(self.said_s + HELD_S - time.monotonic(), 0.0))
        listener, topic = self._test.listener, self._test.topics.state
        self.back_s = time.monotonic()
        # The alarm may stand there although we have not heard it: then the newest is still the one before.
        if listener.newest(topic) not in (self._before, self._payload):
            return None
        back = self._quiet()
        if listener.client.publish(topic, back, qos=1, retain=True).wait(self._test.arrive_s):
            return None
        listener.client.set_retained(topic, back)  # a new connection says it again
        heard_s = listener.when(topic, lambda heard: heard == back, self._test.arrive_s, since_s=self.back_s)
        if heard_s is not None:
            return None
        text = f"what {topic} said before could not be put back: the test alarm may still stand there"
        _log.warning("%s", text)  # a test that is broken off returns no finding
        return Finding("state", "fail", text, f"{CHECK}, then `vad-edge alarm test` again")

    def _quiet(self) -> bytes:
        """What was there before, or what would have been without the incident that a test left behind."""
        before = self._before
        if before and incident_under_way(before) is None and not content(before).get("test"):
            return before
        quiet = {"level": "normal", "since": None, "incident": None, "risk": 0.0, "test": False}
        return json.dumps({**self._alarm, **quiet}).encode()
