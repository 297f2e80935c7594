from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vad_edge.errors import ConfigError
from vad_edge_training.fit.schedule import FitConfig, Phase, Turn, first_epochs, phase_at, rate_at, turn_at

SHARES = st.lists(st.floats(0.01, 1.0), min_size=1, max_size=4)


def phases(shares: list[float]) -> tuple[Phase, ...]:
    return tuple(
        Phase(str(number), (Turn("a"), Turn("b", rate=0.1)), share=share / sum(shares))
        for number, share in enumerate(shares)
    )


@given(SHARES, st.integers(4, 200))
def test_every_phase_gets_an_epoch_and_every_epoch_a_phase(shares: list[float], epochs: int) -> None:
    schedule = phases(shares)
    places = [phase_at(schedule, epoch, epochs) for epoch in range(epochs)]
    assert places == sorted(places)
    assert set(places) == set(range(len(schedule)))
    assert [places.index(place) for place in range(len(schedule))] == first_epochs(schedule, epochs)


@given(SHARES, st.integers(4, 30), st.integers(1, 9), st.data())
def test_a_rate_is_between_nothing_and_its_turns(
    shares: list[float], epochs: int, steps: int, data: st.DataObject
) -> None:
    schedule = phases(shares)
    step = data.draw(st.integers(0, epochs * steps))
    phase = schedule[phase_at(schedule, min(step // steps, epochs - 1), epochs)]
    assert 0.0 <= rate_at(schedule, step, steps, epochs) <= turn_at(phase, step).rate


def test_each_phase_has_a_cosine_of_its_own() -> None:
    schedule = (Phase("one", (Turn("a"),), 0.5), Phase("two", (Turn("a"),), 0.5))
    rates = [rate_at(schedule, step, 10, 4) for step in (0, 10, 19, 20, 39, 40)]
    assert rates[0] == rates[3] == 1.0
    assert rates[1] == pytest.approx(0.5)
    assert max(rates[2], rates[4]) < 0.01
    assert rates[5] == 0.0


def test_turns_alternate_step_by_step() -> None:
    phase = Phase("by turns", (Turn("coders"), Turn("clusters")))
    assert [turn_at(phase, step).name for step in range(4)] == ["coders", "clusters", "coders", "clusters"]


def test_a_turn_moves_what_begins_as_it_says() -> None:
    turn = Turn("clusters", moves=("centroids", "encoder.neck."))
    assert turn.may_move("centroids")
    assert turn.may_move("encoder.neck.weight")
    assert not turn.may_move("encoder.stem.weight")
    assert Turn("all").may_move("anything")


def test_fewer_epochs_than_phases_are_refused() -> None:
    with pytest.raises(ConfigError, match="epochs: 2 are too few for 3 phases of training; give 3 or more"):
        first_epochs(phases([1.0, 1.0, 1.0]), 2)


@pytest.mark.parametrize("name", ["epochs", "batch_size", "stride", "learning_rate", "accumulate"])
def test_what_must_be_above_nothing_is(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name}: 0 is not above 0"):
        FitConfig(**{name: 0})
