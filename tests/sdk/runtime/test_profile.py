"""The streams and levels of a camera's packs, as it changes from one rate to the other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.support.cameras import a_camera

from vad_edge.bundle.archive import Bundle
from vad_edge.bundle.levels import Accumulation, AlarmLevels
from vad_edge.bundle.pack import VIDEO_ALONE, CameraPack, PackedStream, write_pack
from vad_edge.clock import MediaClock
from vad_edge.config.site import CameraConfig, SensorConfig
from vad_edge.errors import BundleError
from vad_edge.runtime.profile import left_out, resolve_camera, with_streams
from vad_edge.sensors.hub import SensorHub
from vad_edge.sensors.stream import SensorSurprise

NOWHERE = Path("nowhere")
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
def config(calibrated_bundle: Bundle, tmp_path: Path) -> CameraConfig:
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
        accumulation=Accumulation(block_s=4.0, usual=1.0),
    )
    slower = graph.calibration.model_copy(update={"fps": 5.0})
    slow = CameraPack(**common, fps=5.0, calibration=slower, levels=levels(4.0))
    write_pack(tmp_path / "full.vadc", full)
    write_pack(tmp_path / "slow.vadc", slow)
    return CameraConfig(
        name="hall", calibration=tmp_path / "full.vadc", slow_calibration=tmp_path / "slow.vadc"
    )


def test_each_rate_has_the_streams_and_levels_of_its_own_pack(
    config: CameraConfig, calibrated_bundle: Bundle
) -> None:
    graph, hub = calibrated_bundle.graph(), SensorHub([DOOR], MediaClock())
    profile = resolve_camera(config, calibrated_bundle, graph, learned=NOWHERE)
    camera = a_camera(config)
    said = SensorSurprise("door", 5.0, 0.0)

    camera.use(with_streams(profile, hub))
    assert camera.rate is not None
    assert camera.rate.accumulation is not None
    assert [(each.stream, weight) for each, weight in camera.counted([said], 1.0)] == [("door", 0.7)]
    assert camera.policy.alarm == 8.0
    assert camera.counted([SensorSurprise("door", 0.9, 1.5)], 1.5) == []
    assert camera.policy.alarm == 8.0
    assert camera.counted([], 2.0) == []
    assert camera.policy.alarm == 6.0

    assert camera.slow_down() is not None
    assert camera.rate.accumulation is None
    assert camera.counted([said], 3.0) == []
    assert camera.policy.alarm == 4.0

    camera.speed_up()
    assert len(camera.counted([said], 4.0)) == 1
    assert camera.policy.alarm == 8.0


def test_a_stream_that_is_declared_otherwise_adds_nothing_and_is_named(
    config: CameraConfig, calibrated_bundle: Bundle
) -> None:
    changed = SensorConfig(name="door", topic="door", kind="analog")
    resolved = resolve_camera(config, calibrated_bundle, calibrated_bundle.graph(), learned=NOWHERE)
    profile = with_streams(resolved, SensorHub([changed], MediaClock()))
    assert left_out(profile.full.weights, ["door"], profile.full.fps).startswith(
        "door add nothing to the risk"
    )
    camera = a_camera(config)
    camera.use(profile)
    assert camera.counted([SensorSurprise("door", 5.0, 0.0)], 1.0) == []
    assert camera.policy.alarm == 6.0


def test_a_pack_of_pictures_that_were_scaled_otherwise_is_refused_with_what_to_set(
    config: CameraConfig, calibrated_bundle: Bundle
) -> None:
    graph = calibrated_bundle.graph()
    scaled = config.model_copy(update={"decode_width": 640})
    with pytest.raises(BundleError) as refusal:
        resolve_camera(scaled, calibrated_bundle, graph, learned=NOWHERE)
    text = "it was made with whole pictures, and the camera has decode_width = 640: its scores are others"
    assert text in str(refusal.value)
    assert "set decode_width as it was" in str(refusal.value)
