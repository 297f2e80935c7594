from __future__ import annotations

import pytest

from vad_edge.config.site import SensorConfig
from vad_edge.sensors.faults import stale_after_s, stream_status

GUARDED = SensorConfig(name="smoke", topic="s", kind="binary", stale_after_s=90)
QUIET = SensorConfig(name="door", topic="d", kind="binary")
PERIODIC = SensorConfig(name="noise", topic="n", kind="analog", period_s=2)
PATIENT = SensorConfig(name="heat", topic="h", kind="analog", period_s=2, stale_after_s=60)


@pytest.mark.parametrize(
    ("config", "last_s", "broken", "time_s", "status"),
    [
        (PERIODIC, None, False, 100.0, "waiting"),
        (PERIODIC, 10.0, False, 16.0, "ok"),
        (PERIODIC, 10.0, False, 16.1, "stale"),
        (PERIODIC, 10.0, True, 11.0, "broken"),
        (PERIODIC, None, True, 11.0, "broken"),
        (PATIENT, 10.0, False, 70.0, "ok"),
        (PATIENT, 10.0, False, 70.1, "stale"),
        (QUIET, 10.0, False, 1e9, "ok"),
        (GUARDED, 10.0, False, 100.1, "stale"),
    ],
)
def test_a_stream_stands_as_its_silence_says(
    config: SensorConfig, last_s: float | None, broken: bool, time_s: float, status: str
) -> None:
    assert stream_status(stale_after_s(config), last_s, broken, time_s) == status
