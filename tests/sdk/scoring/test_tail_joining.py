from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from vad_edge.bundle.calibration import SUM_OF_ALL, Calibration, Joining
from vad_edge.scoring.scorer import Scorer
from vad_edge.scoring.tail import counted_cues, fit_calibration, join, joint_surprise

CUES = ("speed", "rarity", "background")
NORMS = ("sum", "root")
NORMAL = np.random.default_rng(4).exponential(1.0, (2_000, 3))

joinings = st.builds(
    Joining, counted=st.lists(st.sampled_from(CUES), unique=True).map(tuple), norm=st.sampled_from(NORMS)
)


def test_what_each_norm_makes_of_two_surprises() -> None:
    joint = {norm: join(Joining(norm=norm), [3.0, 4.0]) for norm in NORMS}
    assert joint == {"sum": 7.0, "root": 5.0}


def test_a_joining_that_names_no_cue_counts_all() -> None:
    assert counted_cues(SUM_OF_ALL, CUES) == list(CUES)
    assert counted_cues(Joining(counted=("background", "speed")), CUES) == ["speed", "background"]


@given(joinings, st.lists(st.floats(0.0, 50.0), min_size=3, max_size=3))
def test_a_live_frame_is_joined_as_the_arrays_are(joining: Joining, scores: list[float]) -> None:
    calibration = fit_calibration(NORMAL, CUES, fps=10.0, joining=joining)
    seen = Scorer(calibration, CUES).surprise(0.0, np.array(scores))
    joint = float(joint_surprise(joining, calibration.cues, np.array([scores]))[0])
    assert join(joining, list(seen.cues.values())) == pytest.approx(joint, abs=1e-9)
    assert list(seen.cues) == counted_cues(joining, CUES)


def test_a_cue_that_does_not_count_changes_nothing() -> None:
    calibration = fit_calibration(NORMAL, CUES, fps=10.0, joining=Joining(counted=("rarity",)))
    scorer = Scorer(calibration, CUES)
    alone, beside = (scorer.surprise(0.0, np.array([other, 2.0, other])) for other in (0.0, 1e6))
    assert alone.total == beside.total
    assert math.isclose(alone.total, alone.cues["rarity"], abs_tol=0.1)


def test_only_a_cue_that_is_there_can_count() -> None:
    calibration = fit_calibration(NORMAL, CUES, fps=10.0)
    values = {**calibration.model_dump(), "joining": {"counted": ("smell",)}}
    with pytest.raises(ValidationError, match="counts a cue that has no tail"):
        Calibration.model_validate(values)
