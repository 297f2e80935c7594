from __future__ import annotations

import numpy as np
import pytest

from vad_edge_training.evaluate.baselines import BaselineScorer, baselines, median_background, score_clip

STILL = np.random.default_rng(0).integers(90, 110, (64, 96)).astype(np.uint8)
NAMES = ("frame_difference", "windowed_difference", "background_distance", "foreground_speed")


def noisy(image: np.ndarray, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 2, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def passing(count: int, step: int) -> list[np.ndarray]:
    """A textured square that moves `step` pixels a frame."""
    square = np.random.default_rng(1).integers(150, 255, (24, 24)).astype(np.uint8)
    frames = []
    for number in range(count):
        frame = STILL.copy()
        left = 4 + number * step
        frame[20:44, left : left + 24] = square
        frames.append(noisy(frame, number))
    return frames


def by_name(name: str) -> BaselineScorer:
    background = median_background([[noisy(STILL, 100 + number) for number in range(16)]])
    return {baseline.name: baseline for baseline in baselines(background)}[name]


@pytest.mark.parametrize("name", NAMES)
def test_something_that_moves_scores_above_an_empty_scene(name: str) -> None:
    empty = score_clip(by_name(name), [noisy(STILL, number) for number in range(12)])
    busy = score_clip(by_name(name), passing(12, step=4))
    assert busy[8:].min() > empty[3:].max()


@pytest.mark.parametrize("name", NAMES)
def test_a_still_scene_scores_nothing(name: str) -> None:
    still = {baseline.name: baseline for baseline in baselines(STILL.astype(np.float32))}[name]
    assert score_clip(still, [STILL] * 8).tolist() == [0.0] * 8


def test_differences_are_in_grey_levels_and_in_their_squares() -> None:
    frames = [np.full((64, 96), level, np.uint8) for level in (100, 100, 103, 103)]
    assert score_clip(by_name("frame_difference"), frames) == pytest.approx([0, 0, 3, 0])
    assert score_clip(by_name("windowed_difference"), frames) == pytest.approx([0, 0, 9, 0])


def test_what_stays_is_strange_to_the_background_alone() -> None:
    parked = [passing(1, step=0)[0]] * 12
    found = {name: score_clip(by_name(name), parked)[-1] for name in NAMES}
    assert found["background_distance"] > 1000
    assert found["frame_difference"] == found["windowed_difference"] == 0
    assert found["foreground_speed"] < 0.1


def test_speed_is_in_pixels_a_frame() -> None:
    slow, fast = (score_clip(by_name("foreground_speed"), passing(12, step))[-1] for step in (1, 4))
    assert slow == pytest.approx(1, abs=0.5)
    assert fast == pytest.approx(4, abs=1.2)


@pytest.mark.parametrize("name", NAMES)
def test_a_clip_knows_nothing_of_the_one_before(name: str) -> None:
    baseline = by_name(name)
    first = score_clip(baseline, passing(8, step=3))
    assert score_clip(baseline, passing(8, step=3)) == pytest.approx(first)


def test_the_background_is_the_median_of_every_eighth_frame() -> None:
    clips = [[np.full((2, 2), number, np.uint8) for number in range(24)]]
    assert (median_background(clips) == 8).all()
