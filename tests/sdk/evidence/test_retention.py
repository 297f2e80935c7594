from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vad_edge.evidence.retention import Instant, Kept, Limits, age_s, doomed, redated

HOUR = 3600.0
NOW = Instant(wall_s=1_800_000_000.0, boot="b", boot_s=100 * HOUR)


def kept(seq: int, hours_ago: float, size: int = 10) -> Kept:
    return Kept(seq, size, Instant(NOW.wall_s - hours_ago * HOUR, "b", NOW.boot_s - hours_ago * HOUR))


def test_within_one_boot_the_wall_clock_is_not_asked() -> None:
    wrong = Instant(NOW.wall_s + 10 * HOUR, "b", NOW.boot_s - 2 * HOUR)
    assert age_s(wrong, NOW) == 2 * HOUR


def test_over_a_boot_the_wall_clock_counts_and_the_future_is_not_old() -> None:
    assert age_s(Instant(NOW.wall_s - 3 * HOUR, "a", 5.0), NOW) == 3 * HOUR
    assert age_s(Instant(NOW.wall_s + 3 * HOUR, "a", 5.0), NOW) == 0.0


def test_what_was_noted_before_the_clock_was_set_gets_its_true_time() -> None:
    at_first_boot = Instant(wall_s=1000.0, boot="b", boot_s=NOW.boot_s - HOUR)
    assert redated(at_first_boot, NOW) == Instant(NOW.wall_s - HOUR, "b", NOW.boot_s - HOUR)


def test_a_clock_that_is_right_and_another_boot_are_left_alone() -> None:
    right = Instant(NOW.wall_s - HOUR + 5.0, "b", NOW.boot_s - HOUR)
    other = Instant(1000.0, "a", NOW.boot_s - HOUR)
    assert redated(right, NOW) == right
    assert redated(other, NOW) == other


def test_too_old_goes_whatever_room_there_is() -> None:
    entries = [kept(1, 73), kept(2, 71)]
    assert doomed(entries, NOW, Limits(72 * HOUR, 10**9, 0), 10**12) == [(entries[0], "age")]


def test_too_much_goes_oldest_first_until_it_fits() -> None:
    entries = [kept(seq, 10 - seq) for seq in range(5)]
    gone = doomed(entries, NOW, Limits(72 * HOUR, 30, 0), 10**12)
    assert gone == [(entries[0], "size"), (entries[1], "size")]


def test_a_disk_that_is_nearly_full_gets_its_room_back() -> None:
    entries = [kept(seq, 10 - seq) for seq in range(5)]
    gone = doomed(entries, NOW, Limits(72 * HOUR, 10**9, 100), 85)
    assert gone == [(entries[0], "disk space"), (entries[1], "disk space")]


def test_what_goes_by_age_counts_as_room() -> None:
    entries = [kept(1, 100, size=50), kept(2, 1)]
    assert doomed(entries, NOW, Limits(72 * HOUR, 10**9, 100), 60) == [(entries[0], "age")]


def test_nothing_to_do_is_nothing_done() -> None:
    assert doomed([], NOW, Limits(1.0, 1, 10**12), 0) == []
    assert doomed([kept(1, 1)], NOW, Limits(72 * HOUR, 100, 5), 10) == []


@given(
    entries=st.lists(st.tuples(st.floats(0, 200), st.integers(0, 100)), max_size=30),
    max_bytes=st.integers(0, 500),
    floor=st.integers(0, 500),
    free=st.integers(0, 500),
)
def test_what_is_left_obeys_every_limit(
    entries: list[tuple[float, int]], max_bytes: int, floor: int, free: int
) -> None:
    files = [kept(seq, age, size) for seq, (age, size) in enumerate(entries)]
    gone = doomed(files, NOW, Limits(72 * HOUR, max_bytes, floor), free)
    left = [entry for entry in files if entry not in [one for one, _ in gone]]
    assert all(age_s(entry.at, NOW) <= 72 * HOUR for entry in left)
    assert sum(entry.bytes for entry in left) <= max_bytes
    assert not left or free + sum(entry.bytes for entry, _ in gone) >= floor
    assert len({entry.seq for entry, _ in gone}) == len(gone)
