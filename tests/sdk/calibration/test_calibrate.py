"""A pack is of the graph that an engine ran, not of the one a CPU would have taken."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.ffmpeg import Ffmpeg
from tests.support.footage import quiet_frames, write_video
from tests.support.tiny_bundle import with_int8

from vad_edge.budget import AlarmBudget
from vad_edge.bundle.archive import Bundle
from vad_edge.bundle.manifest import Graph
from vad_edge.bundle.pack import write_pack
from vad_edge.calibration.calibrate import calibrate
from vad_edge.config.site import CameraConfig, SiteConfig
from vad_edge.errors import BundleError, EngineError
from vad_edge.inference.engine import Engine
from vad_edge.inference.onnxruntime_engine import OnnxRuntimeEngine

HOURLY = AlarmBudget.parse("1/hour")


@pytest.fixture
def bundle(calibrated_bundle: Bundle, tmp_path: Path) -> Bundle:
    """An fp32 graph for all, and an INT8 graph that TensorRT alone would run."""
    return with_int8(calibrated_bundle, tmp_path / "two.vadb", backend="tensorrt")


@pytest.fixture
def footage(tmp_path: Path) -> Path:
    """Two clips of twenty seconds."""
    folder = tmp_path / "life" / "testing"
    folder.mkdir(parents=True)
    for number in (1, 2):
        write_video(folder / f"{number}.mkv", quiet_frames(200, seed=number))
    rows = [f"{clip},{frame},0" for clip in (1, 2) for frame in range(200)]
    (tmp_path / "life" / "labels.csv").write_text("\n".join(["clip,frame0,abnormal", *rows]) + "\n")
    return folder


def opening(monkeypatch: pytest.MonkeyPatch, graphs: Iterator[Graph]) -> None:
    """Clips are scored by these graphs in turn, as by the engines of a board."""

    def open_engine(bundle: Bundle, **_: Any) -> Engine:
        return OnnxRuntimeEngine(bundle, next(graphs), batch=1)

    monkeypatch.setattr("vad_edge.pipeline.open_engine", open_engine)


def test_a_pack_made_on_tensorrt_is_of_its_graph(
    bundle: Bundle, footage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening(monkeypatch, iter([bundle.graph("int8", "tensorrt")] * 2))
    pack = calibrate([str(footage)], bundle=bundle, budget=HOURLY).pack
    assert (pack.precision, pack.graph_sha256) == ("int8", bundle.manifest.members["int8.onnx"])


def test_clips_that_two_graphs_scored_make_no_pack(
    bundle: Bundle, footage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening(monkeypatch, iter([bundle.graph("int8", "tensorrt"), bundle.graph("fp32")]))
    with pytest.raises(
        EngineError,
        match=r"2\.mkv: one clip was scored by int8\.onnx, this one by model\.onnx; name the engine",
    ):
        calibrate([str(footage)], bundle=bundle, budget=HOURLY)


def test_a_pack_is_evaluated_by_its_own_graph_alone(
    bundle: Bundle, footage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vad_edge_training.evaluate.evaluate_events import evaluate_events

    with monkeypatch.context() as board:
        opening(board, iter([bundle.graph("int8", "tensorrt")] * 4))
        write_pack(tmp_path / "board.vadc", calibrate([str(footage)], bundle=bundle, budget=HOURLY).pack)
        found = evaluate_events(bundle.path, footage.parent, tmp_path / "board.vadc")
        assert [clip.name for clip in found.clips] == ["1", "2"]
    opening(monkeypatch, iter([bundle.graph("fp32")]))
    with pytest.raises(
        BundleError,
        match=r"board\.vadc: it was made for int8\.onnx, and the engine here runs model\.onnx; evaluate",
    ):
        evaluate_events(bundle.path, footage.parent, tmp_path / "board.vadc")


def test_footage_is_decoded_as_the_camera_will_be_and_the_pack_says_how(
    ffmpeg: Ffmpeg, bundle: Bundle, footage: Path
) -> None:
    site = SiteConfig(camera=(CameraConfig(name="front", decode_width=64),))
    scaled = calibrate([str(footage)], bundle=bundle, budget=HOURLY, site=site).pack
    whole = calibrate([str(footage)], bundle=bundle, budget=HOURLY).pack
    assert (scaled.decode_width, whole.decode_width) == (64, None)
    # The clips are 64 wide: scaling to that changes nothing, by another decoder.
    assert scaled.calibration == whole.calibration
