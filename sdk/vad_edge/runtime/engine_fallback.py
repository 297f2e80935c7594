"""Another engine in place of one that failed, with what that means for each camera's levels."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack

from vad_edge.bundle.archive import Bundle
from vad_edge.bundle.manifest import Graph
from vad_edge.errors import BundleError, EngineError
from vad_edge.health.board import HealthBoard
from vad_edge.health.conditions import Condition
from vad_edge.inference.engine import Engine
from vad_edge.inference.select import LAST_RESORT, open_engine
from vad_edge.pipeline import VideoPipeline
from vad_edge.runtime.camera import Camera
from vad_edge.runtime.profile import without_levels
from vad_edge.runtime.self_calibration import SelfCalibration
from vad_edge.runtime.settings import RunSettings

_log = logging.getLogger(__name__)


def may_fall_back(settings: RunSettings, graph: Graph) -> bool:
    """Whether the engine was chosen for us, and `graph` can be watched by without a pack."""
    return settings.engine == "auto" and settings.precision is None and graph.calibration is not None


class EngineFallback:
    """Replaces an engine once, where the user did not choose it; it needs nothing but a CPU."""

    def __init__(
        self,
        settings: RunSettings,
        bundle: Bundle,
        engine: Engine,
        cameras: Sequence[Camera],
        health: HealthBoard,
        stack: ExitStack,
    ) -> None:
        self._settings, self._bundle, self._engine = settings, bundle, engine
        self._cameras, self._health, self._stack = cameras, health, stack
        self._used = False
        self._pipeline: VideoPipeline | None = None
        self._learner: SelfCalibration | None = None

    def serve(self, pipeline: VideoPipeline, learner: SelfCalibration) -> None:
        """Name the pipeline that calls `replace`, and who learns from its scores."""
        self._pipeline, self._learner = pipeline, learner

    def replace(self, error: EngineError) -> Engine:
        """The engine that goes on; raises `error` where there is none."""
        failed = self._engine
        if self._settings.engine != "auto" or self._used or failed.name.startswith(f"{LAST_RESORT}-cpu"):
            raise error
        self._used = True
        _log.error("engine %s failed, going on with %s: %s", failed.name, LAST_RESORT, error)
        self._health.raise_condition(Condition.ENGINE_FAILED, failed.name, str(error))
        spare = self._open(failed.graph)
        self._stack.callback(spare.close)
        if spare.graph.member != failed.graph.member:
            self._switch(failed.graph, spare.graph)
        return spare

    def _switch(self, before: Graph, now: Graph) -> None:
        if self._learner is not None:
            self._learner.close()  # scores of two graphs belong to no one calibration
        for row, camera in enumerate(self._cameras):
            if camera.profile is None or self._pipeline is None:
                continue
            profile = without_levels(camera.profile, camera.config, before, now, self._bundle.manifest)
            for code, text in profile.problems.items():
                self._health.raise_condition(code, camera.name, text)
            camera.use(profile)
            self._pipeline.recalibrate(row, profile.full.scorer, profile.full.weight)

    def _open(self, graph: Graph) -> Engine:
        """An engine for a CPU: with the same graph where levels depend on it, if it can run that."""
        bundle, batch, threads = self._bundle, len(self._cameras), self._settings.threads
        if any(camera.limiter is not None for camera in self._cameras) and graph.precision != "fp16":
            try:
                return open_engine(
                    bundle, batch=batch, engine=LAST_RESORT, precision=graph.precision, threads=threads
                )
            except (EngineError, BundleError) as error:
                _log.warning("the %s graph cannot be run by %s: %s", graph.precision, LAST_RESORT, error)
        return open_engine(bundle, batch=batch, engine=LAST_RESORT, threads=threads)
