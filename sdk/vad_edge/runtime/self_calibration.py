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
from vad_edge.common.paths import inside
from vad_edge.config.site import LearningConfig
from vad_edge.errors import BundleError
from vad_edge.health.board import HealthBoard
from vad_edge.health.conditions import Condition
from vad_edge.pipeline import VideoPipeline
from vad_edge.report.observer import FrameResult
from vad_edge.runtime.camera import Camera
from vad_edge.runtime.component import Component
from vad_edge.runtime.profile import PackUse, learned_pack, resolve_camera
from vad_edge.scoring.score_log import ScoreHead, ScoreLog

_log = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 1.0
MORE: Final = 1.25
"""Where a calibration fails for want of footage, it is tried again with so much more."""
_LAST: Final = 19
"""The niceness of whoever lets all others go first: a fit must not make frames late."""


@dataclass
class _Job:
    camera: Camera
    row: int
    log: ScoreLog
    wanted_rows: float
    process: subprocess.Popen[bytes] | None = None
    said: IO[bytes] | None = None


class SelfCalibration(Component):
    """Keeps the scores of every camera that has no pack, and takes up what they were calibrated to.

    command is how vad-edge is called, in a process of its own: the fit takes minutes and much memory. What is
    learned is of video alone: sensors add nothing to the risk of a camera that keeps it.
    """

    def __init__(
        self,
        cameras: Sequence[Camera],
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
        self._cameras, self._due_s = len(cameras), 0.0
        self._jobs: dict[str, _Job] = {}
        clock = bundle.manifest.clock
        for row, camera in enumerate(cameras):
            if asked.hours is None:
                continue
            pack = None if camera.profile is None else camera.profile.pack
            if pack is not None:
                self._compare_budget(camera, pack)
                continue
            head = ScoreHead(
                bundle.manifest.members[graph.member],
                graph.precision,
                clock.fps,
                bundle.manifest.cues,
                camera.config.ignored,
            )
            try:
                log = ScoreLog(inside(folder, f"{camera.name}.scores"), head)
            except OSError as error:
                self._fail(camera, f"its scores cannot be kept: {error}")
                continue
            self._jobs[camera.name] = _Job(camera, row, log, asked.hours * 3600.0 * clock.fps)

    def _compare_budget(self, camera: Camera, pack: PackUse) -> None:
        """Say where the levels it learned keep another budget than is asked for now."""
        if not pack.learned or pack.asked is None:
            return
        wanted = AlarmBudget.parse(self._asked.alarm_budget)
        if pack.asked.per_hour != wanted.per_hour:
            reason = (
                f"what it has learned keeps {pack.asked}, and {wanted} is asked for:"
                f" delete {pack.path} to learn it again"
            )
            _log.warning("camera %s: %s", camera.name, reason)
            self._health.raise_condition(
                Condition.BUDGET_NOT_KEPT, camera.name, reason, kept=str(pack.asked), asked=str(wanted)
            )

    def on_frame(self, result: FrameResult) -> None:
        """Keep the scores of a frame, at the model's own rate."""
        job, scored = self._jobs.get(result.camera), result.scored
        if job is None or scored is None or not scored.warm or scored.scores is None or job.camera.slowed:
            return
        try:
            job.log.add(scored.frame.time_s, tuple(scored.scores.values()))
        except OSError as error:
            self._let_go(job)
            self._fail(job.camera, f"its scores cannot be kept: {error}")

    def on_tick(self, now: float) -> None:
        """Begin a calibration where there is enough, and take up one that is done."""
        if not self._jobs or self._monotonic() < self._due_s:
            return
        self._due_s = self._monotonic() + LOOK_EVERY_S
        for job in list(self._jobs.values()):
            try:
                if job.process is None:
                    if job.log.rows >= job.wanted_rows:
                        self._begin(job)
                elif job.process.poll() is not None and job.camera.machine.incident is None:
                    self._end(job)
            except OSError as error:
                self._put_off(job, str(error))

    def close(self) -> None:
        """Learn no more in this run; what is not done goes on the next time, if that runs the same graph."""
        for job in list(self._jobs.values()):
            self._let_go(job)

    def _begin(self, job: _Job) -> None:
        name = job.camera.name
        _log.info("camera %s: calibrating on %d scores", name, job.log.rows)
        job.log.flush()
        said = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the fit is over
        try:
            job.process = subprocess.Popen(  # noqa: S603 - this program itself
                [
                    *self._command, "calibrate", "--scores", str(job.log.path),
                    "--bundle", str(self._bundle.path), "--alarm-budget", self._asked.alarm_budget,
                    "--camera", name, "--cameras", str(self._cameras),
                    "--output", str(learned_pack(self._folder, name)),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
            )  # fmt: skip
        except OSError:
            said.close()
            raise
        job.said = said
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, job.process.pid, _LAST)

    def _end(self, job: _Job) -> None:
        process, job.process = job.process, None
        said, job.said = job.said, None
        assert process is not None  # noqa: S101 - whoever calls has looked
        assert said is not None  # noqa: S101
        with said:
            said.seek(0)
            words = said.read().decode(errors="replace").strip()
        if process.returncode != 0:
            self._put_off(job, words.rpartition("\n")[2] or f"it ended with {process.returncode}")
            return
        camera = job.camera
        try:
            profile = resolve_camera(camera.config, self._bundle, self._graph, learned=self._folder)
        except BundleError as error:
            self._put_off(job, f"what it has learned is not used: {error}")
            return
        if profile.pack is None or not profile.pack.learned:
            self._put_off(job, f"what it has learned is not used: {profile.unused or 'there is no pack'}")
            return
        camera.use(profile)
        if camera.rate is not None and not camera.slowed:
            self._pipeline.recalibrate(job.row, camera.rate.scorer, camera.rate.weight)
        self._let_go(job)
        self._health.clear_condition(Condition.LEARNING_FAILED, camera.name)
        _log.info("camera %s: calibrated on its own life", camera.name)
        try:
            job.log.path.unlink(missing_ok=True)
        except OSError as error:
            _log.warning("camera %s: the scores it has learned from are left: %s", camera.name, error)

    def _let_go(self, job: _Job) -> None:
        """It learns no more in this run: end its fit, and write what is left of its scores."""
        del self._jobs[job.camera.name]
        if job.process is not None:
            job.process.terminate()
            job.process.wait()
        if job.said is not None:
            job.said.close()
        try:
            job.log.close()
        except OSError as error:
            self._fail(job.camera, f"its last scores are lost: {error}")

    def _put_off(self, job: _Job, reason: str) -> None:
        """Try it again with more."""
        job.wanted_rows = MORE * job.log.rows
        self._fail(job.camera, reason)

    def _fail(self, camera: Camera, reason: str) -> None:
        _log.warning("camera %s is not calibrated on its own life: %s", camera.name, reason)
        self._health.raise_condition(Condition.LEARNING_FAILED, camera.name, reason)
