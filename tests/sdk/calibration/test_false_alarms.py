from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from tests.support.footage import quiet_frames, with_block, write_video
from tests.support.normal_scores import CUES, normal_stretches

from vad_edge.budget import AlarmBudget
from vad_edge.bundle.archive import Bundle
from vad_edge.calibration.false_alarms import false_alarms, with_false_alarms
from vad_edge.calibration.fit import default_policy, learn
from vad_edge.calibration.policy_replay import PolicyReplay, incidents_at
from vad_edge.cli import main
from vad_edge.events.commissioning import made_up_incident
from vad_edge.events.event import Event
from vad_edge.events.incidents import Incidents
from vad_edge.events.store import EventStore

FPS = 5.0
NOON = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EventStore]:
    with closing(EventStore(tmp_path / "events.db")) as store:
        yield store


def incident(store: EventStore, answer: str | None, at: datetime = NOON, **changes: object) -> list[Event]:
    """An incident that peaks at 5.0, four fifths of it from the camera's cues, with an answer."""
    events = []
    for event in made_up_incident("home", "door", at):
        shares = {"look": 0.5 * event.risk, "motion": 0.3 * event.risk, "bell": 0.2 * event.risk}
        peak = 5.0 if event.kind != "opened" else event.risk
        events.append(replace(event, shares=shares, peak_risk=peak, test=False))
    events = [replace(event, **changes) for event in events]  # type: ignore[arg-type]
    for event in events:
        store.add(event)
    if answer is not None:
        Incidents(store.database).acknowledge(events[0].incident, answer, by="me")  # type: ignore[arg-type]
    return events


def test_what_was_called_false_counts_as_normal_without_its_sensors(store: EventStore) -> None:
    events = incident(store, "false")
    for answer in ("true", "test", None):
        incident(store, answer)
    (found,) = false_alarms(store, "door", CUES)
    assert (found.incident, found.risk) == (events[0].incident, pytest.approx(4.0))


def test_tampers_tests_and_other_cameras_do_not_count(store: EventStore) -> None:
    incident(store, "false", test=True)
    incident(store, "false", camera="yard")
    incident(store, "false", kind="tampered", tamper="covered")
    incident(store, "false", shares={"bell": 4.0})
    assert false_alarms(store, "door", CUES) == []


def test_older_ones_are_left_out_where_that_is_asked(store: EventStore) -> None:
    incident(store, "false")
    later = incident(store, "false", at=NOON + timedelta(days=3))
    found = false_alarms(store, "door", CUES, since=NOON + timedelta(days=1))
    assert [each.incident for each in found] == [later[0].incident]


def test_each_false_alarm_is_an_incident_of_its_risk() -> None:
    policy = default_policy(3600.0)
    quiet = PolicyReplay(np.arange(18000) / FPS, np.full(18000, 0.1), 3600.0)
    replay = with_false_alarms(quiet, [3.0, 5.0], policy, FPS)
    held = replay.persistent(policy)
    counts = [len(incidents_at(replay, held, level, policy).begins) for level in (2.0, 4.0, 6.0)]
    assert (counts, replay.armed_s) == ([2, 1, 0], 3600.0)


def test_false_alarms_lift_the_level_of_the_next_calibration() -> None:
    footage, budget = normal_stretches(1800, clips=6, seed=100), AlarmBudget.parse("1/hour")
    before = learn(footage, CUES, FPS, budget).levels.alarm
    annoying = [before + 0.5] * 9
    after = learn(footage, CUES, FPS, budget, false_alarm_risks=annoying).levels.alarm
    assert after > before + 0.5


def test_the_command_takes_them_from_the_store_of_a_run(calibrated_bundle: Bundle, tmp_path: Path) -> None:
    images = with_block(with_block(quiet_frames(900, seed=4), 300, 310), 600, 612)
    clip, out = write_video(tmp_path / "normal.mkv", images), tmp_path / "out"
    bundle = calibrated_bundle.path
    runner = CliRunner()
    ran = runner.invoke(main, ["run", "--source", str(clip), "--bundle", str(bundle), "--output", str(out)])
    assert ran.exit_code == 0
    with closing(EventStore(out / "events.db")) as store:
        known = Incidents(store.database)
        for each in known.find():
            known.acknowledge(each.id, "false", by="me")
        count = len(known.find())
    assert count >= 1
    made = runner.invoke(
        main,
        ["calibrate", "--source", str(clip), "--bundle", str(bundle), "--output", str(tmp_path / "c.vadc"),
         "--store", str(out), "--json"],
    )  # fmt: skip
    assert made.exit_code == 0, made.stderr
    values = json.loads(made.stdout)
    assert len(values["false_alarm_risks"]) == count
    assert any("called false" in note for note in values["notes"])
