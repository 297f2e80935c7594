from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.support.footage import quiet_frames, write_video

from vad_edge.bundle.archive import Bundle
from vad_edge.clock import LiveClock
from vad_edge.diagnostics import parity as parity_check
from vad_edge.diagnostics.parity import FRAMES, check_parity, stored_frames
from vad_edge.errors import EngineError
from vad_edge.inference.engine import Engine, StepOutputs
from vad_edge.inference.onnxruntime_engine import OnnxRuntimeEngine
from vad_edge.video.open import open_source
from vad_edge.video.source import FrameSource


class Accelerator(OnnxRuntimeEngine):
    """The graph on what calls itself a GPU, and adds a little to every score from `wrong_at` on."""

    def __init__(self, bundle: Bundle, batch: int, wrong_at: int, off: float) -> None:
        super().__init__(bundle, bundle.graph(), batch)
        self.name = "tensorrt fp32"
        self._steps, self._wrong_at, self._off = 0, wrong_at, off

    def step(self) -> StepOutputs:
        found = super().step()
        self._steps += 1
        if self._steps > self._wrong_at:
            found.score[:] *= 1.0 + self._off
        return found


@pytest.fixture
def accelerate(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def install(wrong_at: int = 0, off: float = 0.0) -> None:
        def open_it(bundle: Bundle, *, batch: int) -> Engine:
            return Accelerator(bundle, batch, wrong_at, off)

        monkeypatch.setattr(parity_check, "open_engine", open_it)

    return install


def test_the_reference_need_not_be_compared(bundle: Bundle, tmp_path: Path) -> None:
    found = check_parity(bundle, 1, tmp_path)
    assert (found.state, found.text) == ("ok", "onnxruntime-cpu fp32 is the reference itself")


def test_an_engine_that_agrees_passes(
    bundle: Bundle, tmp_path: Path, accelerate: Callable[..., None]
) -> None:
    accelerate(off=1e-6)
    found = check_parity(bundle, 2, tmp_path)
    assert found.state == "ok"
    assert "agrees with ONNX Runtime on 70 made-up frames" in found.text


@pytest.mark.parametrize(("wrong_at", "off"), [(0, 0.05), (60, 0.5), (0, np.nan)])
def test_an_engine_that_differs_is_in_the_way(
    bundle: Bundle, tmp_path: Path, accelerate: Callable[..., None], wrong_at: int, off: float
) -> None:
    accelerate(wrong_at, off)
    found = check_parity(bundle, 2, tmp_path)
    assert found.state == "fail"
    assert found.text.startswith(
        "tensorrt fp32 does not compute its graph on 70 made-up frames: it is off by"
    )


def test_an_engine_that_cannot_be_opened_is_in_the_way(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def open_it(bundle: Bundle, *, batch: int) -> Engine:
        raise EngineError("out of memory")

    monkeypatch.setattr(parity_check, "open_engine", open_it)
    assert (check_parity(bundle, 1, tmp_path).state, check_parity(bundle, 1, tmp_path).text) == (
        "fail",
        "out of memory",
    )


def test_frames_that_are_kept_as_evidence_are_used(
    bundle: Bundle, tmp_path: Path, accelerate: Callable[..., None]
) -> None:
    accelerate()
    for incident, seed in (("one", 1), ("two", 2)):
        folder = tmp_path / "shop" / "evidence" / incident
        folder.mkdir(parents=True)
        write_video(folder / "clip.mkv", quiet_frames(40, seed=seed))
    (folder / "clip.webm").write_bytes(b"half a clip")
    assert stored_frames(bundle, tmp_path, 50).shape == (50, 32, 48, 3)
    wanted = bundle.manifest.clock.warmup_frames + FRAMES
    found = check_parity(bundle, 1, tmp_path)
    assert f"on {wanted} stored frames" in found.text


def test_a_clip_that_retention_takes_away_meanwhile_stops_nothing(bundle: Bundle, tmp_path: Path) -> None:
    for incident in ("gone", "kept"):
        (tmp_path / "shop" / "evidence" / incident).mkdir(parents=True)
    write_video(tmp_path / "shop" / "evidence" / "kept" / "clip.mkv", quiet_frames(10, seed=1))
    # Found in its folder, and nothing any more when it is looked at.
    (tmp_path / "shop" / "evidence" / "gone" / "clip.mkv").symlink_to(tmp_path / "nowhere")
    assert stored_frames(bundle, tmp_path, 50).shape == (10, 32, 48, 3)


def test_no_clip_is_opened_that_is_not_needed(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for incident, seed in (("one", 1), ("two", 2)):
        folder = tmp_path / "shop" / "evidence" / incident
        folder.mkdir(parents=True)
        write_video(folder / "clip.mkv", quiet_frames(40, seed=seed))
    opened: list[str] = []

    def open_it(spec: str, clock: LiveClock) -> FrameSource:
        opened.append(spec)
        return open_source(spec, clock)

    monkeypatch.setattr(parity_check, "open_source", open_it)
    assert len(stored_frames(bundle, tmp_path, 20)) == 20
    assert len(opened) == 1


def test_frames_are_found_in_the_folder_of_one_site(bundle: Bundle, tmp_path: Path) -> None:
    folder = tmp_path / "shop" / "evidence" / "one"
    folder.mkdir(parents=True)
    write_video(folder / "clip.mkv", quiet_frames(10, seed=1))
    assert len(stored_frames(bundle, tmp_path / "shop", 50)) == 10
