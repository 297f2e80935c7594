"""What others ask of a running camera, over a real broker."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from jsonschema import Draft202012Validator
from tests.support.footage import quiet_frames, with_block, write_video

from vad_edge.bundle.archive import Bundle
from vad_edge.config.site import CameraConfig, Keeping, PolicyConfig, PrivacyConfig, SiteConfig
from vad_edge.events.event import Event
from vad_edge.events.incidents import Incidents
from vad_edge.events.store import EventStore
from vad_edge.health.board import HealthEvent
from vad_edge.mqtt.client import MqttClient
from vad_edge.mqtt.topics import CameraTopics, schema
from vad_edge.report.observer import FrameResult, Observer
from vad_edge.runtime.loop import run
from vad_edge.runtime.settings import RunSettings, RunSummary

TOPICS = CameraTopics("home", "front")
POLICY = PolicyConfig(watch=2, warning=3, alarm=4, smoothing_s=0.0, dwell_s=0.2, clear_s=0.5)
RESULT = Draft202012Validator(schema("command_result"))


class Site(Observer):
    """A run on a short clip with a block in it, and a client that publishes meanwhile."""

    def __init__(self, broker: Any, bundle: Bundle, folder: Path, speaker: MqttClient, listener: Any) -> None:
        self._broker, self._bundle, self._folder = broker, bundle, folder
        self._speaker, self.listener = speaker, listener
        self._script: dict[int, list[tuple[bytes, bool]]] = {}
        self.events: list[Event] = []
        self.conditions: list[HealthEvent] = []
        self.risks: list[float] = []

    def at(self, frame: int, *payloads: dict[str, Any] | bytes, retain: bool = False) -> None:
        raw = [load if isinstance(load, bytes) else json.dumps(load).encode() for load in payloads]
        self._script.setdefault(frame, []).extend((load, retain) for load in raw)

    def run(self, frames: int = 80, *, evidence: Keeping = "full", **broker: Any) -> RunSummary:
        self.events.clear()
        clip = write_video(self._folder / "clip.mkv", with_block(quiet_frames(frames, seed=1), 40, 50))
        camera = CameraConfig(name="front", source=str(clip), policy=POLICY)
        settings = RunSettings(
            site=SiteConfig(
                camera=(camera,),
                broker=self._broker.model_copy(update=broker),
                privacy=PrivacyConfig(evidence=evidence),
            ),
            bundle=self._bundle,
            output=self._folder / "out",
        )
        return run(settings, [self])

    def results(self) -> list[dict[str, Any]]:
        found = [json.loads(load) for load in self.listener.on(TOPICS.command_result)]
        for result in found:
            RESULT.validate(result)
        return found

    def states(self) -> list[dict[str, Any]]:
        return [json.loads(load) for load in self.listener.on(TOPICS.state)]

    def on_frame(self, result: FrameResult) -> None:
        self.risks.append(result.risk or 0.0)
        if result.frame.index == 0:
            # The clip is over before a connection would stand.
            deadline_s = time.monotonic() + 10
            while b"online" not in self.listener.on(TOPICS.availability) and time.monotonic() < deadline_s:
                time.sleep(0.01)
            time.sleep(0.2)
        for payload, retain in self._script.get(result.frame.index, ()):
            assert self._speaker.publish(TOPICS.command, payload, qos=1, retain=retain).wait(5)
        if result.frame.index in self._script:
            time.sleep(0.3)

    def on_event(self, event: Event) -> None:
        self.events.append(event)

    def on_condition(self, event: HealthEvent) -> None:
        self.conditions.append(event)


@pytest.fixture
def site(
    mosquitto: Any,
    calibrated_bundle: Bundle,
    tmp_path: Path,
    connect: Callable[..., MqttClient],
    listen: Callable[..., Any],
) -> Site:
    listener = listen(mosquitto.broker, "vad-edge/#").ready()
    return Site(mosquitto.broker, calibrated_bundle, tmp_path, connect(mosquitto.broker, "speaker"), listener)


def test_a_disarmed_camera_shows_its_risk_and_sends_no_event_even_after_a_restart(site: Site) -> None:
    site.at(10, {"command": "disarm", "id": "d1"})
    site.run()
    assert site.events == []
    assert max(site.risks) > 4
    assert site.results()[0] == {**site.results()[0], "id": "d1", "ok": True, "armed": False}
    assert [state["armed"] for state in site.states()][-1] is False

    site._script.clear()
    site.run()
    assert site.events == []

    site.at(10, {"command": "arm", "id": "a1"})
    site.run()
    assert site.events[0].kind == "opened"
    assert site.states()[-1]["armed"] is True


def test_disarming_in_mid_incident_clears_it(site: Site) -> None:
    site.at(46, {"command": "disarm"})
    site.run()
    assert site.events[0].kind == "opened"
    assert site.events[-1].kind == "cleared"
    assert site.events[-1].time_s < 5.0
    assert site.states()[-1]["level"] == "normal"


def test_a_false_alarm_is_acknowledged_as_such(site: Site, tmp_path: Path) -> None:
    site.at(70, {"command": "acknowledge", "id": "k", "verdict": "false", "by": "alice"})
    site.run()
    (result,) = site.results()
    assert (result["id"], result["ok"], result["incident"]) == ("k", True, site.events[0].incident)
    with contextlib.closing(EventStore(tmp_path / "out" / "events.db")) as store:
        said = Incidents(store.database).get(result["incident"]).acknowledged
    assert said is not None
    assert (said.answer, said.by) == ("false", "alice")


def test_an_incident_may_be_seen_without_a_verdict(site: Site) -> None:
    site.at(70, {"command": "acknowledge", "id": "seen", "by": "bacnet"})
    site.run()
    assert [(result["ok"], bool(result["incident"])) for result in site.results()] == [(True, True)]


def test_an_incident_that_never_was_is_refused(site: Site) -> None:
    site.at(
        10,
        {"command": "acknowledge", "verdict": "true", "incident": "nobody"},
        {"command": "acknowledge", "verdict": "true"},
    )
    site.run()
    reasons = [result["reason"] for result in site.results()]
    assert "there is no such incident" in reasons[0]
    assert reasons[1] == "this camera has had no incident yet"


def test_a_snapshot_is_taken_on_command_and_at_events(site: Site) -> None:
    site.at(10, {"command": "snapshot", "id": "s"})
    site.run(snapshots=True)
    pictures = site.listener.on(TOPICS.snapshot)
    assert len(pictures) >= 2
    picture = cv2.imdecode(np.frombuffer(pictures[0], np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape[1] == 640
    assert site.results()[0]["ok"] is True


def test_a_snapshot_is_refused_where_the_site_file_does_not_allow_it(site: Site) -> None:
    site.at(10, {"command": "snapshot"})
    site.run()
    assert site.listener.on(TOPICS.snapshot) == []
    assert site.results()[0]["reason"] == "snapshots are switched off"
    assert site.results()[0]["fix"] == "set broker.snapshots = true in the site file"


def test_a_snapshot_shows_nothing_that_the_site_does_not_keep(site: Site) -> None:
    site.at(10, {"command": "snapshot"})
    site.run(snapshots=True, evidence="none")
    assert site.listener.on(TOPICS.snapshot) == []
    assert site.results()[0]["reason"] == "nothing of the scene may be shown"


def test_what_is_not_built_says_so(site: Site) -> None:
    site.at(10, {"command": "recalibrate"})
    site.run()
    assert site.results()[0]["ok"] is False
    assert site.results()[0]["reason"].startswith("not available: ")


def test_commands_can_be_switched_off(site: Site) -> None:
    site.at(10, {"command": "disarm"})
    site.run(commands=False)
    assert site.results() == []
    assert site.events[0].kind == "opened"


def test_a_storm_and_garbage_leave_the_camera_watching(site: Site) -> None:
    site.at(5, *[b'{"command": "acknowledge"}'] * 200, b"\xff\xfe", b"x" * 1_000_000)
    site.at(30, b"not json")
    summary = site.run()
    assert summary.scored == 80
    assert site.events[0].kind == "opened"
    assert "command_storm" in {condition.code for condition in site.conditions}
    assert len(site.results()) < 40


def test_a_command_that_the_broker_kept_is_not_carried_out(site: Site) -> None:
    site._speaker.publish(TOPICS.command, b'{"command": "disarm"}', qos=1, retain=True).wait(5)
    site.run()
    assert site.events[0].kind == "opened"
    assert "command_retained" in {condition.code for condition in site.conditions}


def test_in_maintenance_a_camera_sends_no_event_and_says_until_when(site: Site) -> None:
    site.at(5, {"command": "maintenance", "minutes": 30, "id": "m1"})
    site.run()
    assert not site.events
    (result,) = site.results()
    assert (result["id"], result["ok"], result["armed"]) == ("m1", True, False)
    state = site.states()[-1]
    assert (state["armed"], state["armed_by"]) == (False, "maintenance")
    assert state["maintenance_until"] > state["time"]

    site.at(5, {"command": "arm", "id": "a1"})
    site.run()
    assert site.events
    assert (site.states()[-1]["armed_by"], site.states()[-1]["maintenance_until"]) == ("command", None)


def test_a_maintenance_without_an_end_is_refused(site: Site) -> None:
    site.at(
        5, {"command": "maintenance", "id": "m1"}, {"command": "maintenance", "minutes": 9999, "id": "m2"}
    )
    site.run()
    assert [result["ok"] for result in site.results()] == [False, False]
    assert site.events
