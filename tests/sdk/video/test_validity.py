from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.support.footage import quiet_frames, with_block

from vad_edge.video.validity import FROZEN_FRAMES, ValidityCheck


def scene(seed: int) -> NDArray[np.uint8]:
    """A picture with large bright and dark areas."""
    areas = np.random.default_rng(seed).integers(0, 2, (6, 8), np.uint8)
    return np.kron(areas, np.ones((20, 20), np.uint8))[..., None].repeat(3, 2) * 180 + 30


def noisy(image: NDArray[np.uint8], seed: int) -> NDArray[np.uint8]:
    noise = np.random.default_rng(seed).normal(0, 3, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def test_living_footage_is_valid() -> None:
    check = ValidityCheck()
    assert all(check.check(frame).ok for frame in with_block(quiet_frames(60), 20, 40))


def test_a_black_picture_may_not_be_scored() -> None:
    verdict = ValidityCheck().check(np.full((48, 64, 3), 5, np.uint8))
    assert (verdict.ok, verdict.reason) == (False, "black")
    assert verdict.detail == "99 % of the picture are darker than 12"


def test_a_dark_picture_with_a_lamp_is_not_black() -> None:
    image = np.full((240, 320, 3), 5, np.uint8)
    image[:40, :40] = 200
    assert ValidityCheck().check(image).ok


def test_a_picture_that_never_changes_is_frozen_until_it_does() -> None:
    check = ValidityCheck()
    still = scene(1)
    verdicts = [check.check(still) for _ in range(FROZEN_FRAMES + 2)]
    assert [verdict.reason for verdict in verdicts[-3:]] == ["", "frozen", "frozen"]
    assert verdicts[-1].detail == f"{FROZEN_FRAMES + 1} identical frames"
    assert check.check(noisy(still, 1)).ok


def test_another_scene_is_a_cut_that_may_be_scored() -> None:
    check = ValidityCheck()
    check.check(noisy(scene(1), 1))
    verdict = check.check(noisy(scene(2), 2))
    assert (verdict.ok, verdict.reason) == (True, "cut")
    assert "correlation" in verdict.detail
    assert check.check(noisy(scene(2), 3)).reason == ""


@given(st.floats(0.4, 1.6), st.floats(-25, 60))
def test_light_that_changes_is_no_cut(gain: float, offset: float) -> None:
    check = ValidityCheck()
    check.check(noisy(scene(1), 1))
    changed = np.clip(noisy(scene(1), 2) * gain + offset, 0, 255).astype(np.uint8)
    assert check.check(changed).reason in ("", "black")


_shots = st.lists(
    st.tuples(st.sampled_from(["black", "still", "one", "two"]), st.integers(1, FROZEN_FRAMES + 5)),
    max_size=6,
)


@given(shots=_shots)
def test_each_frame_is_judged_by_what_came_before_it(shots: list[tuple[str, int]]) -> None:
    check = ValidityCheck()
    seen = ""  # the scene of the last frame that was not black; none after black
    before, repeats = "", 0
    for number, kind in enumerate(kind for kind, count in shots for _ in range(count)):
        repeats = repeats + 1 if kind == before and kind in ("black", "still") else 0
        before = kind
        if kind == "black":
            image, expected, seen = np.zeros((120, 160, 3), np.uint8), "black", ""
        elif repeats >= FROZEN_FRAMES:
            image, expected = scene(1), "frozen"
        else:
            image = scene(1) if kind == "still" else noisy(scene(2 if kind == "two" else 1), number)
            place = "two" if kind == "two" else "one"
            expected, seen = ("cut" if seen not in ("", place) else ""), place
        verdict = check.check(image)
        assert verdict.reason == expected
        assert verdict.ok == (expected in ("", "cut"))
