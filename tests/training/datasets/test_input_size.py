from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.footage import quiet_frames, write_video

from vad_edge.errors import DataError
from vad_edge.video.frame import shape_fault
from vad_edge_training.datasets.input_size import MOST_PIXELS, suited_config, suited_fps, suited_size
from vad_edge_training.datasets.layouts import open_dataset

SIDES = st.integers(48, 4000)


@pytest.mark.parametrize(
    ("width", "height", "size"),
    [
        (360, 240, (240, 360)),
        (1920, 1080, (216, 392)),
        (1080, 1920, (392, 216)),
        (640, 480, (256, 336)),
        (128, 64, (64, 128)),
        (40, 30, (32, 40)),
    ],
)
def test_the_input_has_the_shape_of_the_footage(width: int, height: int, size: tuple[int, int]) -> None:
    assert suited_size(width, height, multiple=8) == size


@given(SIDES, SIDES, st.sampled_from([8, 16, 32]))
def test_the_input_folds_and_is_not_much_more_than_a_board_takes(
    width: int, height: int, multiple: int
) -> None:
    high, wide = suited_size(width, height, multiple=multiple)
    assert high % multiple == wide % multiple == 0
    assert min(high, wide) >= 2 * multiple
    if max(width, height) < 3 * min(width, height):
        assert high * wide <= 1.5 * MOST_PIXELS


@given(SIDES, SIDES, st.sampled_from([8, 16]))
def test_the_rounded_input_is_never_said_to_be_of_another_shape(
    width: int, height: int, multiple: int
) -> None:
    high, wide = suited_size(width, height, multiple=multiple)
    if max(width, height) < 8 * min(width, height):
        assert not shape_fault(width, height, wide, high)


@pytest.mark.parametrize(
    ("fps", "rate"), [(10, 10), (30, 10), (25, 25 / 3), (20, 10), (15, 7.5), (12.5, 12.5), (5, 5), (4, 4)]
)
def test_every_nth_frame_is_taken_as_near_ten_a_second_as_goes(fps: float, rate: float) -> None:
    assert suited_fps(fps) == pytest.approx(rate)


@given(st.floats(0.5, 240))
def test_slow_footage_keeps_its_rate_and_fast_footage_comes_near_ten(fps: float) -> None:
    rate = suited_fps(fps)
    assert rate == fps if fps <= 10 else 6.6 < rate < 15


def test_a_folder_of_footage_says_its_size_and_rate_itself(tmp_path: Path) -> None:
    write_video(tmp_path / "training" / "a.mkv", quiet_frames(8, height=64, width=96), fps=30.0)
    assert suited_config(open_dataset(tmp_path), multiple=8) == {"height": 64, "width": 96, "fps": 10.0}


def test_a_folder_without_footage_is_refused(tmp_path: Path) -> None:
    (tmp_path / "training").mkdir()
    with pytest.raises(DataError):
        suited_config(open_dataset(tmp_path), multiple=8)
