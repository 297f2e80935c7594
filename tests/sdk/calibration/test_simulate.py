from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.support.building import CUES as BUILDING_CUES
from tests.support.building import FPS as BUILDING_FPS
from tests.support.building import SENSORS, live
from tests.support.normal_scores import CUES, normal_stretches

from vad_edge.budget import AlarmBudget
from vad_edge.bundle.calibration import SUM_OF_ALL, Joining
from vad_edge.calibration.recorded_scores import (
    RecordedScores,
    read_recorded_scores,
    shipped_scores,
    write_recorded_scores,
)
from vad_edge.calibration.sensors import Listener
from vad_edge.calibration.simulate import simulate
from vad_edge.errors import DataError


@pytest.fixture
def recorded() -> RecordedScores:
    joining = Joining(counted=CUES, norm="root")
    return RecordedScores(
        CUES, 5.0, tuple(normal_stretches(3600, clips=5, seed=7)), "synthetic", joining=joining
    )


def test_scores_survive_being_stored_within_a_few_per_cent(recorded: RecordedScores, tmp_path: Path) -> None:
    recorded.stretches[0].scores[:9] = np.nan
    write_recorded_scores(tmp_path / "scores.npz", recorded, small=True)
    back = read_recorded_scores(tmp_path / "scores.npz")
    assert replace(back, stretches=()) == replace(recorded, stretches=())
    for stretch, original in zip(back.stretches, recorded.stretches, strict=True):
        assert stretch.clip == original.clip
        np.testing.assert_allclose(stretch.scores, original.scores, rtol=0.05, atol=0.005)


def test_what_sensors_said_is_stored_with_the_scores(recorded: RecordedScores, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    parts = [random.random((len(part.time_s), 2)) for part in recorded.stretches]
    parts[0][:9, 1] = np.nan
    stretches = [replace(part, heard=heard) for part, heard in zip(recorded.stretches, parts, strict=True)]
    write_recorded_scores(
        tmp_path / "scores.npz", RecordedScores(CUES, 5.0, tuple(stretches), "a", ("door", "sound"))
    )
    back = read_recorded_scores(tmp_path / "scores.npz")
    assert back.streams == ("door", "sound")
    for stretch, original, heard in zip(back.stretches, recorded.stretches, parts, strict=True):
        np.testing.assert_allclose(stretch.scores, original.scores, rtol=1e-6)
        np.testing.assert_allclose(stretch.heard, heard, rtol=1e-6)


def test_what_was_stored_without_a_joining_sums_up_all_cues(recorded: RecordedScores, tmp_path: Path) -> None:
    write_recorded_scores(tmp_path / "scores.npz", recorded)
    with np.load(tmp_path / "scores.npz") as stored:
        before = {name: stored[name] for name in stored.files if name != "joining"}
    np.savez_compressed(tmp_path / "before.npz", **before)
    assert read_recorded_scores(tmp_path / "before.npz").joining == SUM_OF_ALL


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.npz").write_bytes(b"no scores")
    with pytest.raises(DataError, match=r"it holds no recorded scores; give a file that `calib"):
        read_recorded_scores(tmp_path / "x.npz")


def test_the_shipped_life_is_small_and_says_what_it_is() -> None:
    recorded = shipped_scores()
    assert sum(len(stretch.time_s) for stretch in recorded.stretches) / recorded.fps > 10 * 3600
    assert "UPCAM" in recorded.about
    assert recorded.joining.norm == "root"


def test_simulated_alarms_keep_the_budget(recorded: RecordedScores) -> None:
    found = simulate(recorded, 100.0, AlarmBudget.parse("1/hour"), seed=1)
    values = found.to_json()
    json.dumps(values)
    assert found.expected == 100.0
    assert 0.3 < found.false_alarms / found.expected < 2.0
    assert values["interval"][0] <= found.false_alarms <= values["interval"][1]
    assert found.watches >= found.warnings >= found.false_alarms


@pytest.fixture(scope="module")
def with_sensors() -> RecordedScores:
    """Five hours of a made-up building and of what its sensors added."""
    listener = Listener(SENSORS, "camera")
    stretches = listener.hear(live(5.0, seed=1).clip())
    return RecordedScores(BUILDING_CUES, BUILDING_FPS, tuple(stretches), "synthetic", listener.streams)


def test_simulated_alarms_of_camera_and_sensors_together_keep_the_budget(
    with_sensors: RecordedScores,
) -> None:
    found = simulate(with_sensors, 100.0, AlarmBudget.parse("1/hour"), seed=1)
    assert 0.2 < found.false_alarms / found.expected < 2.0
    assert found.to_json()["sensors"] == ["door", "sound", "vibration", "counter"]


def test_what_is_seen_and_heard_in_one_moment_is_drawn_together(with_sensors: RecordedScores) -> None:
    """Sensors that speak with the camera make higher risks than the same that speak at other times."""
    budget, (life,) = AlarmBudget.parse("2/hour"), with_sensors.stretches
    assert life.heard is not None
    at_other_times = replace(life, heard=np.roll(life.heard, len(life.heard) // 3, axis=0))
    apart = replace(with_sensors, stretches=(at_other_times,))
    levels = [simulate(each, 1.0, budget, seed=1).alarm for each in (with_sensors, apart)]
    assert levels[0] > levels[1]


def test_the_same_seed_gives_the_same_life(recorded: RecordedScores) -> None:
    runs = [simulate(recorded, 50.0, AlarmBudget.parse("2/hour"), seed=3) for _ in range(2)]
    assert runs[0] == runs[1]


def test_a_recording_too_short_to_resample_is_refused() -> None:
    short = RecordedScores(CUES, 5.0, tuple(normal_stretches(1800, clips=2)), "synthetic")
    with pytest.raises(DataError, match="6 pieces of 600 s are too few to resample, 24 are needed"):
        simulate(short, 10.0, AlarmBudget.parse("1/hour"), seed=1)
