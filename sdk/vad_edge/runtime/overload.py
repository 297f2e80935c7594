"""Keeps a live run within what its machine can bear: measures, slows and sheds cameras, and says so."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Final

from vad_edge.config.site import BoardConfig
from vad_edge.health.board import HealthBoard
from vad_edge.health.conditions import Condition
from vad_edge.health.overload import (
    Overload,
    OverloadLadder,
    Relief,
    Watched,
    heat_of,
    nearest_limit,
    overload_of,
)
from vad_edge.health.vitals import Vitals
from vad_edge.pipeline import VideoPipeline
from vad_edge.runtime.camera import Camera
from vad_edge.runtime.component import Component
from vad_edge.runtime.profile import RateProfile

_log = logging.getLogger(__name__)

WINDOW_S: Final = 5.0
"""How busy the loop is, is measured over so long."""

SUBJECT: Final = "board"


class OverloadControl(Component):
    """Takes note of every turn of a live loop, and changes the rate of its cameras when it must.

    A camera in the middle of an incident is left as it is. waited_s gives how long the loop has waited for
    frames so far, vitals the newest vitals, None before there are any.
    """

    def __init__(
        self,
        cameras: Sequence[Camera],
        pipeline: VideoPipeline | None,
        health: HealthBoard,
        board: BoardConfig,
        *,
        waited_s: Callable[[], float],
        vitals: Callable[[], Vitals | None],
        ladder: OverloadLadder | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cameras = {camera.name: camera for camera in cameras}
        self._rows = {camera.name: row for row, camera in enumerate(cameras)}
        self._pipeline, self._health = pipeline, health
        self._waited_s, self._vitals = waited_s, vitals
        self._hot_c, self._monotonic = board.hot_c, monotonic
        watched = [Watched(camera.name, camera.config.priority, _has_slow(camera)) for camera in cameras]
        sheds = board.load_shedding and pipeline is not None
        self._ladder = ladder or OverloadLadder(watched if sheds else ())
        self._begun_s, self._waited_before_s = monotonic(), waited_s()
        self._overload = Overload()

    def on_tick(self, now: float) -> None:
        """Judge, once a window, how busy the loop was."""
        at_s = self._monotonic()
        passed_s = at_s - self._begun_s
        if passed_s < WINDOW_S:
            return
        waited_s = self._waited_s()
        self._judge(at_s, 1.0 - min((waited_s - self._waited_before_s) / passed_s, 1.0))
        self._begun_s, self._waited_before_s = at_s, waited_s

    def _judge(self, now: float, busy: float) -> None:
        vitals = self._vitals()
        thermal = None if vitals is None else vitals.thermal
        self._overload = overload_of(thermal, busy, self._hot_c, before=self._overload)
        end = "; nothing more can be given up" if self._ladder.reliefs and self._ladder.exhausted else ""
        hot = "" if thermal is None else heat_of(thermal, self._hot_c)
        nearest = None if thermal is None else nearest_limit(thermal, self._hot_c)
        self._health.set_condition(
            Condition.BOARD_HOT,
            SUBJECT,
            self._overload.hot,
            f"{hot}{end}",
            **({} if nearest is None else {"celsius": nearest.zone.celsius, "limit_c": nearest.limit_c}),
        )
        late = f"{busy:.0%} of the time goes into frames: some come too late and are left out{end}"
        self._health.set_condition(Condition.BOARD_LATE, SUBJECT, self._overload.late, late, busy=busy)
        slowed = (relief.camera for relief in self._ladder.reliefs if relief.measure == "slow")
        if any(not _has_slow(self._cameras[name]) for name in slowed):
            self._ladder.forget_rates()
            for name in self._cameras:
                self._health.clear_condition(Condition.CAMERA_SLOWED, name)
        before = self._ladder.reliefs
        busy_cameras = {name for name, each in self._cameras.items() if each.machine.incident is not None}
        if self._ladder.update(now, self._overload, busy_cameras):
            after = self._ladder.reliefs
            for relief in before:
                if relief not in after:
                    self._take_back(relief)
            for relief in after:
                if relief not in before:
                    self._give_up(relief)

    def _give_up(self, relief: Relief) -> None:
        camera = self._cameras[relief.camera]
        why = "the board is too hot" if self._overload.hot else "the board is too slow"
        if relief.measure == "shed":
            camera.rest(True)
            text = f"it is not watched, because {why}; its sensors still count"
            self._health.raise_condition(Condition.CAMERA_SHED, camera.name, text)
        else:
            slow = camera.slow_down()
            if slow is None or camera.profile is None:
                return
            self._recalibrate(camera, slow)
            full = camera.profile.full
            text = f"{slow.fps:g} instead of {full.fps:g} frames a second are looked at, because {why}"
            self._health.raise_condition(
                Condition.CAMERA_SLOWED, camera.name, text, fps=slow.fps, full_fps=full.fps
            )
        _log.warning("camera %s: %s", camera.name, text)

    def _take_back(self, relief: Relief) -> None:
        camera = self._cameras[relief.camera]
        if relief.measure == "shed":
            camera.rest(False)
            if self._pipeline is not None:
                self._pipeline.reset(self._rows[camera.name])
            self._health.clear_condition(Condition.CAMERA_SHED, camera.name)
        else:
            full = camera.speed_up()
            if full is not None:
                self._recalibrate(camera, full)
            self._health.clear_condition(Condition.CAMERA_SLOWED, camera.name)
        _log.info("camera %s: watched as before", camera.name)

    def _recalibrate(self, camera: Camera, rate: RateProfile) -> None:
        if self._pipeline is not None:
            self._pipeline.recalibrate(self._rows[camera.name], rate.scorer, rate.weight)


def _has_slow(camera: Camera) -> bool:
    return camera.profile is not None and camera.profile.slow is not None
