"""A run whose engine fails, and what becomes of a pack's levels then."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support.footage import quiet_frames, with_block, write_video
from tests.support.runs import POLICY, FailingEngine, Notes
from tests.support.tiny_bundle import with_int8

from vad_edge.bundle.archive import Bundle
from vad_edge.bundle.levels import AlarmLevels
from vad_edge.bundle.pack import CameraPack, write_pack
from vad_edge.config.site import CameraConfig, LearningConfig, SensorConfig, SiteConfig
from vad_edge.errors import BundleError, EngineError
from vad_edge.events.store import EventStore
from vad_edge.fusion.machine import Level
from vad_edge.inference import select
from vad_edge.inference.engine import Engine
from vad_edge.runtime.settings import RunSummary


@pytest.mark.usefixtures("failing_engines")
def test_an_engine_that_fails_is_replaced_and_the_run_goes_on(
    go: Callable[..., RunSummary], tmp_path: Path
) -> None:
    clip = write_video(tmp_path / "clip.mkv", with_block(quiet_frames(40, seed=1), 30, 34))
    notes = Notes()

    summary = go(clip, clip, notes=notes)

    assert summary.scored == 80
    assert notes.codes().count(("engine_failed", "tensorrt 10.3.0 fp32")) == 1
    assert len({event.incident for event in notes.events}) == 2
    cold = [
        result.frame.index for result in notes.results if result.scored and result.scored.surprise is None
    ]
    assert sorted(set(cold)) == [0, 5]


@pytest.mark.usefixtures("failing_engines")
def test_an_engine_that_was_asked_for_by_name_is_not_replaced(
    go: Callable[..., RunSummary], tmp_path: Path
) -> None:
    clip = write_video(tmp_path / "clip.mkv", quiet_frames(20, seed=1))
    with pytest.raises(EngineError, match="the GPU fell off the bus"):
        go(clip, notes=Notes(), engine="tensorrt")


@pytest.fixture
def pack(calibrated_bundle: Bundle, tmp_path: Path) -> Callable[..., Path]:
    """A camera pack for the tiny bundle; its alarm starts where it is told to."""

    def make(**changes: object) -> Path:
        graph = calibrated_bundle.graph()
        calibration = graph.calibration
        assert calibration is not None
        levels = AlarmLevels.model_validate(
            {
                "asked": "1/hour", "kept": "1/hour", "cameras": 1, "watch": 2.0, "warning": 3.0, "alarm": 4.0,
                "hysteresis": 0.2, "dwell_s": 0.2, "clear_s": 0.5, "cooldown_s": 0.0, "smoothing_s": 0.0,
                "persistence": (2, 3), "rates_per_hour": (10.0, 1.0), "risks": (3.0, 4.0),
                "backed_per_hour": 1.0, "armed_s": 7200.0, "needed_s": 3600.0, **changes,
            }
        )  # fmt: skip
        path = tmp_path / "camera.vadc"
        write_pack(
            path,
            CameraPack(
                camera="camera0",
                graph_sha256=calibrated_bundle.manifest.members[graph.member],
                precision=graph.precision,
                fps=10.0,
                calibration=calibration,
                levels=levels,
                created="2026-01-01T00:00:00+00:00",
            ),
        )
        return path

    return make


def with_pack(clip: Path, pack: Path) -> SiteConfig:
    camera = CameraConfig(name="camera0", source=str(clip), policy=POLICY, calibration=pack)
    return SiteConfig(camera=(camera,))


def test_a_pack_s_levels_take_the_place_of_the_site_file_s(
    go: Callable[..., RunSummary], pack: Callable[..., Path], tmp_path: Path
) -> None:
    clip = write_video(tmp_path / "clip.mkv", with_block(quiet_frames(80, seed=1), 40, 50))
    heard, unheard = Notes(), Notes()

    go(notes=heard, site=with_pack(clip, pack()))
    go(notes=unheard, site=with_pack(clip, pack(watch=500.0, warning=600.0, alarm=700.0)))

    assert [event.kind for event in heard.events] == ["opened", "lowered", "cleared"]
    assert heard.events[0].level is Level.ALARM
    assert unheard.events == []


@pytest.mark.usefixtures("failing_engines")
def test_an_engine_with_the_same_graph_keeps_the_pack_s_levels(
    go: Callable[..., RunSummary], pack: Callable[..., Path], tmp_path: Path
) -> None:
    clip = write_video(tmp_path / "clip.mkv", with_block(quiet_frames(80, seed=1), 40, 50))
    notes = Notes()

    go(notes=notes, site=with_pack(clip, pack(watch=500.0, warning=600.0, alarm=700.0)))

    assert notes.codes() == [("engine_failed", "tensorrt 10.3.0 fp32")]
    assert notes.events == []


@pytest.fixture
def two_graphs(calibrated_bundle: Bundle, tmp_path: Path) -> Bundle:
    return with_int8(calibrated_bundle, tmp_path / "two.vadb")


def test_an_engine_with_another_graph_loses_the_levels_and_says_so(
    go: Callable[..., RunSummary],
    pack: Callable[..., Path],
    two_graphs: Bundle,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def open_failing(bundle: Bundle, *, engine: str = "auto", **options: Any) -> Engine:
        if engine == "auto":
            opened = select.open_engine(bundle, engine="onnxruntime", **{**options, "precision": "fp32"})
            return FailingEngine(opened)
        if options.get("precision") == "fp32":
            raise EngineError("a CPU cannot run this graph")
        return select.open_engine(bundle, engine=engine, **options)

    for module in ("assembly", "engine_fallback"):
        monkeypatch.setattr(f"vad_edge.runtime.{module}.open_engine", open_failing)
    clip = write_video(tmp_path / "clip.mkv", with_block(quiet_frames(80, seed=1), 40, 50))
    site = with_pack(clip, pack(watch=500.0, warning=600.0, alarm=700.0))
    notes = Notes()

    go(notes=notes, site=site, bundle=two_graphs)

    assert ("budget_not_kept", "camera0") in notes.codes()
    (text,) = [event.message for event in notes.conditions if event.code == "budget_not_kept"]
    assert "the pack's levels are for the fp32 graph and the int8 one (int8.onnx) runs" in text
    assert notes.events[0].level is Level.ALARM  # by the site file's levels


def test_a_run_that_begins_on_another_graph_of_the_bundle_goes_on_without_the_pack(
    go: Callable[..., RunSummary], pack: Callable[..., Path], two_graphs: Bundle, tmp_path: Path
) -> None:
    clip = write_video(tmp_path / "clip.mkv", quiet_frames(20, seed=1))
    site, notes = with_pack(clip, pack()), Notes()

    go(notes=notes, site=site, bundle=two_graphs)

    assert notes.codes() == [("budget_not_kept", "camera0")]
    with pytest.raises(BundleError, match="it was made for another graph"):
        go(notes=Notes(), site=site, bundle=two_graphs, precision="int8")


def test_a_stream_that_the_pack_was_made_without_adds_nothing_and_is_named(
    go: Callable[..., RunSummary], pack: Callable[..., Path], tmp_path: Path
) -> None:
    clip = write_video(tmp_path / "clip.mkv", quiet_frames(20, seed=1))
    sensor = SensorConfig(name="door", topic="door", kind="binary")
    site = with_pack(clip, pack()).model_copy(update={"sensor": (sensor,)})
    notes = Notes()

    go(notes=notes, site=site)

    assert notes.codes() == [("sensors_unheard", "sensors"), ("sensors_uncalibrated", "camera0")]
    condition = notes.conditions[-1]
    assert condition.message.startswith("door add nothing to the risk")


def test_a_flood_of_alarms_becomes_one_condition_and_all_are_stored(
    go: Callable[..., RunSummary], pack: Callable[..., Path], tmp_path: Path
) -> None:
    images = quiet_frames(15 * 40, seed=1)
    for number in range(15):
        images = with_block(images, number * 40 + 20, number * 40 + 26)
    notes = Notes()

    go(notes=notes, site=with_pack(write_video(tmp_path / "clip.mkv", images), pack()))

    assert notes.codes() == [("calibration_broken", "camera0")]
    assert "more than 10 alarms in 1 h" in notes.conditions[0].message
    with contextlib.closing(EventStore(tmp_path / "out" / "events.db")) as store:
        kept, pending = store.events(), store.pending("camera0")
    assert len({event.incident for event in kept}) == 15
    assert len({event.incident for event in pending}) == 10


def test_what_a_camera_has_learned_outlives_a_run_on_another_graph(
    go: Callable[..., RunSummary], pack: Callable[..., Path], two_graphs: Bundle, tmp_path: Path
) -> None:
    learned = tmp_path / "out" / "learned" / "camera0.vadc"
    learned.parent.mkdir(parents=True)
    learned.write_bytes(pack().read_bytes())
    clip = write_video(tmp_path / "clip.mkv", quiet_frames(20, seed=1))
    site = SiteConfig(
        camera=(CameraConfig(name="camera0", source=str(clip), policy=POLICY),),
        learning=LearningConfig(hours=1.0),
    )
    notes = Notes()

    go(notes=notes, site=site, bundle=two_graphs)

    assert notes.codes() == [("budget_not_kept", "camera0")]
    assert [path.name for path in learned.parent.iterdir()] == ["camera0.vadc"]
