from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from vad_edge.config.site import BrokerConfig, SiteConfig
from vad_edge.diagnostics.alarm_test import drive
from vad_edge.diagnostics.alarm_test.drive import alarm_test, camera_of
from vad_edge.errors import ConfigError
from vad_edge.events.incidents import Incidents
from vad_edge.events.store import EventStore
from vad_edge.mqtt.publisher import camera_publisher
from vad_edge.mqtt.topics import CameraTopics, schema

TOPICS = CameraTopics("shop", "front")


def test_without_a_run_the_test_carries_its_own_incident(
    mosquitto: Any, listen: Callable[..., Any], tmp_path: Path
) -> None:
    listener = listen(mosquitto.broker, "vad-edge/#").ready()
    path = tmp_path / "events.db"
    found = list(alarm_test(SiteConfig(site="shop", broker=mosquitto.broker), "front", path, tmp_path))
    assert {finding.subject for finding in found if finding.state == "warn"} == {"device", "home assistant"}
    assert not [finding for finding in found if finding.state == "fail"]

    events = [json.loads(payload) for payload in listener.on(TOPICS.event)]
    for event in events:
        Draft202012Validator(schema("event")).validate(event)
    assert [event["data"]["kind"] for event in events] == ["opened", "raised", "cleared"]
    assert all(event["data"]["test"] for event in events)
    states = [json.loads(payload) for payload in listener.on(TOPICS.state)]
    for state in states:
        Draft202012Validator(schema("state")).validate(state)
    assert [(state["level"], state["test"]) for state in states] == [("alarm", True), ("normal", False)]
    with contextlib.closing(EventStore(path)) as store:
        (incident,) = Incidents(store.database).find()
        assert incident.acknowledged is not None
        assert incident.acknowledged.answer == "test"
        assert store.pending("front") == []
    assert "was missed after" in found[-1].text


@pytest.fixture
def running(mosquitto: Any, tmp_path: Path, eventually: Callable[..., None]) -> Iterator[Path]:
    """A device that watches, as far as the broker can tell."""
    path = tmp_path / "events.db"
    with contextlib.closing(EventStore(path)) as store:
        publisher = camera_publisher(
            mosquitto.broker, site="shop", camera="front", store=store, model="scene"
        )
        publisher.start()
        assert publisher.client.wait_connected(10)
        yield path
        publisher.stop()


def test_beside_a_run_the_runs_own_publisher_carries_it(
    mosquitto: Any, running: Path, listen: Callable[..., Any]
) -> None:
    listener = listen(mosquitto.broker, "vad-edge/#").ready()
    found = list(
        alarm_test(SiteConfig(site="shop", broker=mosquitto.broker), "front", running, running.parent)
    )
    assert {finding.state for finding in found} == {"ok"}
    assert len(listener.on(TOPICS.event)) == 3
    assert set(listener.on(TOPICS.availability)) == {b"online"}


def test_an_event_that_does_not_arrive_is_a_failure_and_stays_in_the_store(
    new_mosquitto: Callable[..., Any], tmp_path: Path
) -> None:
    acl = tmp_path / "acl"
    acl.write_text("topic read vad-edge/#\n")
    mosquitto = new_mosquitto(f"allow_anonymous true\nacl_file {acl}\n")
    mosquitto.start()
    path = tmp_path / "events.db"
    site = SiteConfig(site="shop", broker=mosquitto.broker)
    found = list(alarm_test(site, "front", path, tmp_path, arrive_s=1.0))
    assert "event" in {finding.subject for finding in found if finding.state == "fail"}
    with contextlib.closing(EventStore(path)) as store:
        assert len(store.pending("front")) == 1


def test_a_broker_that_is_away_ends_the_test_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drive, "CONNECT_S", 0.5)
    site = SiteConfig(site="shop", broker=BrokerConfig(url="mqtt://127.0.0.1:1"))
    (finding,) = alarm_test(site, "front", tmp_path / "events.db", tmp_path)
    assert finding.state == "fail"
    assert "connection refused" in finding.text


def test_the_camera_has_to_be_clear() -> None:
    site = SiteConfig(site="shop")
    assert camera_of(site, None, ["front"]) == "front"
    with pytest.raises(ConfigError, match="has 2 cameras; which one is meant"):
        camera_of(site, None, ["front", "yard"])
    with pytest.raises(ConfigError, match=r"no camera 'side'; give --camera, one of: front, yard"):
        camera_of(site, "side", ["front", "yard"])


def test_a_real_incident_is_not_hidden_behind_a_test(
    mosquitto: Any, running: Path, connect: Callable[..., Any]
) -> None:
    speaker = connect(mosquitto.broker, "speaker")
    state = json.dumps({"level": "warning", "incident": "i-1", "armed": True}).encode()
    assert speaker.publish(TOPICS.state, state, qos=1, retain=True).wait(5)
    site = SiteConfig(site="shop", broker=mosquitto.broker)
    *_, last = alarm_test(site, "front", running, running.parent)
    assert (last.subject, last.state) == ("device", "fail")
    assert "incident i-1 is under way" in last.text
    with contextlib.closing(EventStore(running)) as store:
        assert store.pending("front") == []
