from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from vad_edge.bundle.archive import write_bundle
from vad_edge.bundle.calibration import Calibration, Tail
from vad_edge.bundle.manifest import Clock, Graph, Manifest, Provenance, StateTensor


def npy(value: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, value)
    return buffer.getvalue()


@pytest.fixture
def calibration() -> Calibration:
    tail = Tail(levels=(0.0, 0.9), scores=(0.0, 1.0), scale=0.5)
    return Calibration(cues={"error": tail, "motion": tail}, total=tail, frames=100, seconds=10.0, fps=10.0)


@pytest.fixture
def manifest() -> Manifest:
    return Manifest(
        name="tiny",
        height=32,
        width=48,
        map_height=4,
        map_width=6,
        clock=Clock(fps=10.0, warmup_frames=2),
        cues=("error", "motion"),
        states=(
            StateTensor(name="background", shape=(2, 3), initial="initial.background.npy"),
            StateTensor(name="count", shape=(), dtype="uint8"),
        ),
        graphs=(Graph(member="model.fp32.onnx", precision="fp32"),),
        provenance=Provenance(created="2026-01-01T00:00:00+00:00", code_version="0.1.0", synthetic=True),
        members={},
    )


@pytest.fixture
def members() -> dict[str, bytes]:
    return {
        "model.fp32.onnx": b"graph bytes",
        "initial.background.npy": npy(np.arange(6, dtype=np.float32).reshape(2, 3)),
    }


@pytest.fixture
def bundle_path(tmp_path: Path, manifest: Manifest, members: dict[str, bytes]) -> Path:
    path = tmp_path / "tiny.vadb"
    write_bundle(path, manifest, members)
    return path
