from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.support.footage import quiet_frames, with_block
from tests.support.room import blurred, covered, infrared, live, room, shifted, with_person

from vad_edge.video.validity import ADOPTED_S, FROZEN_FRAMES, Validity, ValidityCheck

FPS = 10
Image = NDArray[np.uint8]


def watch(check: ValidityCheck, images: Iterable[Image], first: int = 0) -> list[Validity]:
    """The verdicts on pictures that come ten times a second, `first` of them gone by, each with noise."""
    return [check.check(live(image, n), n / FPS) for n, image in enumerate(images, first)]


def reasons(verdicts: Iterable[Validity]) -> set[str]:
    return {verdict.reason for verdict in verdicts}


@pytest.fixture
def check() -> ValidityCheck:
    """One that has looked at the room for six seconds."""
    check = ValidityCheck()
    assert reasons(watch(check, [room()] * 60)) == {""}
    return check


def test_living_footage_is_valid() -> None:
    check = ValidityCheck()
    frames = with_block(quiet_frames(60), 20, 40)
    assert all(check.check(frame, n / FPS).ok for n, frame in enumerate(frames))


def test_people_who_walk_by_and_stand_about_are_life(check: ValidityCheck) -> None:
    walking = [with_person(room(), n) for n in range(60)]
    standing = [with_person(room(), 20)] * 100
    assert reasons(watch(check, walking + standing, 60)) == {""}


def test_a_black_picture_may_not_be_scored_and_the_model_starts_anew_after_it(check: ValidityCheck) -> None:
    (verdict,) = watch(check, [np.full_like(room(), 3)], 60)
    assert (verdict.ok, verdict.reason) == (False, "black")
    assert verdict.detail == "99 % of the picture are darker than 12"
    after = watch(check, [room()] * 2, 61)
    assert [(each.ok, each.reset) for each in after] == [(True, True), (True, False)]


def test_a_dark_picture_with_a_lamp_is_not_black() -> None:
    image = np.full((240, 320, 3), 5, np.uint8)
    image[:40, :40] = 200
    assert ValidityCheck().check(image, 0.0).ok


def test_a_dark_room_in_red_light_is_not_black() -> None:
    image = np.full((240, 320, 3), (4, 4, 200), np.uint8)
    assert ValidityCheck().check(image, 0.0).ok


def test_a_picture_that_never_changes_is_frozen_until_it_does(check: ValidityCheck) -> None:
    still = live(room(), 0)
    verdicts = [check.check(still, 6 + n / FPS) for n in range(FROZEN_FRAMES + 2)]
    assert [verdict.reason for verdict in verdicts[-3:]] == ["", "frozen", "frozen"]
    assert verdicts[-1].detail == f"{FROZEN_FRAMES + 1} identical frames"
    (after,) = watch(check, [room()], 90)
    assert (after.ok, after.reset) == (True, True)


@pytest.mark.parametrize(
    ("reason", "edit"),
    [
        ("covered", covered),
        ("covered", lambda image: covered(image, 0.85)),
        ("moved", lambda image: shifted(image, 0.06)),
        ("moved", lambda image: shifted(image, 0.3, 0.1)),
        ("moved", lambda image: shifted(image, 0.0, -0.12)),
        ("moved", lambda image: room(2)),
        ("moved", lambda image: np.ascontiguousarray(image[:, ::-1])),
        ("defocused", blurred),
        ("defocused", lambda image: blurred(image, 0.05)),
    ],
)
def test_a_picture_that_is_not_of_the_scene_may_not_be_scored(
    check: ValidityCheck, reason: str, edit: Callable[[Image], Image]
) -> None:
    changed = watch(check, [edit(room())] * 20, 60)
    back = watch(check, [room()] * 10, 80)
    assert reasons(changed[3:]) == {reason}
    assert not any(verdict.ok for verdict in changed[3:])
    assert all(verdict.detail for verdict in changed[3:])
    assert reasons(back[3:]) == {""}
    assert sum(verdict.reset for verdict in back) >= 1


@pytest.mark.parametrize("share", [0.2, 0.4])
def test_a_part_of_the_picture_that_is_hidden_hides_not_the_scene(check: ValidityCheck, share: float) -> None:
    verdicts = watch(check, [covered(room(), share)] * 30, 60)
    assert verdicts[0].reason in ("", "cut")
    assert reasons(verdicts[1:]) == {""}


def test_another_scene_is_a_cut_and_then_not_scored_until_it_has_stayed(check: ValidityCheck) -> None:
    verdicts = watch(check, [room(7)] * round((ADOPTED_S + 5) * FPS), 60)
    assert verdicts[0].reason == "moved"
    known = next(number for number, verdict in enumerate(verdicts) if verdict.ok)
    assert known == pytest.approx(ADOPTED_S * FPS, abs=2 * FPS)
    assert (verdicts[known].reason, verdicts[known].reset) == ("new_view", True)
    assert reasons(verdicts[known + 1 :]) == {""}


def test_a_known_view_is_not_learned_on_while_something_is_under_way(check: ValidityCheck) -> None:
    before = check.views["colour"].edges.copy()
    check.hold = True
    assert reasons(watch(check, [with_person(room(), 20)] * 60, 60)) == {""}
    assert np.array_equal(check.views["colour"].edges, before)
    check.hold = False
    watch(check, [room()] * 60, 120)
    assert not np.array_equal(check.views["colour"].edges, before)


def test_time_without_frames_makes_no_other_view_the_known_one(check: ValidityCheck) -> None:
    assert reasons(watch(check, [room(7)] * 3, 60)) == {"moved"}
    later = watch(check, [room(7)] * 20, round((6 + 2 * ADOPTED_S) * FPS))
    assert reasons(later) == {"moved"}


def test_a_cut_to_what_is_not_known_yet_makes_the_model_start_anew() -> None:
    check = ValidityCheck()
    left = np.where(np.arange(320)[None, :, None] < 160, 40, 220).astype(np.uint8).repeat(180, 0).repeat(3, 2)
    verdicts = watch(check, [left] * 5 + [left[:, ::-1]] * 3)
    assert [(each.reason, each.ok, each.reset) for each in verdicts[4:]] == [
        ("", True, False),
        ("cut", True, True),
        ("", True, False),
        ("", True, False),
    ]
    assert "correlation" in verdicts[5].detail


def test_a_jump_of_the_exposure_is_not_scored_until_it_settles(check: ValidityCheck) -> None:
    gains = [0.5, 0.6, 0.7, 0.8, 0.8, 0.8]
    verdicts = watch(check, [(room() * gain).astype(np.uint8) for gain in gains], 60)
    assert [each.reason for each in verdicts] == ["exposure"] * 4 + ["", ""]
    assert [each.reset for each in verdicts[4:]] == [True, False]


@settings(max_examples=25)
@given(st.floats(0.4, 1.6), st.floats(-25, 60))
def test_light_that_changes_is_neither_a_cut_nor_a_move(gain: float, offset: float) -> None:
    check = ValidityCheck()
    watch(check, [room(height=90, width=160)] * 40)
    changed = np.clip(room(height=90, width=160) * gain + offset, 0, 255).astype(np.uint8)
    assert reasons(watch(check, [changed] * 6, 40)) <= {"", "black", "exposure"}


def test_infra_red_is_another_view_of_the_same_scene(check: ValidityCheck) -> None:
    night = watch(check, [infrared(room())] * 60, 60)
    assert "switch" in reasons(night)
    assert reasons(night[6:]) == {""}
    day = watch(check, [room()] * 30, 120)
    assert reasons(day[6:]) == {""}
    assert set(check.views) == {"colour", "grey"}
    assert reasons(watch(check, [shifted(infrared(room()), 0.1)] * 20, 150)[6:]) == {"moved"}


def test_what_a_pack_knows_is_missed_from_the_first_frame(check: ValidityCheck) -> None:
    later = ValidityCheck(check.views)
    assert watch(later, [shifted(room(), 0.2)])[0].reason == "moved"
    assert watch(ValidityCheck(check.views), [room()])[0].ok


def test_a_scene_without_edges_that_stay_is_never_judged_by_them() -> None:
    check = ValidityCheck()
    random = np.random.default_rng(0)
    frames = [random.integers(0, 256, (90, 160, 3)).astype(np.uint8) for _ in range(80)]
    assert reasons(check.check(frame, n / FPS) for n, frame in enumerate(frames)) == {""}
    assert not check.views


@pytest.mark.parametrize("back_s", [-3600.0, -1.0])
def test_a_clock_that_steps_back_changes_nothing(check: ValidityCheck, back_s: float) -> None:
    verdicts = [check.check(live(room(), 100 + n), 6 + back_s + n / FPS) for n in range(60)]
    assert reasons(verdicts) == {""}


def test_a_new_frame_size_is_looked_at_as_it_comes(check: ValidityCheck) -> None:
    larger = np.kron(room(), np.ones((2, 2, 1), np.uint8)).astype(np.uint8)
    assert reasons(watch(check, [larger] * 20, 60)) == {""}
