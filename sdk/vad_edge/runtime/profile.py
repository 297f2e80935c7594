"""The frame rates a camera is calibrated at, and all that goes with each."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vad_edge.budget import AlarmBudget
from vad_edge.bundle.archive import Bundle
from vad_edge.bundle.calibration import Calibration
from vad_edge.bundle.levels import Gathering
from vad_edge.bundle.manifest import Graph
from vad_edge.bundle.pack import CameraPack, KnownView, PackedStream, masks_fit, pack_fits, read_pack
from vad_edge.config.site import CameraConfig, PolicyConfig
from vad_edge.errors import BundleError
from vad_edge.fusion.policy import policy_of
from vad_edge.scoring.drift import DriftWatch
from vad_edge.scoring.regions import ignore_weight
from vad_edge.scoring.scorer import Scorer
from vad_edge.sensors.hub import SensorHub
from vad_edge.video.validity import Light

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """One frame rate of one camera, its calibration there, and the policy that goes with that.

    alarms_per_hour is the budget its levels keep, None where they are the site file's. weight is float32
    (h, w), None for ones. footage_frames and block_s are as in `Station`. streams are those the levels were
    set with, partial the policies for when some of them cannot be believed, as in `CameraPack`. weights are
    those of the streams that may add to the risk, None where no budget says which may. drift compares with
    this calibration, over all the time the pace is run at. views are what the camera looked at.
    """

    fps: float
    max_gap_s: float
    scorer: Scorer
    policy: PolicyConfig
    footage_frames: int
    block_s: float
    weight: NDArray[np.float32] | None = None
    alarms_per_hour: float | None = None
    weights: Mapping[str, float] | None = None
    streams: Mapping[str, PackedStream] = field(default_factory=dict)
    partial: Mapping[str, PolicyConfig] = field(default_factory=dict)
    gathering: Gathering | None = None
    drift: DriftWatch | None = None
    views: Mapping[Light, KnownView] = field(default_factory=dict)


def full_pace(camera: CameraConfig, bundle: Bundle, graph: Graph) -> Pace:
    """The model's own rate, calibrated by the camera's pack or else by the bundle.

    Raises BundleError where the pack was made for something else, or there is no calibration at all.
    """
    if camera.calibration is not None:
        return _of_pack(camera, bundle, _fitting(camera.calibration, camera, bundle, graph))
    if graph.calibration is None:
        raise BundleError(
            f"its {graph.precision} graph has no calibration, and the camera has no pack",
            where=f"{bundle.path}, camera {camera.name}",
            fix="export it again with --data of the scene's normal life",
        )
    return _of_calibration(camera, bundle, graph.calibration)


def slow_pace(camera: CameraConfig, bundle: Bundle, graph: Graph) -> Pace | None:
    """The lower rate the camera is calibrated at for hard times, None where it is calibrated at none.

    Raises BundleError for a pack of another model, or of a rate that is not lower than the model's own.
    """
    path = camera.slow_calibration
    if path is None:
        return None
    pack = read_pack(path)
    if pack.fps >= bundle.manifest.clock.fps:
        raise BundleError(
            f"it was made at {pack.fps:g} fps, which is no less than the model's"
            f" {bundle.manifest.clock.fps:g}",
            where=str(path),
            fix="make one with `vad-edge calibrate --model-fps`",
        )
    slowed = bundle.at_rate(pack.fps)
    return _of_pack(camera, slowed, _fitting(path, camera, slowed, graph))


def _fitting(path: Path, camera: CameraConfig, bundle: Bundle, graph: Graph) -> CameraPack:
    pack = read_pack(path)
    for verdict in (pack_fits(pack, bundle, graph), masks_fit(pack, camera.ignored)):
        if not verdict.ok:
            raise BundleError(verdict.reason, where=str(path), fix=verdict.fix)
    return pack


def _of_pack(camera: CameraConfig, bundle: Bundle, pack: CameraPack) -> Pace:
    weight = None if pack.weight is None else np.asarray(pack.weight, np.float32)
    pace = replace(_of_calibration(camera, bundle, pack.calibration), weight=weight, views=pack.views)
    levels = pack.levels
    if levels is None:
        return pace
    _log.info(
        "camera %s keeps %s at %g fps: watch %.2f, warning %.2f, alarm %.2f",
        camera.name, levels.kept, pack.fps, levels.watch, levels.warning, levels.alarm,
    )  # fmt: skip
    if levels.needed_s > levels.armed_s:
        _log.warning(
            "camera %s: %s was asked for, but its calibration cannot know that", camera.name, levels.asked
        )
    return replace(
        pace,
        policy=policy_of(levels),
        alarms_per_hour=AlarmBudget.parse(levels.kept).per_hour,
        weights={name: stream.weight for name, stream in pack.sensors.items()},
        streams=pack.sensors,
        partial={name: policy_of(partial) for name, partial in pack.partial_levels.items()},
        gathering=pack.gathering,
    )


def _of_calibration(camera: CameraConfig, bundle: Bundle, calibration: Calibration) -> Pace:
    manifest = bundle.manifest
    stretches = calibration.block_s > 0
    ignored = camera.ignored
    return Pace(
        fps=manifest.clock.fps,
        max_gap_s=manifest.clock.max_gap_s,
        scorer=Scorer(calibration, manifest.cues),
        policy=camera.policy,
        footage_frames=round(calibration.seconds / calibration.block_s) if stretches else calibration.frames,
        block_s=calibration.block_s,
        weight=ignore_weight(ignored, manifest.map_height, manifest.map_width) if ignored else None,
        drift=DriftWatch(calibration.block_s) if stretches else None,
    )


def with_streams(pace: Pace, hub: SensorHub) -> Pace:
    """The pace with the streams that are declared as they were; they go on from what they had learned."""
    if pace.weights is None:
        return pace
    taken = hub.take_up({name: stream.learned for name, stream in pace.streams.items()})
    return replace(pace, weights={name: pace.streams[name].weight for name in taken})


def left_out(weights: Mapping[str, float] | None, streams: Sequence[str], fps: float) -> str:
    """Which of a camera's streams its budget at this rate leaves out and why; "" where it leaves out none.

    weights are those of the streams that count, None where no budget says which may.
    """
    if weights is None:
        return ""
    missing = [name for name in streams if name not in weights]
    if not missing:
        return ""
    return (
        f"{', '.join(missing)} add nothing to the risk: the alarm budget at {fps:g} frames a second was"
        " calibrated without them, or they were declared otherwise; record them with the camera and"
        " calibrate it again"
    )
