from __future__ import annotations

import numpy as np
import pytest
from tests.benchmarks.sensors_measure import accumulated
from tests.support.building import FPS

from vad_edge.bundle.levels import Accumulation
from vad_edge.fusion.accumulate import FADES_OVER, Accumulator
from vad_edge.fusion.fuse import Risk


@pytest.mark.parametrize("block_s", [2.0, 7.5])
def test_what_is_measured_accumulates_as_a_run_does(block_s: float) -> None:
    values = np.random.default_rng(3).gamma(1.0, 1.0, 1001)
    accumulator = Accumulator(Accumulation(block_s=block_s, usual=2.0))
    found = [
        accumulator.update(Risk(place / FPS, value, {"look": value})).value
        for place, value in enumerate(values.tolist())
    ]
    assert found == pytest.approx(accumulated(values, block_s, 2.0, np.exp(-1.0 / FADES_OVER)))
