from __future__ import annotations

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vad_edge.config.site import TamperConfig
from vad_edge.fusion.tamper import RESTORED_S, TamperChange, TamperWatch
from vad_edge.video.validity import VALID, Reason, Validity


def bad(reason: Reason) -> Validity:
    return Validity(False, reason, f"it is {reason}")


def follow(*shots: tuple[Validity, float], config: TamperConfig | None = None) -> list[TamperChange]:
    """The changes that verdicts bring, each given for some seconds at ten frames a second."""
    numbers = count(1)
    watch = TamperWatch(config or TamperConfig(), new_incident=lambda: f"tamper {next(numbers)}")
    frame, changes = 0, []
    for verdict, seconds in shots:
        for _ in range(round(seconds * 10)):
            changes.append(watch.update(frame / 10, verdict))
            frame += 1
    return [change for change in changes if change is not None]


def test_a_camera_that_is_covered_for_long_enough_is_tampered_with() -> None:
    began, ended = follow((VALID, 3), (bad("covered"), 15), (VALID, 10))
    assert (began.kind, began.since_s, began.time_s) == ("tampered", 3.0, 13.0)
    assert began.reason == "covered: it is covered"
    assert (ended.kind, ended.incident, ended.time_s) == ("restored", began.incident, 18.0 + RESTORED_S)


def test_a_person_who_stands_before_the_camera_is_no_tamper() -> None:
    assert follow((bad("covered"), 9), (VALID, 2), (bad("moved"), 9), (VALID, 2)) == []


def test_a_picture_that_is_well_for_a_moment_has_not_been_well() -> None:
    began, *_ = follow((bad("covered"), 6), (VALID, 0.5), (bad("moved"), 6))
    assert (began.since_s, began.reason) == (0.0, "moved: it is moved")


def test_a_dark_room_is_a_tamper_only_where_that_is_said() -> None:
    night = (bad("black"), 3600)
    assert follow(night) == []
    (began,) = follow(night, config=TamperConfig(black_after_s=60))
    assert began.time_s == 60.0


def test_what_is_frozen_or_out_of_focus_is_no_tamper() -> None:
    assert follow((bad("frozen"), 60), (bad("defocused"), 60), (bad("exposure"), 60)) == []


def test_the_next_tamper_is_another_incident() -> None:
    once = ((bad("moved"), 12), (VALID, 6))
    assert [change.incident for change in follow(*once, *once)] == ["tamper 1"] * 2 + ["tamper 2"] * 2


@pytest.mark.parametrize("jump_s", [-3600.0, 3600.0])
def test_a_clock_that_jumps_makes_no_tamper_and_ends_none(jump_s: float) -> None:
    watch = TamperWatch(TamperConfig())
    changes = [watch.update(frame / 10, bad("covered")) for frame in range(50)]
    changes += [watch.update(jump_s + frame / 10, bad("covered")) for frame in range(50, 140)]
    assert changes == [None] * 140
    began = [watch.update(jump_s + frame / 10, bad("covered")) for frame in range(140, 160)]
    assert [change.since_s for change in began if change] == [jump_s + 5.0]
    assert watch.update(0.0, VALID) is None


def test_standing_down_ends_the_tamper_under_way() -> None:
    watch = TamperWatch(TamperConfig())
    for frame in range(120):
        watch.update(frame / 10, bad("covered"))
    change = watch.stand_down(12.0)
    assert change is not None
    assert (change.kind, watch.incident, watch.reason) == ("restored", None, "")
    assert watch.stand_down(13.0) is None


_verdicts = st.sampled_from([VALID, bad("covered"), bad("moved"), bad("black"), bad("frozen")])


@given(st.lists(st.tuples(_verdicts, st.integers(1, 30)), max_size=12))
def test_tampers_begin_and_end_in_turn_and_never_in_good_pictures(shots: list[tuple[Validity, int]]) -> None:
    changes = follow(*((verdict, float(seconds)) for verdict, seconds in shots))
    assert [change.kind for change in changes] == (["tampered", "restored"] * len(changes))[: len(changes)]
    assert all(change.since_s <= change.time_s for change in changes)
    if all(verdict.ok for verdict, _ in shots):
        assert not changes


def test_a_camera_that_is_lost_in_an_incident_is_a_tamper_until_it_sees_again() -> None:
    watch = TamperWatch(TamperConfig())
    change = watch.lose(8.0, 10.0, "no frame for 2 s")
    assert change is not None
    assert (change.kind, change.since_s, change.time_s) == ("tampered", 8.0, 10.0)
    assert watch.reason == "lost: no frame for 2 s"
    assert watch.lose(18.0, 20.0, "no frame for 2 s") is None
    ends = [watch.update(600.0 + step / 10, VALID) for step in range(60)]
    assert [change.kind for change in ends if change] == ["restored"]


def test_a_stream_that_breaks_off_again_and_again_is_one_tamper_in_ten_minutes() -> None:
    watch = TamperWatch(TamperConfig())
    times = range(0, 3600, 60)
    begun = []
    for time_s in times:
        if watch.lose(float(time_s), time_s + 2.0, "no frame for 2 s") is not None:
            begun.append(time_s)
        for step in range(60):
            watch.update(time_s + 10.0 + step / 10, VALID)
    assert begun == list(range(0, 3600, 600))
