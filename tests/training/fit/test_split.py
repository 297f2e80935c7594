from __future__ import annotations

import numpy as np
import pytest

from vad_edge.errors import DataError
from vad_edge_training.fit.split import split_clips, spread


def clip(frames: int) -> np.ndarray:
    return np.zeros((frames, 2, 2, 3), np.uint8)


def test_the_last_fifth_of_the_clips_is_held_out() -> None:
    fitted, held_out = split_clips([str(n) for n in range(10)], [clip(20)] * 10, 6)
    assert [name for name, _ in fitted] == list("01234567")
    assert [name for name, _ in held_out] == ["8", "9"]


def test_short_clips_at_the_end_do_not_make_the_held_out_part_short() -> None:
    lengths = [100, 100, 100, 100, 3]
    fitted, held_out = split_clips([str(n) for n in range(5)], [clip(n) for n in lengths], 6)
    assert [len(frames) for _, frames in fitted] == [100, 100, 100]
    assert [len(frames) for _, frames in held_out] == [100, 3]


def test_an_only_clip_gives_its_last_fifth() -> None:
    ((_, fitted),), ((name, held_out),) = split_clips(["only"], [clip(100)], 6)
    assert (name, len(fitted), len(held_out)) == ("only", 80, 20)


@pytest.mark.parametrize(("lengths", "what"), [((10, 3), "hold out"), ((3, 10), "fit"), ((20,), "hold out")])
def test_clips_that_are_too_short_are_refused(lengths: tuple[int, ...], what: str) -> None:
    with pytest.raises(DataError, match=f"the clips to {what} have less than 6 frames"):
        split_clips([str(n) for n in lengths], [clip(n) for n in lengths], 6)


@pytest.mark.parametrize(
    ("count", "most", "places"),
    [(10, 4, [0, 3, 6, 9]), (3, 8, [0, 1, 2]), (1, 5, [0]), (5, 5, [0, 1, 2, 3, 4]), (9, 1, [0])],
)
def test_places_are_spread_from_the_first_to_the_last(count: int, most: int, places: list[int]) -> None:
    assert spread(count, most) == places
