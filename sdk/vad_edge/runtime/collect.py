"""Which frames go into the next step: one of each camera, without waiting for one that is gone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from vad_edge.runtime.camera import Camera
from vad_edge.video.frame import Frame

POLL_S = 0.2

Picked = tuple[Frame | None, bool]
"""A frame the model shall see, or None; and whether its camera's state must be reset."""

Skip = Callable[[Camera, Frame], None]


def collect_recorded(cameras: Sequence[Camera], stop: threading.Event, on_skip: Skip) -> list[Picked]:
    """The next frame of every recording, in lockstep; a recording that is over has none."""
    return [_next_recorded(camera, stop, on_skip) for camera in cameras]


def _next_recorded(camera: Camera, stop: threading.Event, on_skip: Skip) -> Picked:
    while not stop.is_set() and not camera.ended:
        picked = _take(camera, POLL_S, on_skip)
        if picked is not None:
            return picked
    return None, False


def collect_live(
    cameras: Sequence[Camera], arrived: threading.Event, period_s: float, on_skip: Skip
) -> list[Picked]:
    """The newest frame of every live camera that has one.

    Waits for the first at most `POLL_S`, then half a model period for the others: a camera that is late or
    dead has no frame in this step.
    """
    picked: list[Picked | None] = [None] * len(cameras)
    deadline_s = time.monotonic() + POLL_S
    while True:
        arrived.clear()
        for place, camera in enumerate(cameras):
            if picked[place] is None and camera.reader is not None:
                picked[place] = _take(camera, 0.0, on_skip)
                if picked[place] is not None:
                    deadline_s = min(deadline_s, time.monotonic() + period_s / 2)
        waiting = [place for place, found in enumerate(picked) if found is None and _alive(cameras[place])]
        left_s = deadline_s - time.monotonic()
        if left_s <= 0 or (not waiting and any(picked)):
            return [found or (None, False) for found in picked]
        arrived.wait(left_s)


def _alive(camera: Camera) -> bool:
    return camera.reader is not None and camera.reader.error is None and not camera.shed


def _take(camera: Camera, timeout_s: float, on_skip: Skip) -> Picked | None:
    """The next frame that is admitted of those that are there; the others are passed to `on_skip`."""
    if camera.reader is None or camera.shed:
        return None
    while (frame := camera.reader.get(timeout_s)) is not None:
        admission = camera.admit(frame)
        if admission.take:
            return frame, admission.gap
        on_skip(camera, frame)
    return None
