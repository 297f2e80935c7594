from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vad_edge.sensors.experience import SURPRISE_CAP, Experience


def after(blocks: int, every: int, deviation: float) -> Experience:
    """So many blocks of ten seconds, each `every`th of which deviated."""
    experience = Experience(10.0)
    for block in range(blocks):
        experience.learn(deviation if block % every == 0 else 0.1, 10.0 * block, 10.0)
    return experience


def test_without_experience_the_model_is_believed() -> None:
    assert Experience(10.0).surprise(3.0) == pytest.approx(3.0)


def test_a_model_that_is_wrong_is_corrected_by_what_happens() -> None:
    assert after(2000, every=20, deviation=4.0).surprise(4.0) == pytest.approx(1.3, abs=0.1)


def test_what_never_happened_is_rarer_than_the_model_says() -> None:
    assert after(2000, every=5000, deviation=0.0).surprise(2.0) > 3.0


def test_many_readings_of_one_block_count_once() -> None:
    experience = Experience(10.0)
    for number in range(500):
        experience.learn(4.0, number / 100, 10.0)
    assert experience.surprise(4.0) > 3.9


def test_a_gap_is_not_taken_for_calm_life() -> None:
    experience = Experience(10.0)
    experience.learn(0.1, 0.0, 10.0)
    experience.learn(0.1, 1e6, 10.0)
    assert experience.state()[0] == 1.0


@given(
    st.lists(st.tuples(st.floats(0, SURPRISE_CAP), st.floats(-1e6, 1e6)), max_size=50),
    st.floats(0, SURPRISE_CAP),
)
def test_surprises_stay_on_their_scale_and_survive_a_restart(
    moments: list[tuple[float, float]], asked: float
) -> None:
    experience, other = Experience(10.0), Experience(10.0)
    for deviation, time_s in moments:
        experience.learn(deviation, time_s, 3600.0)
    other.restore(experience.state())
    assert 0.0 <= experience.surprise(asked) <= SURPRISE_CAP
    assert other.surprise(asked) == pytest.approx(experience.surprise(asked), abs=1e-3)


@pytest.mark.parametrize("state", [[], [1.0], [float("nan")] * 62, [-1.0] * 62])
def test_what_is_no_experience_is_refused(state: list[float]) -> None:
    with pytest.raises(ValueError, match="no stream's experience"):
        Experience(10.0).restore(state)
