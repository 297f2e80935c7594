from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from vad_edge_training.evaluate.localization import localization, track_regions

Map = NDArray[np.float32]


def walking(frames: int = 10, first: int = 3, last: int = 8) -> NDArray[np.bool_]:
    """Masks of a block that walks to the right: (T, 32, 64), 8 x 8 pixels."""
    masks = np.zeros((frames, 32, 64), np.bool_)
    for frame in range(first, last):
        masks[frame, 8:16, 4 * frame : 4 * frame + 8] = True
    return masks


def maps_of(masks: NDArray[np.bool_], off: int = 0) -> list[Map]:
    """Error maps at a quarter of the size that show the masks, `off` cells too far to the right."""
    random = np.random.default_rng(0)
    cells = masks.reshape(len(masks), 8, 4, 16, 4).any(axis=(2, 4))
    return [
        (np.roll(mask, off, axis=1) * 10.0 + random.uniform(0, 0.1, mask.shape)).astype(np.float32)
        for mask in cells
    ]


def test_maps_that_show_the_masks_find_everything() -> None:
    found = localization([maps_of(walking())], [walking()])
    assert found is not None
    assert found.rbdc > 0.95
    assert found.tbdc > 0.95


def test_maps_that_show_another_place_find_nothing() -> None:
    found = localization([maps_of(walking(), off=7)], [walking()], thresholds=8)
    assert found is not None
    assert found.rbdc < 0.2


def test_a_track_found_in_a_tenth_of_its_frames_is_found() -> None:
    masks = walking(frames=20, first=0, last=14)
    quiet: list[Map] = [np.full((8, 16), 0.01, np.float32) for _ in range(20)]
    quiet[5] = maps_of(masks)[5]
    quiet[6] = maps_of(masks)[6]
    found = localization([quiet], [masks])
    assert found is not None
    assert found.rbdc < 0.3
    assert found.tbdc > 0.9


def test_false_regions_cost() -> None:
    masks = walking()
    clean, noisy = maps_of(masks), maps_of(masks)
    for frame in noisy:
        frame[0, 0] = frame[0, 15] = frame[7, 0] = frame[7, 15] = 20.0
    good, bad = localization([clean], [masks]), localization([noisy], [masks])
    assert good is not None
    assert bad is not None
    assert bad.rbdc < 0.5 * good.rbdc


def test_frames_left_out_do_not_count() -> None:
    masks = walking()
    maps: list[Map | None] = list(maps_of(masks))
    for frame in (3, 4):
        maps[frame] = None
    found = localization([maps], [masks])
    assert found is not None
    assert found.rbdc > 0.95


@pytest.mark.parametrize("masks", [np.zeros((4, 32, 64), np.bool_), walking(4, 1, 3)])
def test_where_nothing_is_left_to_find_there_is_no_figure(masks: NDArray[np.bool_]) -> None:
    assert localization([[None] * 4], [masks]) is None


def test_the_order_of_the_clips_changes_nothing() -> None:
    clips = [walking(), walking(12, 0, 5), np.zeros((6, 32, 64), np.bool_)]
    maps = [maps_of(masks) for masks in clips]
    assert localization(maps, clips) == localization(maps[::-1], clips[::-1])


def test_regions_that_overlap_from_frame_to_frame_are_one_track() -> None:
    masks = walking()
    masks[5, 24:32, 0:8] = True
    masks[8:10, 8:16, 0:8] = True
    tracks = [regions.tracks for regions in track_regions(masks, (8, 16), first_track=10)]
    assert tracks[3] == tracks[4] == tracks[6] == tracks[7] == (10,)
    assert tracks[5] == (10, 11)
    assert tracks[8] == tracks[9] == (12,)
    assert tracks[0] == ()


def test_a_region_smaller_than_a_cell_is_still_there() -> None:
    masks = np.zeros((1, 32, 64), np.bool_)
    masks[0, 1, 1] = True
    (regions,) = track_regions(masks, (8, 16))
    assert int((regions.labels > 0).sum()) == 1
