"""Whether a stream speaks as often as it should, and can be believed."""

from __future__ import annotations

from typing import Literal

from vad_edge.config.site import SensorConfig

Status = Literal["waiting", "ok", "stale", "broken", "stuck", "flapping", "unlike"]

_PERIODS_UNTIL_STALE = 3.0


def stale_after_s(config: SensorConfig) -> float | None:
    """Seconds of silence after which a stream is stale; None for streams that speak only on change."""
    if config.stale_after_s is not None or config.period_s is None:
        return config.stale_after_s
    return _PERIODS_UNTIL_STALE * config.period_s


def stream_status(limit_s: float | None, last_s: float | None, broken: bool, time_s: float) -> Status:
    """How a stream stands at `time_s`; last_s is the time of its newest good reading.

    limit_s is its `stale_after_s`.

    A broken stream (its newest payload was not what was declared) stays broken however long it is silent.
    """
    if broken:
        return "broken"
    if last_s is None:
        return "waiting"
    return "stale" if limit_s is not None and time_s - last_s > limit_s else "ok"
