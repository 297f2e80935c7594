from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vad_edge.evidence.ring import Ring


@given(st.lists(st.tuples(st.floats(0, 2), st.integers(1, 50)), min_size=1, max_size=60))
def test_a_ring_is_bounded_and_always_has_the_newest(steps: list[tuple[float, int]]) -> None:
    ring: Ring[int] = Ring(5.0, 200)
    now = 0.0
    for number, (step, size) in enumerate(steps):
        now += step
        ring.append(now, number, size)
        entries = ring.since(-1.0)
        assert entries[-1].item == number
        assert ring.bytes == sum(entry.size for entry in entries)
        assert now - entries[0].time_s <= 5.0
        assert ring.bytes <= 200
        assert [entry.item for entry in entries] == list(range(number - len(entries) + 1, number + 1))


def test_time_that_goes_back_begins_anew() -> None:
    ring: Ring[str] = Ring(5.0, 100)
    ring.append(10.0, "old", 1)
    ring.append(0.5, "new", 1)
    assert [entry.item for entry in ring.since(0.0)] == ["new"]


def test_what_is_nearest_is_found() -> None:
    ring: Ring[str] = Ring(60.0, 100)
    assert ring.nearest(1.0) is None
    assert ring.newest() is None
    for time_s, item in ((1.0, "a"), (2.0, "b"), (4.0, "c")):
        ring.append(time_s, item, 1)
    assert [ring.nearest(time_s).item for time_s in (0.0, 1.4, 2.9, 9.0)] == ["a", "a", "b", "c"]
    assert ring.newest().item == "c"
