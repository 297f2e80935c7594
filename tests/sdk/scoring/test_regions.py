from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from vad_edge.scoring.regions import Region, RegionTracker, Zones, find_regions, overlap, span


def error_map() -> np.ndarray:
    return np.zeros((16, 24), np.float32)


def test_a_patch_becomes_a_box_in_source_pixels() -> None:
    error = error_map()
    error[4:6, 10:13] = 0.5
    error[5, 11] = 0.9
    found = find_regions(error, floor=0.1, width=240, height=320)
    strength = float(np.float32(0.9))
    assert found == [Region(100, 80, 30, 40, strength, area=30 * 40, peak_x=115, peak_y=110)]


def test_patches_close_together_are_one_and_distant_ones_are_not() -> None:
    error = error_map()
    error[2, 2] = error[2, 5] = 1.0
    error[12, 20] = 2.0
    found = find_regions(error, floor=0.1, width=24, height=16)
    assert [(box.x, box.width) for box in found] == [(20, 1), (2, 4)]


def test_only_the_strongest_are_kept() -> None:
    error = error_map()
    error[::5, ::5] = np.arange(20).reshape(4, 5) + 1.0
    found = find_regions(error, floor=0.1, width=24, height=16, limit=3)
    assert [box.strength for box in found] == [20.0, 19.0, 18.0]


def test_nothing_above_the_floor_gives_nothing() -> None:
    assert find_regions(np.full((4, 4), np.nan, np.float32), floor=0.1, width=9, height=9) == []
    assert find_regions(error_map(), floor=0.0, width=24, height=16) == []


@given(
    arrays(np.float32, array_shapes(min_dims=2, max_dims=2, max_side=20), elements=st.floats(0, 9, width=32)),
    st.integers(20, 4000),
    st.integers(20, 4000),
)
def test_boxes_lie_inside_the_picture(error: np.ndarray, width: int, height: int) -> None:
    for box in find_regions(error, floor=1.0, width=width, height=height):
        assert 0 <= box.x < box.x + box.width <= width
        assert 0 <= box.y < box.y + box.height <= height
        assert box.strength > 1.0
        assert box.x <= box.peak_x < box.x + box.width
        assert box.y <= box.peak_y < box.y + box.height
        assert 0 <= box.area <= box.width * box.height + width * height // error.size + 1


def patch(left: int, strength: float = 1.0, top: int = 4) -> np.ndarray:
    error = error_map()
    error[top : top + 4, left : left + 4] = strength
    return error


def test_a_region_that_moves_keeps_its_number_and_a_new_one_gets_another() -> None:
    tracker = RegionTracker()
    numbers = []
    for step in range(8):
        tracker.see(float(step), patch(2 + step) + patch(18, 0.9, top=11) * (step > 3))
        numbers.append({region.number for region in tracker.regions(240, 160)})
    assert numbers == [{1}] * 4 + [{1, 2}] * 4
    tracker.forget()
    tracker.see(9.0, patch(9))
    assert {region.number for region in tracker.regions(240, 160)} == {3}


def test_a_region_does_not_flicker_with_its_strength() -> None:
    tracker = RegionTracker()
    strong, weak = patch(2) + patch(18, 0.55), patch(2) + patch(18, 0.45)
    tracker.see(0.0, strong)
    assert len(tracker.regions(240, 160)) == 2
    tracker.see(10.0, weak)
    assert len(tracker.regions(240, 160)) == 2
    tracker.forget()
    assert len(tracker.regions(240, 160)) == 1


def test_what_comes_is_there_at_once_and_what_goes_fades_over_a_moment() -> None:
    tracker = RegionTracker()
    tracker.see(0.0, patch(2))
    tracker.see(0.01, patch(18))
    assert {region.x for region in tracker.regions(24, 16)} == {2, 18}
    tracker.see(2.0, patch(18))
    assert [region.x for region in tracker.regions(24, 16)] == [18]


def test_the_regions_begin_anew_after_a_reset() -> None:
    tracker = RegionTracker()
    tracker.see(0.0, patch(2))
    tracker.see(0.02, None)
    assert tracker.regions(24, 16) == []
    tracker.see(0.03, patch(18))
    assert [region.x for region in tracker.regions(24, 16)] == [18]


def test_the_regions_begin_anew_when_the_clock_steps_back() -> None:
    tracker = RegionTracker()
    tracker.see(5.0, patch(2))
    tracker.see(4.9, patch(18))
    assert [region.x for region in tracker.regions(24, 16)] == [18]


@given(
    arrays(np.float32, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.floats(0, 9, width=32))
)
def test_a_map_spans_from_its_median_to_its_peak(error: np.ndarray) -> None:
    assert span(error) == pytest.approx((np.median(error.astype(np.float64)), error.max()))


def test_the_first_event_of_a_run_waits_for_no_import() -> None:
    program = (
        "import sys, numpy; from vad_edge.scoring.regions import half_peak;"
        "half_peak(numpy.ones((4, 6), numpy.float32)); sys.exit('numpy.ma' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_regions_carry_the_names_of_the_zones_they_lie_in() -> None:
    left = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
    middle = ((0.4, 0.0), (0.6, 0.0), (0.6, 1.0), (0.4, 1.0))
    tracker = RegionTracker(Zones({"left": left, "middle": middle}, 16, 24))
    tracker.see(0.0, patch(9))
    assert [region.zones for region in tracker.regions(240, 160)] == [("left", "middle")]
    tracker.see(60.0, patch(19))
    assert [region.zones for region in tracker.regions(240, 160)] == [()]


@given(*[st.integers(0, 50)] * 2, *[st.integers(1, 50)] * 2)
def test_a_box_overlaps_with_itself_alone_in_full(x: int, y: int, width: int, height: int) -> None:
    box = Region(x, y, width, height, 1.0)
    assert overlap(box, box) == 1.0
    assert overlap(box, Region(x + width, y, width, height, 1.0)) == 0.0
    assert 0.0 < overlap(box, Region(x, y, width + 1, height, 1.0)) < 1.0
