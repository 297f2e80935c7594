from __future__ import annotations

import pytest

from vad_edge.diagnostics.engines.checks import CHECKS
from vad_edge.diagnostics.engines.plan import plan_steps

PLAN = plan_steps(["tensorrt", "another", "onnxruntime"], "onnxruntime")


def test_every_step_comes_once_and_after_what_it_needs() -> None:
    assert len(set(PLAN)) == len(PLAN)
    for place, step in enumerate(PLAN):
        assert all(need in PLAN[:place] for need in step.needs)


def test_every_step_has_a_check_and_every_check_a_step() -> None:
    assert {step.check for step in PLAN} == set(CHECKS)


@pytest.mark.parametrize("engine", ["tensorrt", "another", "onnxruntime"])
@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_each_engine_is_tried_whole_in_each_precision(engine: str, precision: str) -> None:
    tried = {step.check for step in PLAN if (step.engine, step.precision) == (engine, precision)}
    assert {"load and one step", "snapshot and restore", "time", "start"} <= tried
    assert ("100 steps beside fp32" in tried) is ((engine, precision) != ("onnxruntime", "fp32"))
    assert ("compile" in tried) is (engine == "tensorrt")


@pytest.mark.parametrize(
    ("engine", "precisions"),
    [("tensorrt", {"fp16", "int8"}), ("another", {"fp16", "int8"}), ("onnxruntime", set())],
)
def test_several_cameras_are_tried_in_what_is_fast_and_not_with_the_reference(
    engine: str, precisions: set[str]
) -> None:
    assert {step.precision for step in PLAN if (step.engine, step.cameras) == (engine, 4)} == precisions
