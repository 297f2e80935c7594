"""The streams and levels of a camera's packs, as it changes from one rate to the other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vad_edge.bundle.archive import Bundle
from vad_edge.bundle.levels import AlarmLevels, Gathering
from vad_edge.bundle.pack import VIDEO_ALONE, CameraPack, PackedStream, write_pack
from vad_edge.clock import MediaClock
from vad_edge.config.site import CameraConfig, SensorConfig
from vad_edge.fusion.fuse import Fuser
from vad_edge.fusion.machine import WarningMachine
from vad_edge.runtime.camera import Station
from vad_edge.runtime.profile import full_pace, left_out, slow_pace, with_streams
from vad_edge.sensors.hub import SensorHub
from vad_edge.sensors.stream import SensorSurprise

DOOR = SensorConfig(name="door", topic="door", kind="binary")


def levels(alarm: float) -> AlarmLevels:
    return AlarmLevels.model_validate(
        {
            "asked": "1/hour", "kept": "1/hour", "cameras": 1, "watch": 2.0, "warning": 3.0, "alarm": alarm,
            "hysteresis": 0.2, "dwell_s": 0.2, "clear_s": 0.5, "cooldown_s": 0.0, "smoothing_s": 0.0,
            "persistence": (2, 3), "rates_per_hour": (10.0, 1.0), "risks": (3.0, 4.0),
            "backed_per_hour": 1.0, "armed_s": 7200.0, "needed_s": 3600.0,
        }
    )  # fmt: skip


@pytest.fixture
def camera(calibrated_bundle: Bundle, tmp_path: Path) -> CameraConfig:
    """A camera calibrated with a door at the model's rate, and by video alone at half of it."""
    graph = calibrated_bundle.graph()
    assert graph.calibration is not None
    common: dict[str, Any] = {
        "camera": "hall", "graph_sha256": calibrated_bundle.manifest.members[graph.member],
        "precision": graph.precision, "created": "2026-01-01T00:00:00+00:00",
    }  # fmt: skip
    learned = SensorHub([DOOR], MediaClock()).learned()["door"]
    full = CameraPack(
        **common,
        fps=10.0,
        calibration=graph.calibration,
        levels=levels(8.0),
        sensors={"door": PackedStream(weight=0.7, learned=learned)},
        partial_levels={"door": levels(6.0), VIDEO_ALONE: levels(5.0)},
        gathering=Gathering(block_s=4.0, usual=1.0),
    )
    slower = graph.calibration.model_copy(update={"fps": 5.0})
    slow = CameraPack(**common, fps=5.0, calibration=slower, levels=levels(4.0))
    write_pack(tmp_path / "full.vadc", full)
    write_pack(tmp_path / "slow.vadc", slow)
    return CameraConfig(
        name="hall", calibration=tmp_path / "full.vadc", slow_calibration=tmp_path / "slow.vadc"
    )


def test_each_rate_has_the_streams_and_levels_of_its_own_pack(
    camera: CameraConfig, calibrated_bundle: Bundle
) -> None:
    graph, hub = calibrated_bundle.graph(), SensorHub([DOOR], MediaClock())
    full = with_streams(full_pace(camera, calibrated_bundle, graph), hub)
    slow = slow_pace(camera, calibrated_bundle, graph)
    assert slow is not None
    station = Station(camera, Fuser(0.0), WarningMachine(camera.policy))
    said = SensorSurprise("door", 5.0, 0.0)

    station.run_at(full)
    assert station.gatherer is not None
    assert [(each.stream, weight) for each, weight in station.counted([said], 1.0)] == [("door", 0.7)]
    assert station.config.policy.alarm == 8.0
    assert station.counted([SensorSurprise("door", 0.9, 1.5)], 1.5) == []
    assert station.config.policy.alarm == 8.0
    assert station.counted([], 2.0) == []
    assert station.config.policy.alarm == 6.0

    station.run_at(with_streams(slow, hub))
    assert station.gatherer is None
    assert station.counted([said], 3.0) == []
    assert station.config.policy.alarm == 4.0

    station.run_at(full)
    assert len(station.counted([said], 4.0)) == 1
    assert station.config.policy.alarm == 8.0


def test_a_stream_that_is_declared_otherwise_adds_nothing_and_is_named(
    camera: CameraConfig, calibrated_bundle: Bundle
) -> None:
    changed = SensorConfig(name="door", topic="door", kind="analog")
    full = full_pace(camera, calibrated_bundle, calibrated_bundle.graph())
    pace = with_streams(full, SensorHub([changed], MediaClock()))
    assert left_out(pace.weights, ["door"], pace.fps).startswith("door add nothing to the risk")
    station = Station(camera, Fuser(0.0), WarningMachine(camera.policy))
    station.run_at(pace)
    assert station.counted([SensorSurprise("door", 5.0, 0.0)], 1.0) == []
    assert station.config.policy.alarm == 6.0
