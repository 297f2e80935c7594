"""When a run is ready, and whether it still lives: decided by what was really dealt with."""

from __future__ import annotations

from collections.abc import Sequence

from vad_edge.health.systemd import ServiceManager
from vad_edge.pipeline import ScoredFrame
from vad_edge.report.observer import FrameResult
from vad_edge.runtime.camera import Camera
from vad_edge.runtime.component import Component


class Liveness(Component):
    """Tells the service manager of each turn of the loop."""

    essential = True

    def __init__(self, manager: ServiceManager, cameras: Sequence[Camera]) -> None:
        self._manager = manager
        self._cameras = cameras
        self._ready = self._worked = False

    def on_frame(self, result: FrameResult) -> None:
        """Note whether the frame was dealt with."""
        self._worked = self._worked or was_worked_on(result.scored)

    def on_tick(self, now: float) -> None:
        """Say that the run is ready once it is, and that it lives if it does."""
        readers = [camera.reader for camera in self._cameras if camera.reader is not None and not camera.shed]
        worked, self._worked = self._worked, False
        if not self._ready and (not readers or worked):
            self._ready = True
            self._manager.ready()
        if worked or all(reader.error is not None for reader in readers):
            self._manager.alive()


def was_worked_on(scored: ScoredFrame | None) -> bool:
    """Whether a frame was dealt with: scored, or held back for a reason that is reported.

    A frame the model was given and gave no finite score for does not count. Cameras that are silent without
    being known as lost do not either: a restart is what helps a capture that hangs.
    """
    return scored is not None and (scored.scores is not None or not scored.validity.ok)
