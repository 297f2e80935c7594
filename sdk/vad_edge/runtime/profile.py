"""What the site file, the options, the bundle and the packs say of one camera, resolved to one profile."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vad_edge.budget import AlarmBudget
from vad_edge.bundle.archive import Bundle
from vad_edge.bundle.calibration import Calibration
from vad_edge.bundle.levels import Accumulation
from vad_edge.bundle.manifest import Graph, Manifest
from vad_edge.bundle.pack import CameraPack, KnownView, PackedStream, masks_fit, pack_fits, read_pack
from vad_edge.common.paths import inside
from vad_edge.common.verdict import Verdict
from vad_edge.config.site import CameraConfig, PolicyConfig, SiteConfig
from vad_edge.errors import BundleError, VadEdgeError
from vad_edge.fusion.policy import policy_of
from vad_edge.health.conditions import Condition
from vad_edge.scoring.regions import ignore_weight
from vad_edge.scoring.scorer import Scorer
from vad_edge.sensors.hub import SensorHub
from vad_edge.video.validity import Light

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class RateProfile:
    """One frame rate of one camera, its calibration there, and the policy that goes with that.

    scorer is None where the graph has no calibration: video adds no risk. alarms_per_hour is the budget its
    levels keep, None where they are the site file's. weight is float32 (h, w), None for ones. footage_frames
    is how many frames of normal footage the camera is calibrated on, or how many stretches of block_s where
    that is above 0. streams are those the levels were set with, partial the policies for when some of them
    cannot be believed, as in `CameraPack`. weights are those of the streams that may add to the risk, None
    where no budget says which may. views are what the camera looked at.
    """

    fps: float
    max_gap_s: float
    scorer: Scorer | None
    policy: PolicyConfig
    footage_frames: int
    block_s: float
    weight: NDArray[np.float32] | None = None
    alarms_per_hour: float | None = None
    weights: Mapping[str, float] | None = None
    streams: Mapping[str, PackedStream] | None = None
    partial: Mapping[str, PolicyConfig] = field(default_factory=dict)
    accumulation: Accumulation | None = None
    views: Mapping[Light, KnownView] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class PackUse:
    """A camera's pack. learned says that the camera made it itself; asked and kept are its budgets.

    in_force is false for one that was made for another graph than the one that runs.
    """

    path: Path
    learned: bool
    asked: AlarmBudget | None
    kept: str | None
    sha256: str
    in_force: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class CameraProfile:
    """Everything that is resolved for one camera; swapped whole, never changed in place.

    slow is the rate it falls back to where the machine is too hot or too slow. problems says by condition
    code what does not hold that the user may rely on. unused says why a pack that lies there is not used.
    """

    full: RateProfile
    slow: RateProfile | None = None
    pack: PackUse | None = None
    problems: Mapping[Condition, str] = field(default_factory=dict)
    unused: str = ""


def resolve(
    site: SiteConfig, bundle: Bundle, graph: Graph, *, learned: Path, may_fall_back: bool = False
) -> list[CameraProfile]:
    """The profile of each camera of a site; raises as `resolve_camera`."""
    return [
        resolve_camera(camera, bundle, graph, learned=learned, may_fall_back=may_fall_back)
        for camera in site.camera
    ]


def resolve_camera(
    camera: CameraConfig, bundle: Bundle, graph: Graph, *, learned: Path, may_fall_back: bool = False
) -> CameraProfile:
    """The profile of a camera: the pack it is given or else the one it learned, or else the bundle's.

    learned is the folder of what cameras learn themselves. may_fall_back says that the engine was not chosen
    by the user: a pack for another graph of the bundle is then left out and named in `problems`.
    Raises BundleError for a pack that cannot be read or was made for something else, and where there is no
    calibration at all.
    """
    use, pack, unused = _pack_of(camera, bundle, graph, learned, may_fall_back)
    problems: dict[Condition, str] = {}
    if use is not None and pack is not None and may_fall_back and _is_for_another_graph(pack, bundle, graph):
        problems[Condition.BUDGET_NOT_KEPT] = budget_lost(pack.precision, graph)
        use, pack = replace(use, in_force=False), None
    slow = _slow(camera, bundle, graph, may_fall_back)
    if pack is not None and use is not None:
        _must_fit(pack, use.path, camera, bundle, graph)
        return CameraProfile(_of_pack(camera, bundle, pack), slow, use, problems, unused)
    if graph.calibration is None:
        raise BundleError(
            f"its {graph.precision} graph has no calibration, and the camera has no pack",
            where=f"{bundle.path}, camera {camera.name}",
            fix="export it again with --data of the scene's normal life",
        )
    return CameraProfile(_of_calibration(camera, bundle, graph.calibration), slow, use, problems, unused)


def without_levels(
    profile: CameraProfile, camera: CameraConfig, before: Graph, now: Graph, manifest: Manifest
) -> CameraProfile:
    """The profile on another graph than its levels were made for: the site file's levels hold.

    The budget cannot be kept then, and there is no lower rate. Its rate stays, so that a flood of alarms is
    still rolled up.
    """
    kept = profile.full.alarms_per_hour is not None
    full = replace(
        profile.full,
        scorer=None if now.calibration is None else Scorer(now.calibration, manifest.cues),
        policy=camera.policy,
        footage_frames=0 if now.calibration is None else now.calibration.frames,
        block_s=0.0,
        streams=None,
        accumulation=None,
    )
    problems = {Condition.BUDGET_NOT_KEPT: budget_lost(before.precision, now)} if kept else {}
    pack = None if profile.pack is None else replace(profile.pack, in_force=False)
    return replace(profile, full=full, slow=None, pack=pack, problems=problems)


def with_streams(profile: CameraProfile, hub: SensorHub) -> CameraProfile:
    """The profile with the streams that are declared as they were; they go on from what they had learned.

    What the streams had learned by the full rate's footage is what they go on from.
    """
    slow = None if profile.slow is None else _rate_with_streams(profile.slow, hub)
    return replace(profile, full=_rate_with_streams(profile.full, hub), slow=slow)


def _rate_with_streams(rate: RateProfile, hub: SensorHub) -> RateProfile:
    if rate.weights is None or rate.streams is None:
        return rate
    streams = rate.streams
    taken = hub.take_up({name: stream.learned for name, stream in streams.items()})
    return replace(rate, weights={name: streams[name].weight for name in taken})


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


def budget_lost(made_for: str, graph: Graph) -> str:
    """Why a camera's budget is not kept, and what to do."""
    blind = "" if graph.calibration is not None else "; that graph has no calibration: video adds no risk"
    return (
        f"the pack's levels are for the {made_for} graph and the {graph.precision} one"
        f" ({graph.member}) runs: warning at the site file's levels, the alarm budget is not kept{blind};"
        " repair the engine, or calibrate the camera again"
    )


def learned_pack(folder: Path, camera: str) -> Path:
    """Where a camera keeps the pack it made itself."""
    return inside(folder, f"{camera}.vadc")


def _pack_of(
    camera: CameraConfig, bundle: Bundle, graph: Graph, learned: Path, may_fall_back: bool
) -> tuple[PackUse | None, CameraPack | None, str]:
    """The camera's pack, or the reason why the one that it learned is not used."""
    if camera.calibration is not None:
        pack = read_pack(camera.calibration)
        return _use(camera.calibration, pack, learned=False), pack, ""
    path = learned_pack(learned, camera.name)
    # os and not Path.exists, which fails below a folder it may not look into.
    if not os.path.exists(path):  # noqa: PTH110
        return None, None, ""
    try:
        pack = read_pack(path)
    except VadEdgeError as error:
        return None, None, _not_used(camera, str(error))
    verdict = _fits(pack, camera, bundle, graph)
    if not verdict.ok and not (may_fall_back and _is_for_another_graph(pack, bundle, graph)):
        return None, None, _not_used(camera, verdict.reason)
    return _use(path, pack, learned=True), pack, ""


def _not_used(camera: CameraConfig, reason: str) -> str:
    _log.warning("camera %s: the pack it learned is not used: %s", camera.name, reason)
    return reason


def _use(path: Path, pack: CameraPack, *, learned: bool) -> PackUse:
    levels = pack.levels
    return PackUse(
        path,
        learned,
        asked=None if levels is None else AlarmBudget.parse(levels.asked),
        kept=None if levels is None else levels.kept,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
    )


def _slow(camera: CameraConfig, bundle: Bundle, graph: Graph, may_fall_back: bool) -> RateProfile | None:
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
    if may_fall_back and _is_for_another_graph(pack, slowed, graph):
        _log.warning(
            "camera %s cannot be slowed: its slow pack is for the %s graph and the %s one runs",
            camera.name, pack.precision, graph.precision,
        )  # fmt: skip
        return None
    _must_fit(pack, path, camera, slowed, graph)
    return _of_pack(camera, slowed, pack)


def _is_for_another_graph(pack: CameraPack, bundle: Bundle, graph: Graph) -> bool:
    """Whether a pack was made for a graph of `bundle`, but not for this one."""
    others = [other for other in bundle.manifest.graphs if other.member != graph.member]
    return not pack_fits(pack, bundle, graph).ok and any(
        pack_fits(pack, bundle, other).ok for other in others
    )


def _fits(pack: CameraPack, camera: CameraConfig, bundle: Bundle, graph: Graph) -> Verdict:
    verdict = pack_fits(pack, bundle, graph)
    if not verdict.ok:
        return verdict
    if pack.decode_width != camera.decode_width:
        made, now = (
            f"decode_width = {width}" if width else "whole pictures"
            for width in (pack.decode_width, camera.decode_width)
        )
        return Verdict(
            ok=False,
            reason=f"it was made with {made}, and the camera has {now}: its scores are others",
            fix="set decode_width as it was, or calibrate the camera again with --config",
        )
    return masks_fit(pack, camera.ignored)


def _must_fit(pack: CameraPack, path: Path, camera: CameraConfig, bundle: Bundle, graph: Graph) -> None:
    verdict = _fits(pack, camera, bundle, graph)
    if not verdict.ok:
        raise BundleError(verdict.reason, where=str(path), fix=verdict.fix)


def _of_pack(camera: CameraConfig, bundle: Bundle, pack: CameraPack) -> RateProfile:
    weight = None if pack.weight is None else np.asarray(pack.weight, np.float32)
    rate = replace(_of_calibration(camera, bundle, pack.calibration), weight=weight, views=pack.views)
    levels = pack.levels
    if levels is None:
        return rate
    _log.info(
        "camera %s keeps %s at %g fps: watch %.2f, warning %.2f, alarm %.2f",
        camera.name, levels.kept, pack.fps, levels.watch, levels.warning, levels.alarm,
    )  # fmt: skip
    if levels.needed_s > levels.armed_s:
        _log.warning(
            "camera %s: %s was asked for, but its calibration cannot know that", camera.name, levels.asked
        )
    return replace(
        rate,
        policy=policy_of(levels),
        alarms_per_hour=AlarmBudget.parse(levels.kept).per_hour,
        weights={name: stream.weight for name, stream in pack.sensors.items()},
        streams=pack.sensors,
        partial={name: policy_of(partial) for name, partial in pack.partial_levels.items()},
        accumulation=pack.accumulation,
    )


def _of_calibration(camera: CameraConfig, bundle: Bundle, calibration: Calibration) -> RateProfile:
    manifest = bundle.manifest
    stretches = calibration.block_s > 0
    ignored = camera.ignored
    return RateProfile(
        fps=manifest.clock.fps,
        max_gap_s=manifest.clock.max_gap_s,
        scorer=Scorer(calibration, manifest.cues),
        policy=camera.policy,
        footage_frames=round(calibration.seconds / calibration.block_s) if stretches else calibration.frames,
        block_s=calibration.block_s,
        weight=ignore_weight(ignored, manifest.map_height, manifest.map_width) if ignored else None,
    )
