from __future__ import annotations

import numpy as np

from vad_edge.diagnostics.engines.engine_checks import STRANGE, synthetic_frame


def test_a_frame_is_the_same_every_time_and_another_for_each_camera() -> None:
    frame = synthetic_frame(3, 0, 48, 64)
    assert (frame.shape, frame.dtype) == ((48, 64, 3), np.uint8)
    np.testing.assert_array_equal(frame, synthetic_frame(3, 0, 48, 64))
    assert (frame != synthetic_frame(3, 1, 48, 64)).any()
    assert (frame != synthetic_frame(4, 0, 48, 64)).any()


def test_what_is_strange_changes_the_picture_more_than_what_walks() -> None:
    def change(number: int) -> float:
        one, other = (synthetic_frame(at, 0, 48, 64).astype(float) for at in (number, number + 1))
        return float(np.abs(one - other).mean())

    ordinary = [change(number) for number in range(10)]
    strange = [change(number) for number in STRANGE[:-1]]
    assert np.mean(strange) > 1.5 * np.mean(ordinary)
