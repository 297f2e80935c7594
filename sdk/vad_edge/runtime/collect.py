"""Which frames go into the next step: one of each camera, without waiting for one that is gone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from vad_edge.runtime.camera import Station
from vad_edge.video.frame import Frame

POLL_S = 0.2

Picked = tuple[Frame | None, bool]
"""A frame the model shall see, or None; and whether its camera's state must start anew."""

Skip = Callable[[Station, Frame], None]


def collect_recorded(stations: Sequence[Station], stop: threading.Event, on_skip: Skip) -> list[Picked]:
    """The next frame of every recording, in lockstep; a recording that is over has none."""
    return [_next_recorded(station, stop, on_skip) for station in stations]


def _next_recorded(station: Station, stop: threading.Event, on_skip: Skip) -> Picked:
    while not stop.is_set() and not station.ended:
        picked = _take(station, POLL_S, on_skip)
        if picked is not None:
            return picked
    return None, False


def collect_live(
    stations: Sequence[Station], arrived: threading.Event, period_s: float, on_skip: Skip
) -> list[Picked]:
    """The newest frame of every live camera that has one.

    Waits for the first at most `POLL_S`, then half a model period for the others: a camera that is late or
    dead has no frame in this step.
    """
    picked: list[Picked | None] = [None] * len(stations)
    deadline_s = time.monotonic() + POLL_S
    while True:
        arrived.clear()
        for place, station in enumerate(stations):
            if picked[place] is None and station.reader is not None:
                picked[place] = _take(station, 0.0, on_skip)
                if picked[place] is not None:
                    deadline_s = min(deadline_s, time.monotonic() + period_s / 2)
        waiting = [place for place, found in enumerate(picked) if found is None and _alive(stations[place])]
        left_s = deadline_s - time.monotonic()
        if left_s <= 0 or (not waiting and any(picked)):
            return [found or (None, False) for found in picked]
        arrived.wait(left_s)


def _alive(station: Station) -> bool:
    return station.reader is not None and station.reader.error is None and not station.shed


def _take(station: Station, timeout_s: float, on_skip: Skip) -> Picked | None:
    """The next frame that is admitted of those that are there; the others are passed to `on_skip`."""
    if station.reader is None or station.shed:
        return None
    while (frame := station.reader.get(timeout_s)) is not None:
        admission = station.admit(frame)
        if admission.take:
            return frame, admission.gap
        on_skip(station, frame)
    return None
