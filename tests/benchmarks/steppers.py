"""Functions that run one step of a model, with weights of chance, and give the milliseconds it took."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from vad_edge.bundle.archive import read_bundle, write_bundle
from vad_edge.bundle.manifest import Provenance
from vad_edge.inference.onnxruntime_engine import OnnxRuntimeEngine
from vad_edge_export.lower import lower
from vad_edge_training.models.registry import build

Stepper = Callable[[], float]


def timed(run: Callable[[], object]) -> Stepper:
    def step() -> float:
        started = time.perf_counter()
        run()
        return 1000.0 * (time.perf_counter() - started)

    return step


def torch_stepper(name: str) -> Stepper:
    """Torch on the CPU, one camera."""
    model = build(name, {}).eval().step_module().eval()
    spec = model.spec
    frame = torch.randint(0, 256, (1, spec.height, spec.width, 3), dtype=torch.uint8)
    weight = torch.ones(1, spec.map_height, spec.map_width)
    yes, no = torch.ones(1, dtype=torch.bool), torch.zeros(1, dtype=torch.bool)
    state = model.initial_state(1)
    return timed(torch.no_grad()(lambda: model(frame, weight, yes, no, *state)))


def graph_stepper(name: str, config: dict[str, Any], path: Path) -> Stepper:
    """The fp32 graph on ONNX Runtime, one camera; its bundle is left at `path`."""
    model = build(name, config).eval().step_module()
    provenance = Provenance(created="now", code_version="benchmark")
    write_bundle(path, *lower(model, name=path.stem, provenance=provenance))
    bundle = read_bundle(path)
    return timed(OnnxRuntimeEngine(bundle, bundle.graph(), 1).step)
