from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from vad_edge.config.site import Keeping
from vad_edge.fusion.machine import Level
from vad_edge.runtime.snapshot import MAX_WIDTH, photograph
from vad_edge.scoring.regions import Region
from vad_edge.video.frame import Frame


def taken(
    image: NDArray[np.uint8], keeping: Keeping, heat: NDArray[np.float32] | None = None
) -> NDArray[np.uint8]:
    data = photograph("front", Frame(0, 1.0, image), heat, keeping, level=Level.NORMAL, risk=None, regions=())
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return np.asarray(picture, np.uint8)


@pytest.fixture
def stripes() -> NDArray[np.uint8]:
    """Fine stripes, which any blurring takes away."""
    image = np.zeros((240, 320, 3), np.uint8)
    image[:, ::4] = image[:, 1::4] = 255
    return image


def _contrast(picture: NDArray[np.uint8]) -> float:
    return float(picture[40:400, 40:600].std())


def test_full_shows_the_frame(stripes: NDArray[np.uint8]) -> None:
    assert _contrast(taken(stripes, "full")) > 80


def test_blurred_shows_no_detail(stripes: NDArray[np.uint8]) -> None:
    assert _contrast(taken(stripes, "blurred")) < 20


def test_heatmap_shows_where_and_nothing_of_the_frame(stripes: NDArray[np.uint8]) -> None:
    heat = np.zeros((8, 8), np.float32)
    heat[1, 1] = 1.0
    picture = taken(stripes, "heatmap", heat)
    assert picture[300:450, 300:600].max() < 20
    assert picture[60:120, 80:160].max() > 100
    assert taken(stripes, "heatmap")[0:450].max() < 20


def test_none_is_refused(stripes: NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match="nothing of this scene"):
        taken(stripes, "none")


def test_a_large_frame_is_made_smaller() -> None:
    assert taken(np.zeros((1080, 1920, 3), np.uint8), "full").shape[1] == MAX_WIDTH


def test_regions_are_marked_when_it_is_serious() -> None:
    image = np.zeros((240, 320, 3), np.uint8)
    box = Region(x=100, y=100, width=50, height=50, strength=1.0)
    data = photograph(
        "front", Frame(0, 1.0, image), None, "full", level=Level.ALARM, risk=None, regions=(box,)
    )
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture[200:210, 200:300].max() > 150
