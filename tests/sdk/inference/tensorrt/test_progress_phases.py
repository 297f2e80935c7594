from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vad_edge.inference.tensorrt.progress import Phases


def test_a_phase_below_is_a_part_of_a_step() -> None:
    told: list[tuple[str, float]] = []
    phases = Phases(lambda phase, share: told.append((phase, share)))
    phases.start("Building", None, 4)
    phases.step("Building", 0)
    phases.start("Timing", "Building", 2)
    phases.step("Timing", 0)
    phases.start("Reformatting", "Timing", 1)
    phases.step("Reformatting", 0)
    phases.finish("Reformatting")
    phases.step("Timing", 1)
    phases.finish("Timing")
    phases.finish("Building")
    assert told == [
        ("Building", 0.0),
        ("Building", 0.25),
        ("Timing", 0.25),
        ("Timing", 0.375),
        ("Timing", 0.5),
        ("Building", 1.0),
    ]


names = st.sampled_from("abc")


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("start"), names, st.none() | names, st.integers(-1, 5)),
            st.tuples(st.just("step"), names, st.integers(0, 9)),
            st.tuples(st.just("finish"), names),
        )
    )
)
def test_the_share_never_goes_back_whatever_is_told(calls: list[tuple]) -> None:
    shares: list[float] = []
    phases = Phases(lambda phase, share: shares.append(share))
    for call, *arguments in calls:
        getattr(phases, call)(*arguments)
    assert shares == sorted(shares)
    assert all(0 <= share <= 1 for share in shares)


def test_a_report_that_fails_stops_the_build() -> None:
    def report(phase: str, share: float) -> None:
        raise BrokenPipeError("nobody listens")

    phases = Phases(report)
    phases.start("Building", None, 2)
    assert not phases.step("Building", 0)
    with pytest.raises(BrokenPipeError):
        phases.check()
