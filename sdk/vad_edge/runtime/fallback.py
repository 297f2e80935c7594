"""A run on another graph of the bundle than a camera's packs were made for, for want of the engine."""

from __future__ import annotations

import logging

from vad_edge.bundle.archive import Bundle
from vad_edge.bundle.manifest import Graph
from vad_edge.bundle.pack import CameraPack, pack_fits, read_pack
from vad_edge.config.site import CameraConfig, PolicyConfig
from vad_edge.health.conditions import HealthBoard
from vad_edge.runtime.camera import Station
from vad_edge.runtime.settings import RunSettings

_log = logging.getLogger(__name__)


def without_lost_packs(
    camera: CameraConfig, settings: RunSettings, graph: Graph, health: HealthBoard
) -> CameraConfig:
    """The camera without the packs that cannot hold, and says so.

    Those are the ones made for another graph of the bundle than `graph`, where the engine was chosen for us
    and fell back to it. Raises BundleError for a pack that cannot be read.
    """
    bundle = settings.bundle
    assert bundle is not None  # noqa: S101 - asked for by the caller
    if not may_fall_back(settings, graph):
        return camera
    if camera.calibration is not None:
        pack = read_pack(camera.calibration)
        if of_another_graph(pack, bundle, graph):
            health.raise_condition("budget_not_kept", camera.name, budget_lost(pack.precision, graph))
            camera = camera.model_copy(update={"calibration": None})
    if camera.slow_calibration is not None:
        pack = read_pack(camera.slow_calibration)
        slower = pack.fps < bundle.manifest.clock.fps
        if slower and of_another_graph(pack, bundle.at_rate(pack.fps), graph):
            _log.warning(
                "camera %s cannot be slowed: its slow pack is for the %s graph and the %s one runs",
                camera.name, pack.precision, graph.precision,
            )  # fmt: skip
            camera = camera.model_copy(update={"slow_calibration": None})
    return camera


def lose_levels(
    station: Station, policy: PolicyConfig, before: Graph, now: Graph, health: HealthBoard
) -> None:
    """Go on without the packs' levels, which were made for another graph: at those of the site file.

    The budget cannot be kept then, and there is no lower rate. The flood governor stays, so that a flood is
    still rolled up.
    """
    station.lose_slow()
    station.block_s, station.drift = 0.0, None
    station.footage_frames = now.calibration.frames if now.calibration is not None else 0
    if station.governor is None:
        return
    station.config = station.config.model_copy(update={"policy": policy})
    station.standing = station.gatherer = None
    station.machine.follow(policy)
    health.raise_condition("budget_not_kept", station.name, budget_lost(before.precision, now))


def budget_lost(made_for: str, graph: Graph) -> str:
    """Why a camera's budget is not kept, and what to do."""
    blind = "" if graph.calibration is not None else "; that graph has no calibration: video adds no risk"
    return (
        f"the pack's levels are for the {made_for} graph and the {graph.precision} one"
        f" ({graph.member}) runs: warning at the site file's levels, the alarm budget is not kept{blind};"
        " mend the engine, or calibrate the camera again"
    )


def may_fall_back(settings: RunSettings, graph: Graph) -> bool:
    """Whether the engine was chosen for us, and `graph` can be watched by without a pack."""
    return settings.engine == "auto" and settings.precision is None and graph.calibration is not None


def of_another_graph(pack: CameraPack, bundle: Bundle, graph: Graph) -> bool:
    """Whether a pack was made for a graph of `bundle`, but not for this one."""
    others = [other for other in bundle.manifest.graphs if other.member != graph.member]
    return not pack_fits(pack, bundle, graph).ok and any(
        pack_fits(pack, bundle, other).ok for other in others
    )
