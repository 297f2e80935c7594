"""One camera of a site to its pack: from footage, from a live source, or from scores a device has kept."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

from vad_edge.budget import AlarmBudget
from vad_edge.bundle.archive import Bundle
from vad_edge.bundle.manifest import Precision
from vad_edge.calibration.calibrate import CalibrationReport, calibrate, calibrate_on
from vad_edge.calibration.scores import Progress, kept_footage
from vad_edge.config.load import checked
from vad_edge.config.site import CameraConfig, SiteConfig
from vad_edge.errors import ConfigError


def calibrate_camera(
    bundle: Bundle,
    sources: Sequence[str],
    budget: AlarmBudget,
    *,
    site: SiteConfig | None = None,
    camera: str | None = None,
    cameras: int | None = None,
    scores: Path | None = None,
    engine: str = "auto",
    precision: Precision | None = None,
    fps: float | None = None,
    model_fps: float | None = None,
    duration_s: float | None = None,
    stop: threading.Event | None = None,
    all_normal: bool = False,
    false_alarm_risks: Sequence[float] = (),
    on_progress: Progress = lambda what, done, total: None,
) -> CalibrationReport:
    """Learn a camera's normal life and its levels; arguments and errors as for `vad_edge.calibrate`."""
    if bool(sources) == (scores is not None):
        raise ConfigError("there is nothing to learn from", where="sources", fix="give sources, or scores")
    own = camera_to_calibrate(site, camera)
    sharing = cameras or max(len(site.camera) if site is not None else 0, 1)
    if model_fps is not None:
        full = bundle.manifest.clock.fps
        if model_fps >= full:
            raise ConfigError(
                f"{model_fps:g} is no lower rate: the model's own is {full:g}", where="--model-fps"
            )
        bundle = bundle.at_rate(model_fps)
    if scores is not None:
        footage, masks = kept_footage(bundle, scores)
        return calibrate_on(
            bundle,
            footage,
            budget,
            camera=own.name,
            cameras=sharing,
            masks=masks,
            all_normal=all_normal,
            false_alarm_risks=false_alarm_risks,
            on_progress=on_progress,
        )
    return calibrate(
        bundle,
        sources,
        budget,
        camera=own.name,
        cameras=sharing,
        engine=engine,
        precision=precision,
        fps=fps,
        masks=own.ignored,
        duration_s=duration_s,
        stop=stop,
        all_normal=all_normal,
        false_alarm_risks=false_alarm_risks,
        sensors=() if site is None else site.sensor,
        latency_s=own.latency_s,
        on_progress=on_progress,
    )


def camera_to_calibrate(site: SiteConfig | None, name: str | None) -> CameraConfig:
    """The camera of that name in the site, or its only one; without a site, one of which nothing is known.

    Raises ConfigError where the site has no such camera, and for a name that no camera can have.
    """
    if site is None:
        return checked(CameraConfig, name="camera" if name is None else name)
    return site.camera_named(name)
