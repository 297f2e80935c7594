"""Who keeps evidence beside the run: two threads, neither of which the loop or an event ever waits for."""

from __future__ import annotations

import logging
import math
import os
import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vad_edge.config.site import EvidenceConfig, PrivacyConfig
from vad_edge.errors import VadEdgeError
from vad_edge.events.event import Event
from vad_edge.evidence.camera import CameraEvidence, Picture, Plan, Tape
from vad_edge.evidence.files import EvidenceFiles
from vad_edge.evidence.retention import Limits
from vad_edge.health.board import HealthBoard
from vad_edge.health.conditions import Condition
from vad_edge.video.frame import Frame

_log = logging.getLogger(__name__)

FRAMES_WAITING = 16
JOBS_WAITING = 64
PICTURE_WAIT_S = 0.15
SWEEP_EVERY_S = 60.0
CLOSE_S = 15.0
CLIP_S = 120.0
_LOOK_S = 0.5
_NICENESS = 10

Job = tuple[str, Callable[[], None]]
"""Whose evidence it is, and what is to be done."""
_Shown = tuple[CameraEvidence, Frame, NDArray[np.float32] | None]


class EvidenceRecorder:
    """Pictures, heat maps and clips of a run's incidents.

    One thread encodes frames, another writes files and takes old ones away, both at low priority. Where no
    picture is kept, frames are noted at once and not held on to. What the threads cannot keep up with is
    dropped and counted (``evidence_frames_dropped``, ``evidence_lost``); what fails is the condition
    ``evidence_failed``. now gives the run clock. chores are done once a minute by the second thread.
    """

    def __init__(
        self,
        evidence_files: EvidenceFiles,
        cameras: Sequence[CameraEvidence],
        health: HealthBoard,
        now: Callable[[], float],
        chores: Sequence[Callable[[], object]] = (),
    ) -> None:
        self._files = evidence_files
        self._cameras = {camera.name: camera for camera in cameras}
        self._health = health
        self._now = now
        self._chores = chores
        self._frames: queue.Queue[_Shown | None] = queue.Queue(FRAMES_WAITING)
        self._jobs: queue.Queue[Job | None] = queue.Queue(JOBS_WAITING)
        self._deadline_s: float | None = None
        self._threads = [
            threading.Thread(target=self._encode, name="evidence", daemon=True),
            threading.Thread(target=self._write, name="evidence files", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def offer(self, camera: str, frame: Frame, error_map: NDArray[np.float32] | None) -> None:
        """Show a frame whose masks are burned in; returns at once, dropped if there is no room."""
        evidence = self._cameras.get(camera)
        if evidence is None or not evidence.admits(frame.time_s):
            return
        if not evidence.encodes:
            self._take(evidence, frame, error_map)
            return
        try:
            self._frames.put_nowait((evidence, frame, error_map))
        except queue.Full:
            self._health.count("evidence_frames_dropped")

    def picture(self, event: Event) -> tuple[Event, Sequence[Picture]]:
        """The event with the hashes of what is kept of it, and that; the event alone if anything fails."""
        camera = self._cameras.get(event.camera)
        if camera is None:
            return event, ()
        try:
            pictures = camera.pictures(event, PICTURE_WAIT_S)
        except Exception as error:
            self._fail(event.camera, error)
            return event, ()
        hashes = {picture.kind: f"sha256:{sha256(picture.data).hexdigest()}" for picture in pictures}
        return replace(event, evidence={**event.evidence, **hashes}), pictures

    def keep(self, event: Event, pictures: Sequence[Picture]) -> None:
        """Write what `picture` gave, now that the event is safe; begin or end its incident's clip."""
        camera = self._cameras.get(event.camera)
        if camera is None:
            return
        try:
            camera.follow(event)
        except Exception as error:
            self._fail(event.camera, error)
        self._submit_pictures(event.incident, event.camera, pictures)

    def close(self) -> None:
        """Write what is under way, for at most fifteen seconds; clips end early rather than not at all."""
        self._deadline_s = time.monotonic() + CLOSE_S
        with suppress(queue.Full):
            self._frames.put(None, timeout=CLOSE_S)
        for thread in self._threads:
            thread.join(max(self._deadline_s - time.monotonic(), 0.0) + 2.0)

    def _encode(self) -> None:
        _yield_to_the_run()
        while True:
            try:
                shown = self._frames.get(timeout=_LOOK_S)
            except queue.Empty:
                self._finish(self._now())
                continue
            if shown is None:
                break
            evidence, frame, error_map = shown
            self._take(evidence, frame, error_map)
            # Not the clock's time: frames of a recording wait here while its clock runs ahead.
            self._finish(frame.time_s)
        self._finish(math.inf)
        self._jobs.put(None)

    def _take(self, evidence: CameraEvidence, frame: Frame, error_map: NDArray[np.float32] | None) -> None:
        try:
            evidence.take(frame, error_map)
        except Exception as error:
            self._fail(evidence.name, error)

    def _finish(self, now_s: float) -> None:
        for camera in self._cameras.values():
            for plan, after in camera.due(now_s):
                self._submit_pictures(plan.incident, plan.camera, [] if after is None else [after])
                if plan.tape is not None:
                    self._submit(plan.camera, partial(self._keep_clip, plan, plan.tape))

    def _write(self) -> None:
        _yield_to_the_run()
        swept_s = -math.inf
        while True:
            if time.monotonic() - swept_s >= SWEEP_EVERY_S:
                swept_s = time.monotonic()
                for chore in self._chores:
                    self._guard("", chore)
            try:
                job = self._jobs.get(timeout=SWEEP_EVERY_S)
            except queue.Empty:
                continue
            if job is None:
                return
            self._guard(*job)

    def _submit_pictures(self, incident: str, camera: str, pictures: Sequence[Picture]) -> None:
        for picture in pictures:
            keep = partial(self._files.keep, incident, camera, picture.kind, picture.name, picture.data)
            self._submit(camera, keep)

    def _keep_clip(self, plan: Plan, tape: Tape) -> None:
        draft = self._files.draft(plan.incident, tape.suffix)
        try:
            tape.write(draft, plan.end_s, self._deadline_s or time.monotonic() + CLIP_S)
            self._files.adopt(plan.incident, plan.camera, "clip", f"clip{tape.suffix}", draft)
        finally:
            draft.unlink(missing_ok=True)

    def _guard(self, camera: str, work: Callable[[], Any]) -> None:
        try:
            work()
        except Exception as error:
            self._fail(camera, error)
        else:
            self._health.clear_condition(Condition.EVIDENCE_FAILED, camera or "evidence")

    def _fail(self, camera: str, error: Exception) -> None:
        if isinstance(error, (VadEdgeError, OSError)):
            _log.error("evidence of %s: %s", camera, error)
        else:
            _log.exception("evidence of %s", camera)
        self._health.raise_condition(Condition.EVIDENCE_FAILED, camera or "evidence", str(error))

    def _submit(self, camera: str, work: Callable[[], None]) -> None:
        try:
            self._jobs.put_nowait((camera, work))
        except queue.Full:
            self._health.count("evidence_lost")
            self._health.raise_condition(
                Condition.EVIDENCE_FAILED, camera, "the disk is too slow for the evidence"
            )


def limits_of(privacy: PrivacyConfig, evidence: EvidenceConfig) -> Limits:
    """What the site file allows."""
    return Limits(privacy.max_age_h * 3600.0, evidence.max_mb << 20, evidence.free_mb << 20)


def _yield_to_the_run() -> None:
    """Let the engine go first. Linux gives each thread a niceness of its own."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
