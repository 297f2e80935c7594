"""Runs of the tiny bundle, and engines that fail on the way."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support.runs import POLICY, FailingEngine, Notes

from vad_edge.bundle.archive import Bundle
from vad_edge.config.site import CameraConfig, SiteConfig
from vad_edge.inference import select
from vad_edge.inference.engine import Engine
from vad_edge.runtime.loop import run
from vad_edge.runtime.settings import RunSettings, RunSummary


@pytest.fixture
def go(tmp_path: Path, calibrated_bundle: Bundle) -> Callable[..., RunSummary]:
    """Runs the tiny bundle over some sources."""

    def run_it(
        *sources: Path | str, notes: Notes, stop: threading.Event | None = None, **settings: object
    ) -> RunSummary:
        cameras = tuple(
            CameraConfig(name=f"camera{number}", source=str(source), policy=POLICY)
            for number, source in enumerate(sources)
        )
        given = {
            "site": SiteConfig(camera=cameras),
            "bundle": calibrated_bundle,
            "output": tmp_path / "out",
            **settings,
        }
        return run(RunSettings(**given), [notes], stop)  # type: ignore[arg-type]

    return run_it


@pytest.fixture
def failing_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    def open_failing(bundle: Bundle, *, engine: str = "auto", **options: Any) -> Engine:
        opened = select.open_engine(bundle, engine="onnxruntime", **options)
        return opened if engine == "onnxruntime" else FailingEngine(opened)

    for module in ("assembly", "engine_fallback"):
        monkeypatch.setattr(f"vad_edge.runtime.{module}.open_engine", open_failing)
