from __future__ import annotations

import numpy as np
import pytest

from vad_edge_training.datasets.anomalies import MIN_FRAMES, with_anomaly

FRAMES = np.random.default_rng(0).integers(0, 256, (60, 24, 36, 3), np.uint8)


@pytest.mark.parametrize("kind", range(3))
def test_only_the_flagged_frames_are_changed(kind: int) -> None:
    before = FRAMES.copy()
    spoiled, flags = with_anomaly(FRAMES, kind)
    assert len(spoiled) == len(flags)
    assert 0 < flags.sum() < len(flags)
    np.testing.assert_array_equal(FRAMES, before)
    begin = int(np.flatnonzero(flags)[0])
    np.testing.assert_array_equal(spoiled[:begin], FRAMES[:begin])
    differs = [not np.array_equal(frame, FRAMES[place]) for place, frame in enumerate(spoiled)]
    assert all(differs[place] for place in np.flatnonzero(flags)[1:])
    assert not any(differs[place] for place in np.flatnonzero(~flags))


def test_a_sequence_that_is_too_short_is_refused() -> None:
    with pytest.raises(ValueError, match=f"39 frames, {MIN_FRAMES} are needed"):
        with_anomaly(FRAMES[:39], 0)
