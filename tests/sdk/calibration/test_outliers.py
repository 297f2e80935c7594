from __future__ import annotations

import numpy as np
import pytest
from tests.support.normal_scores import CUES, normal_stretches

from vad_edge.calibration.fit import default_policy
from vad_edge.calibration.outliers import Outlier, find_outliers
from vad_edge.calibration.policy_replay import joined, unseen_risks, without
from vad_edge.calibration.scores import Stretch

FPS = 5.0
POLICY = default_policy(3600.0)


def outliers(stretches: list[Stretch]) -> list[tuple[int, slice, Outlier]]:
    risks = unseen_risks(stretches, CUES, FPS, POLICY)
    return find_outliers(stretches, risks, joined(stretches, risks, FPS), POLICY, FPS)


@pytest.mark.parametrize("seed", [10, 40])
def test_normal_life_has_no_outliers(seed: int) -> None:
    assert outliers(normal_stretches(600, clips=6, seed=seed)) == []


@pytest.mark.parametrize("seconds", [4, 60])
def test_what_is_abnormal_is_named_with_clip_and_time(seconds: int) -> None:
    stretches = normal_stretches(600, clips=6, seed=20)
    begin = 1500
    stretches[3].scores[begin : begin + seconds * 5] *= 40
    ((number, frames, outlier),) = outliers(stretches)
    assert (number, outlier.clip) == (3, "clip-3.mkv")
    assert outlier.begin_s == pytest.approx(300, abs=2)
    assert outlier.end_s == pytest.approx(300 + seconds, abs=3)
    assert frames.start == outlier.first_frame == pytest.approx(begin, abs=10)
    assert str(outlier).startswith("clip-3.mkv from 5:0")


def test_two_alike_cannot_hide_each_other() -> None:
    stretches = normal_stretches(600, clips=6, seed=30)
    for number in (1, 4):
        stretches[number].scores[2000:2050] *= 40
    assert [number for number, _, _ in outliers(stretches)] == [1, 4]


def test_what_is_left_out_loses_its_scores_and_nothing_else() -> None:
    stretches = normal_stretches(60, clips=2)
    kept = without(stretches, [(1, slice(10, 20))])
    assert np.isnan(kept[1].scores[10:20]).all()
    assert np.isfinite(kept[1].scores[20:]).all()
    assert np.isfinite(stretches[1].scores).all()
    assert np.array_equal(kept[0].scores, stretches[0].scores)
