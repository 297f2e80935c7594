from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from vad_edge_training.datasets.checks import FootageFacts, judge, measure_footage, shift_between

GOOD = FootageFacts(seconds=3600.0, fps=10.0, dark=0.0, repeated=0.0, infrared=0.0)

Frames = NDArray[np.uint8]


def a_room(count: int, *, seed: int = 0, colour: bool = True) -> Frames:
    """A still picture of blots with noise on it: (count, 96, 144, 3)."""
    random = np.random.default_rng(seed)
    coarse = np.random.default_rng(7).integers(40, 200, (12, 18, 3)).astype(np.uint8)
    if not colour:
        coarse[:] = coarse[..., :1]
    still = cv2.resize(coarse, (144, 96), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    noise = random.normal(0, 3, (count, 96, 144, 1))
    return np.clip(still + noise, 0, 255).astype(np.uint8)


def test_good_footage_gives_nothing_to_say() -> None:
    assert judge(GOOD) == []


@pytest.mark.parametrize(
    ("changes", "kind", "text"),
    [
        ({"seconds": 10.0}, "warning", "learned from 10 s of footage: much that is normal was not seen"),
        ({"dark": 1.0}, "fault", "100% of the frames are black"),
        ({"dark": 0.1}, "warning", "10% of the frames are black"),
        ({"repeated": 0.9}, "fault", "90% of the frames are identical to the one before"),
        ({"fps": 4.0}, "warning", "4 frames a second: what moves fast is hardly seen"),
        ({"infrared": 0.3}, "warning", "30% of the footage is infra-red, the rest in colour"),
        ({"moved": (("b.mp4", 12.0, 0.1),)}, "warning", "the camera moved by 10% of the picture in b.mp4"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_what_would_help(changes: dict[str, object], kind: str, text: str) -> None:
    (finding,) = judge(replace(GOOD, **changes))  # type: ignore[arg-type]
    assert finding.kind == kind
    assert text in finding.text
    assert finding.fix


def test_a_living_picture_has_no_faults() -> None:
    found = measure_footage(["a", "b"], [a_room(120), a_room(120, seed=1)], 10.0)
    assert found == FootageFacts(seconds=24.0, fps=10.0, dark=0.0, repeated=0.0, infrared=0.0)


def test_black_frozen_and_colourless_frames_are_counted() -> None:
    living = a_room(40)
    black = np.zeros_like(living)
    assert measure_footage(["a", "b"], [living, black], 10.0).dark == pytest.approx(0.5)
    frozen = np.repeat(living[:1], 40, axis=0)
    assert measure_footage(["a"], [frozen], 10.0).repeated > 0.9
    night = a_room(40, colour=False)
    assert measure_footage(["a", "b"], [living, night], 10.0).infrared == pytest.approx(0.5)


def test_a_camera_that_was_turned_is_found_where_it_happened() -> None:
    before, after = a_room(240), np.roll(a_room(240, seed=1), 11, axis=2)
    ((clip, second, share),) = measure_footage(["a", "b"], [before, after], 2.0).moved
    assert (clip, second) == ("b", 0.0)
    assert share == pytest.approx(11 / 144, abs=0.01)


def test_a_change_of_light_is_no_turn() -> None:
    room = a_room(240)
    dim = (room * 0.5 + 10).astype(np.uint8)
    assert measure_footage(["a", "b"], [room, dim], 2.0).moved == ()


def test_of_a_few_seconds_nothing_is_said_about_turning() -> None:
    assert measure_footage(["a", "b"], [a_room(50), np.roll(a_room(50), 11, axis=2)], 10.0).moved == ()


@pytest.mark.parametrize(("right", "down"), [(0, 0), (5, 0), (0, -6), (8, 6)])
def test_a_shift_is_measured_as_a_share_of_the_width(right: int, down: int) -> None:
    picture = a_room(1)[0, ..., 1].astype(np.float32)
    share, sure = shift_between(picture, np.roll(picture, (down, right), axis=(0, 1)))
    assert share == pytest.approx(np.hypot(right, down) / 144, abs=0.01)
    assert sure > 0.2
