"""Calibrates cameras on the life they see while they watch, where the site asks for it.

Scores alone are kept, never a picture. Every restart goes on where it was.
"""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from vad_edge.budget import AlarmBudget
from vad_edge.bundle.archive import Bundle
from vad_edge.bundle.manifest import Graph
from vad_edge.bundle.pack import masks_fit, pack_fits, read_pack
from vad_edge.config.site import CameraConfig, LearningConfig
from vad_edge.errors import VadEdgeError
from vad_edge.health.conditions import HealthBoard
from vad_edge.pipeline import ScoredFrame, VideoPipeline
from vad_edge.runtime.camera import Station
from vad_edge.runtime.profile import full_pace
from vad_edge.scoring.score_log import ScoreHead, ScoreLog

_log = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 1.0
MORE: Final = 1.25
"""Where a calibration fails for want of footage, it is tried again with so much more."""
_LAST: Final = 19
"""The niceness of whoever lets all others go first: a fit must not make frames late."""


def learned_camera(
    camera: CameraConfig, folder: Path, bundle: Bundle, graph: Graph, *, others: bool = False
) -> CameraConfig:
    """The camera with the pack it has learned itself, where it has no other and that fits what runs.

    With others it may also be for another graph of the bundle, as a pack that was given may be.
    """
    path = _pack(folder, camera.name)
    # os and not Path.exists, which fails below a folder it may not look into.
    if camera.calibration is not None or not os.path.exists(path):  # noqa: PTH110
        return camera
    graphs = [graph, *(other for other in bundle.manifest.graphs if others and other != graph)]
    reasons = [_misfit(path, camera, bundle, each) for each in graphs]
    if all(reasons):
        _log.warning("camera %s: what it has learned is not used: %s", camera.name, reasons[0])
        return camera
    return camera.model_copy(update={"calibration": path})


def _misfit(path: Path, camera: CameraConfig, bundle: Bundle, graph: Graph) -> str:
    """Why a pack does not do for what runs; empty where it does."""
    try:
        pack = read_pack(path)
    except VadEdgeError as error:
        return str(error)
    verdicts = (pack_fits(pack, bundle, graph), masks_fit(pack, camera.ignored))
    return next((verdict.reason for verdict in verdicts if not verdict.ok), "")


@dataclass
class _Job:
    station: Station
    row: int
    keeper: ScoreLog
    wanted_rows: float
    process: subprocess.Popen[bytes] | None = None
    said: IO[bytes] | None = None


class SelfCalibration:
    """Keeps the scores of every camera that has no pack, and takes up what they were calibrated to.

    command is how vad-edge is called, in a process of its own: the fit takes minutes and much memory. What is
    learned is of video alone: sensors add nothing to the risk of a camera that keeps it.
    """

    def __init__(
        self,
        stations: Sequence[Station],
        pipeline: VideoPipeline,
        bundle: Bundle,
        graph: Graph,
        folder: Path,
        asked: LearningConfig,
        health: HealthBoard,
        *,
        command: Sequence[str] = (sys.executable, "-m", "vad_edge"),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pipeline, self._bundle, self._graph = pipeline, bundle, graph
        self._folder, self._asked, self._health = folder, asked, health
        self._command, self._monotonic = command, monotonic
        self._cameras, self._due_s = len(stations), 0.0
        self._pupils: dict[str, _Job] = {}
        clock = bundle.manifest.clock
        for row, station in enumerate(stations):
            if asked.hours is None:
                continue
            if station.config.calibration is not None:
                if station.config.calibration == _pack(folder, station.name):
                    self._compare_budget(station, station.config.calibration)
                continue
            head = ScoreHead(
                bundle.manifest.members[graph.member],
                graph.precision,
                clock.fps,
                bundle.manifest.cues,
                station.config.ignored,
            )
            try:
                keeper = ScoreLog(folder / f"{station.name}.scores", head)
            except OSError as error:
                self._fail(station, f"its scores cannot be kept: {error}")
                continue
            self._pupils[station.name] = _Job(station, row, keeper, asked.hours * 3600.0 * clock.fps)

    def _compare_budget(self, station: Station, path: Path) -> None:
        """Say where the levels it keeps are those of another budget than is asked for now."""
        levels = read_pack(path).levels
        if levels is None or station.full is None or station.full.alarms_per_hour is None:
            return
        asked, wanted = AlarmBudget.parse(levels.asked), AlarmBudget.parse(self._asked.alarm_budget)
        if asked.per_hour != wanted.per_hour:
            reason = (
                f"what it has learned keeps {asked}, and {wanted} is asked for: delete {path} to learn anew"
            )
            _log.warning("camera %s: %s", station.name, reason)
            self._health.raise_condition("budget_not_kept", station.name, reason)

    def frame(self, station: Station, scored: ScoredFrame) -> None:
        """Keep the scores of a frame, at the model's own rate."""
        pupil = self._pupils.get(station.name)
        full = station.full is not None and station.fps == station.full.fps
        if pupil is None or not full or not scored.warm or scored.scores is None:
            return
        try:
            pupil.keeper.add(scored.frame.time_s, tuple(scored.scores.values()))
        except OSError as error:
            self._let_go(pupil)
            self._fail(station, f"its scores cannot be kept: {error}")

    def turn(self) -> None:
        """Begin a calibration where there is enough, and take up one that is done."""
        if not self._pupils or self._monotonic() < self._due_s:
            return
        self._due_s = self._monotonic() + LOOK_EVERY_S
        for pupil in list(self._pupils.values()):
            try:
                if pupil.process is None:
                    if pupil.keeper.rows >= pupil.wanted_rows:
                        self._begin(pupil)
                elif pupil.process.poll() is not None and pupil.station.machine.incident is None:
                    self._end(pupil)
            except OSError as error:
                self._put_off(pupil, str(error))

    def close(self) -> None:
        """Learn no more in this run; what is not done goes on the next time, if that runs the same graph."""
        for pupil in list(self._pupils.values()):
            self._let_go(pupil)

    def _begin(self, pupil: _Job) -> None:
        name = pupil.station.name
        _log.info("camera %s: calibrating on %d scores", name, pupil.keeper.rows)
        pupil.keeper.flush()
        said = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the fit is over
        try:
            pupil.process = subprocess.Popen(  # noqa: S603 - this program itself
                [
                    *self._command, "calibrate", "--scores", str(pupil.keeper.path),
                    "--bundle", str(self._bundle.path), "--alarm-budget", self._asked.alarm_budget,
                    "--camera", name, "--cameras", str(self._cameras),
                    "--output", str(_pack(self._folder, name)),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
            )  # fmt: skip
        except OSError:
            said.close()
            raise
        pupil.said = said
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, pupil.process.pid, _LAST)

    def _end(self, pupil: _Job) -> None:
        process, pupil.process = pupil.process, None
        said, pupil.said = pupil.said, None
        assert process is not None  # noqa: S101 - whoever calls has looked
        assert said is not None  # noqa: S101
        with said:
            said.seek(0)
            words = said.read().decode(errors="replace").strip()
        if process.returncode != 0:
            self._put_off(pupil, words.rpartition("\n")[2] or f"it ended with {process.returncode}")
            return
        station = pupil.station
        pack = _pack(self._folder, station.name)
        reason = _misfit(pack, station.config, self._bundle, self._graph)
        if reason:
            self._put_off(pupil, f"what it has learned is not used: {reason}")
            return
        station.config = station.config.model_copy(update={"calibration": pack})
        station.full = full_pace(station.config, self._bundle, self._graph)
        if station.slow is None or station.fps != station.slow.fps:
            station.run_at(station.full)
            self._pipeline.recalibrate(pupil.row, station.full.scorer, station.full.weight)
        self._let_go(pupil)
        self._health.clear_condition("learning_failed", station.name)
        _log.info("camera %s: calibrated on its own life", station.name)
        try:
            pupil.keeper.path.unlink(missing_ok=True)
        except OSError as error:
            _log.warning("camera %s: the scores it has learned from are left: %s", station.name, error)

    def _let_go(self, pupil: _Job) -> None:
        """It learns no more in this run: end its fit, and write what is left of its scores."""
        del self._pupils[pupil.station.name]
        if pupil.process is not None:
            pupil.process.terminate()
            pupil.process.wait()
        if pupil.said is not None:
            pupil.said.close()
        try:
            pupil.keeper.close()
        except OSError as error:
            self._fail(pupil.station, f"its last scores are lost: {error}")

    def _put_off(self, pupil: _Job, reason: str) -> None:
        """Try it again with more."""
        pupil.wanted_rows = MORE * pupil.keeper.rows
        self._fail(pupil.station, reason)

    def _fail(self, station: Station, reason: str) -> None:
        _log.warning("camera %s is not calibrated on its own life: %s", station.name, reason)
        self._health.raise_condition("learning_failed", station.name, reason)


def _pack(folder: Path, camera: str) -> Path:
    return folder / f"{camera}.vadc"
