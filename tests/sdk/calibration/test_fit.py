from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.normal_scores import CUES, normal_stretches

from vad_edge.budget import AlarmBudget
from vad_edge.calibration.fit import Learned, default_policy, learn
from vad_edge.calibration.plot import plot_levels
from vad_edge.calibration.policy_replay import incidents_at, replay_of

FPS = 5.0
HOURLY = AlarmBudget.parse("1/hour")


@pytest.fixture(scope="module")
def learned() -> Learned:
    return learn(normal_stretches(1800, clips=6, seed=100), CUES, FPS, HOURLY)


def test_alarms_on_life_it_has_not_seen_keep_the_budget(learned: Learned) -> None:
    policy = default_policy(3600.0)
    replay = replay_of(normal_stretches(1800, clips=16, seed=500), learned.calibration, CUES, policy, FPS)
    alarms = len(incidents_at(replay, replay.persistent(policy), learned.levels.alarm, policy).begins)
    assert 1 <= alarms <= 16  # 8 hours


def test_normal_footage_is_used_whole(learned: Learned) -> None:
    assert learned.outliers == ()
    assert learned.calibration.frames == 6 * 1800 * 5
    assert learned.levels.armed_s == 6 * 1800


def test_an_anomaly_in_the_footage_is_named_and_does_not_lift_the_alarm(learned: Learned) -> None:
    stretches = normal_stretches(1800, clips=6, seed=100)
    stretches[2].scores[4000:4100] *= 40
    spoiled = learn(stretches, CUES, FPS, HOURLY)
    (outlier,) = spoiled.outliers
    assert outlier.clip == "clip-2.mkv"
    assert spoiled.levels.alarm == pytest.approx(learned.levels.alarm, rel=0.15)


def test_footage_known_to_be_normal_keeps_what_looks_abnormal() -> None:
    stretches = normal_stretches(600, clips=6, seed=100)
    stretches[2].scores[1000:1100] *= 40
    assert learn(stretches, CUES, FPS, HOURLY, all_normal=True).outliers == ()


def test_the_picture_of_a_fit_is_drawn(learned: Learned, tmp_path: Path) -> None:
    plot_levels(learned.fit, learned.levels, tmp_path / "fit.png")
    assert (tmp_path / "fit.png").stat().st_size > 10_000
