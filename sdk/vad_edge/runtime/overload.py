"""Keeps a live run within what its machine can bear: measures, slows and sheds cameras, and says so."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from vad_edge.config.site import BoardConfig
from vad_edge.health.conditions import HealthBoard
from vad_edge.health.overload import FrameBudget, Overload, Relief, Watched, heat_of, strain_of
from vad_edge.health.vitals import Vitals
from vad_edge.pipeline import VideoPipeline
from vad_edge.runtime.camera import Station
from vad_edge.runtime.profile import Pace

_log = logging.getLogger(__name__)

WINDOW_S: Final = 5.0
"""How busy the loop is, is measured over so long."""

SUBJECT: Final = "board"


class OverloadControl:
    """Takes note of every turn of a live loop, and changes its stations' pace when it must.

    A camera in the middle of an incident is left as it is. look gives the newest vitals, None before there
    are any.
    """

    def __init__(
        self,
        stations: list[Station],
        pipeline: VideoPipeline | None,
        health: HealthBoard,
        board: BoardConfig,
        look: Callable[[], Vitals | None],
        *,
        budget: FrameBudget | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stations = {station.name: station for station in stations}
        self._rows = {station.name: row for row, station in enumerate(stations)}
        self._pipeline, self._health, self._look = pipeline, health, look
        self._hot_c, self._monotonic = board.hot_c, monotonic
        watched = [
            Watched(station.name, station.config.priority, station.slow is not None) for station in stations
        ]
        self._budget = budget or FrameBudget(watched if board.frame_budget and pipeline is not None else ())
        self._begun_s, self._waited_s = monotonic(), 0.0
        self._strain = Overload()

    def turn(self, waited_s: float) -> None:
        """One turn of the loop is over, in which it waited so long for frames."""
        self._waited_s += waited_s
        now = self._monotonic()
        passed_s = now - self._begun_s
        if passed_s < WINDOW_S:
            return
        self._judge(now, 1.0 - min(self._waited_s / passed_s, 1.0))
        self._begun_s, self._waited_s = now, 0.0

    def _judge(self, now: float, busy: float) -> None:
        vitals = self._look()
        thermal = None if vitals is None else vitals.thermal
        self._strain = strain_of(thermal, busy, self._hot_c, before=self._strain)
        end = "; nothing more can be given up" if self._budget.reliefs and self._budget.exhausted else ""
        hot = "" if thermal is None else heat_of(thermal, self._hot_c)
        self._say("board_hot", self._strain.hot, f"{hot}{end}")
        late = f"{busy:.0%} of the time goes into frames: some come too late and are left out{end}"
        self._say("board_late", self._strain.late, late)
        if any(relief.measure == "slow" and self._slow(relief) is None for relief in self._budget.reliefs):
            self._budget.forget_rates()
            for name in self._stations:
                self._health.clear_condition("camera_slowed", name)
        before = self._budget.reliefs
        busy_cameras = {name for name, each in self._stations.items() if each.machine.incident is not None}
        if self._budget.update(now, self._strain, busy_cameras):
            after = self._budget.reliefs
            for relief in before:
                if relief not in after:
                    self._take_back(relief)
            for relief in after:
                if relief not in before:
                    self._give_up(relief)

    def _give_up(self, relief: Relief) -> None:
        station = self._stations[relief.camera]
        why = "the board is too hot" if self._strain.hot else "the board is too slow"
        if relief.measure == "shed":
            station.rest(True)
            text = f"it is not watched, because {why}; its sensors still count"
            self._health.raise_condition("camera_shed", station.name, text)
        else:
            full, slow = station.full, self._slow(relief)
            if full is None or slow is None:
                return
            self._run_at(station, slow)
            text = f"{slow.fps:g} instead of {full.fps:g} frames a second are looked at, because {why}"
            self._health.raise_condition("camera_slowed", station.name, text)
        _log.warning("camera %s: %s", station.name, text)

    def _take_back(self, relief: Relief) -> None:
        station = self._stations[relief.camera]
        if relief.measure == "shed":
            station.rest(False)
            if self._pipeline is not None:
                self._pipeline.reset(self._rows[station.name])
            self._health.clear_condition("camera_shed", station.name)
        elif station.full is not None:
            self._run_at(station, station.full)
            self._health.clear_condition("camera_slowed", station.name)
        _log.info("camera %s: watched as before", station.name)

    def _run_at(self, station: Station, pace: Pace) -> None:
        station.run_at(pace)
        if self._pipeline is not None:
            self._pipeline.recalibrate(self._rows[station.name], pace.scorer, pace.weight)

    def _slow(self, relief: Relief) -> Pace | None:
        return self._stations[relief.camera].slow

    def _say(self, code: str, holds: bool, message: str) -> None:
        if holds:
            self._health.raise_condition(code, SUBJECT, message)
        else:
            self._health.clear_condition(code, SUBJECT)
