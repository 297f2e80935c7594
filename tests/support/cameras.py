"""Run-time cameras as tests use them, without a loop around them."""

from __future__ import annotations

from vad_edge.clock import LiveClock, MediaClock
from vad_edge.config.site import CameraConfig, SiteConfig
from vad_edge.fusion.machine import Level
from vad_edge.health.board import HealthBoard
from vad_edge.pipeline import ScoredFrame
from vad_edge.report.observer import FrameResult
from vad_edge.runtime.camera import Camera
from vad_edge.runtime.context import RunContext


def a_context(
    site: SiteConfig | None = None,
    clock: LiveClock | MediaClock | None = None,
    health: HealthBoard | None = None,
) -> RunContext:
    return RunContext(site or SiteConfig(), clock or MediaClock(), health or HealthBoard())


def a_camera(config: CameraConfig | None = None, context: RunContext | None = None) -> Camera:
    return Camera(config or CameraConfig(name="front"), context or a_context())


def a_result(camera: str, scored: ScoredFrame) -> FrameResult:
    return FrameResult(camera, scored.frame, scored, None, Level.NORMAL, (), {})
