from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vad_edge.common.retry import Backoff


def test_delays_double_up_to_the_longest_and_begin_again_after_a_reset() -> None:
    backoff = Backoff(1.0, 10.0, scatter=lambda: 1.0)
    assert [backoff.next_s() for _ in range(6)] == [1, 2, 4, 8, 10, 10]
    backoff.reset()
    assert backoff.next_s() == 1.0


@given(st.floats(0, 1), st.integers(0, 20))
def test_a_delay_lies_in_the_upper_half_of_its_step(scatter: float, steps: int) -> None:
    backoff = Backoff(1.0, 60.0, scatter=lambda: scatter)
    for _ in range(steps):
        backoff.next_s()
    step_s = min(2.0**steps, 60.0)
    assert step_s / 2 <= backoff.next_s() <= step_s
