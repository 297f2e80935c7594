from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from vad_edge.config.site import SiteConfig
from vad_edge.diagnostics.alarm_test import state
from vad_edge.diagnostics.alarm_test.context import Rehearsal
from vad_edge.diagnostics.alarm_test.state import StateCheck, incident_under_way
from vad_edge.events.store import EventStore
from vad_edge.mqtt.listener import TopicListener
from vad_edge.mqtt.topics import CameraTopics

TOPICS = CameraTopics("shop", "front")
QUIET = b'{"level": "normal",  "incident": null, "armed": true, "test": false}'
LEFT = json.dumps({"level": "alarm", "incident": "i-0", "armed": True, "model": "m", "test": True}).encode()


@pytest.mark.parametrize(
    ("payload", "incident"),
    [
        (None, None),
        (b"garbage", None),
        (b"[]", None),
        (json.dumps({"level": "normal", "incident": None}).encode(), None),
        (json.dumps({"level": "watch", "incident": "i-1", "test": False}).encode(), "i-1"),
        (json.dumps({"level": "alarm", "incident": "i-1", "test": True}).encode(), None),
    ],
)
def test_an_incident_is_under_way_unless_a_test_left_it_behind(
    payload: bytes | None, incident: str | None
) -> None:
    assert incident_under_way(payload) == incident


class Broker:
    """TopicListener, client and handle at once: what is retained, and of it what comes back to us."""

    def __init__(self, kept: bytes | None, *, echoes: bool = True, takes: int = 99) -> None:
        self.client = self
        self.kept = self.heard = kept
        self.echoes, self.takes = echoes, takes
        self.again: dict[str, bytes] = {}

    def newest(self, topic: str) -> bytes | None:
        assert topic == TOPICS.state
        return self.heard

    def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool) -> Broker:
        assert (topic, qos, retain) == (TOPICS.state, 1, True)
        self.takes -= 1
        if self.takes >= 0:
            self._keep(payload)
        return self

    def wait(self, timeout_s: float) -> bool:
        return self.takes >= 0

    def set_retained(self, topic: str, payload: bytes) -> None:
        self.again[topic] = payload

    def reconnect(self) -> None:
        self._keep(self.again[TOPICS.state])

    def when(
        self, topic: str, matches: Callable[[bytes], bool], timeout_s: float, *, since_s: float = 0.0
    ) -> float | None:
        return since_s if self.heard is not None and matches(self.heard) else None

    def _keep(self, payload: bytes) -> None:
        self.kept = payload
        if self.echoes:
            self.heard = payload


@pytest.fixture
def puppet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Broker], StateCheck]:
    monkeypatch.setattr(state, "HELD_S", 0.0)

    def new(broker: Broker) -> StateCheck:
        listener, store = cast(TopicListener, broker), cast(EventStore, None)
        test = Rehearsal(SiteConfig(site="shop"), TOPICS, store, listener, running=False, arrive_s=0.1)
        return StateCheck(test, "i-1")

    return new


def content_of(broker: Broker) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(broker.kept or b"")
    return found


@pytest.mark.parametrize("echoes", [True, False])
def test_a_quiet_state_is_put_back_byte_for_byte(
    puppet: Callable[[Broker], StateCheck], echoes: bool
) -> None:
    broker = Broker(QUIET, echoes=echoes)
    alarm = puppet(broker)
    assert alarm.say().state == ("ok" if echoes else "fail")
    assert (content_of(broker)["level"], content_of(broker)["test"]) == ("alarm", True)
    assert alarm.put_back() is None
    assert broker.kept == QUIET


@pytest.mark.parametrize("before", [None, LEFT])
def test_without_a_quiet_state_before_a_made_up_one_replaces_the_alarm(
    puppet: Callable[[Broker], StateCheck], before: bytes | None
) -> None:
    broker = Broker(before)
    alarm = puppet(broker)
    alarm.say()
    assert alarm.put_back() is None
    found = content_of(broker)
    assert (found["level"], found["incident"], found["test"]) == ("normal", None, False)
    assert found["model"] == ("m" if before else "")


def test_a_real_change_in_between_stays(puppet: Callable[[Broker], StateCheck]) -> None:
    broker = Broker(QUIET)
    alarm = puppet(broker)
    alarm.say()
    real = json.dumps({"level": "warning", "incident": "i-2", "test": False}).encode()
    broker.publish(TOPICS.state, real, qos=1, retain=True)
    assert alarm.put_back() is None
    assert broker.kept == real


def test_an_alarm_that_cannot_be_taken_back_is_said_and_taken_back_on_the_next_connection(
    puppet: Callable[[Broker], StateCheck],
) -> None:
    broker = Broker(QUIET, takes=1)
    alarm = puppet(broker)
    alarm.say()
    finding = alarm.put_back()
    assert finding is not None
    assert finding.state == "fail"
    assert f"what {TOPICS.state} said before could not be put back" in finding.text
    assert content_of(broker)["level"] == "alarm"
    broker.reconnect()
    assert broker.kept == QUIET
