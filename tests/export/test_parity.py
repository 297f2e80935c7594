from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from vad_edge.bundle.archive import Bundle
from vad_edge.errors import EngineError
from vad_edge.inference.onnxruntime_engine import OnnxRuntimeEngine
from vad_edge_export.parity import check_parity
from vad_edge_training.models.step import StepModel


@pytest.fixture
def engine(bundle: Bundle, model: StepModel) -> Iterator[OnnxRuntimeEngine]:
    opened = OnnxRuntimeEngine(bundle, bundle.graph(), 3, threads=1)
    yield opened
    opened.close()


def test_a_faithful_graph_passes_and_its_differences_are_told(
    engine: OnnxRuntimeEngine, model: StepModel, frames: NDArray[np.uint8]
) -> None:
    parity = check_parity(model, engine, frames, steps=200)
    assert parity.steps == 200
    assert parity.max_rel_score < 1e-4
    assert set(parity.to_dict()) == {"max_abs_score", "max_rel_score", "max_abs_error_map", "steps"}


def test_a_model_that_was_changed_since_is_refused(
    engine: OnnxRuntimeEngine, model: StepModel, frames: NDArray[np.uint8]
) -> None:
    other = type(model)()
    with torch.no_grad():
        other.smooth.weight.mul_(1.01)
    with pytest.raises(
        EngineError, match=r"onnxruntime-cpu fp32 scores differ from torch's by .* more than 0\.001"
    ):
        check_parity(other, engine, frames, steps=20)


def test_scores_that_are_no_numbers_are_refused(
    engine: OnnxRuntimeEngine, model: StepModel, frames: NDArray[np.uint8]
) -> None:
    other = type(model)()
    with torch.no_grad():
        other.smooth.weight.fill_(float("nan"))
    with pytest.raises(EngineError, match="scores differ from torch's by nan"):
        check_parity(other, engine, frames, steps=20)
