from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from vad_edge.calibration.recorded_scores import RecordedScores, shipped_scores
from vad_edge.calibration.tails import fit_tails
from vad_edge.scoring.drift import DriftWatch
from vad_edge.scoring.scorer import Scorer

BLOCK_S = 60.0


def watched(surprises: list[float]) -> DriftWatch:
    """One that has seen a surprise for each stretch of a minute."""
    watch = DriftWatch(BLOCK_S)
    for minute, surprise in enumerate(surprises):
        for second in range(60):
            watch.see(60.0 * minute + second, surprise if 10 <= second < 50 else 0.0)
    return watch


def chances(hours: float, factor: float = 1.0, seed: int = 0) -> list[float]:
    """Surprises of stretches as calibrated life has them, times a factor."""
    chance = np.random.default_rng(seed).uniform(size=round(60 * hours))
    return (-np.log10(chance) * factor).tolist()


def test_life_as_it_was_is_no_drift() -> None:
    assert watched(chances(60)).found is None


def test_life_that_has_grown_wilder_is_told_within_hours() -> None:
    found = watched(chances(5, 10.0)).found
    assert found is not None
    assert (found.kind, found.hours) == ("louder", 3)
    assert "calibrate it again" in str(found)


def test_a_smaller_change_is_told_after_a_day() -> None:
    louder = watched(chances(26, 2.5)).found
    assert louder is not None
    assert (louder.kind, louder.hours) == ("louder", 24)


def test_a_quiet_day_is_a_holiday_and_a_quiet_week_is_told() -> None:
    assert watched(chances(30) + chances(48, 0.01)).found is None
    quieter = watched(chances(170, 0.1)).found
    assert quieter is not None
    assert (quieter.kind, quieter.hours) == ("quieter", 168)


def test_it_is_over_when_life_is_as_it_was() -> None:
    assert watched(chances(30, 2.5) + chances(24)).found is None


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(0, 10)), max_size=200))
def test_no_clock_upsets_it(frames: list[tuple[float, float]]) -> None:
    watch = DriftWatch(BLOCK_S)
    for time_s, surprise in frames:
        watch.see(time_s, surprise)
    assert watch.found is None


@pytest.fixture(scope="module")
def room() -> RecordedScores:
    return shipped_scores()


def day_of(room: RecordedScores, scorer: Scorer, factor: float) -> list[NDArray[np.float64]]:
    """The total surprises of each recorded hour, scores times a factor; every fifth of them, for speed."""
    return [
        np.array(
            [scorer.surprise(0.0, row * factor).total for row in part.scores[::5] if np.isfinite(row).all()]
        )
        for part in room.stretches
    ]


@pytest.mark.parametrize(
    ("factor", "kind", "days"), [(1.0, None, 9), (3.5, "louder", 2), (0.1, "quieter", 9)]
)
def test_real_life_is_no_drift_and_other_scores_are(
    room: RecordedScores, factor: float, kind: str | None, days: int
) -> None:
    """Calibrated on twelve hours of a real room; then days out of all its hours."""
    half = [part.scores for part in room.stretches[:12]]
    calibration = fit_tails(half, room.cues, fps=room.fps, block_s=BLOCK_S)
    hours = day_of(room, Scorer(calibration, room.cues), factor)
    watch = DriftWatch(BLOCK_S)
    now_s, found = 0.0, set()
    for hour in hours * days:
        for surprise in hour:
            now_s += 1.0
            watch.see(now_s, float(surprise))
        found.add(watch.found.kind if watch.found else None)
    assert (kind in found) if kind else (found == {None})
