from __future__ import annotations

import pytest
from tests.support.fake_gpu import FakeCuda, FakeTensorRt

from vad_edge.bundle.archive import Bundle
from vad_edge.inference.tensorrt.engine import TensorRtEngine


@pytest.fixture
def trt() -> FakeTensorRt:
    """A TensorRT for RTX that is not there."""
    trt = FakeTensorRt(FakeCuda())
    trt.compile_kernels_at_start()
    return trt


def start(bundle: Bundle, trt: FakeTensorRt, kernels: bytes = b"") -> TensorRtEngine:
    graph = bundle.member("model.onnx")
    return TensorRtEngine(bundle, bundle.graph(), 1, graph, trt.flavour(), trt.cuda, kernels)


def test_kernels_are_compiled_once_and_taken_up_at_the_next_start(bundle: Bundle, trt: FakeTensorRt) -> None:
    first = start(bundle, trt)
    assert (first.kernels, trt.compiled) == (b"kernels", 1)
    assert start(bundle, trt, first.kernels).kernels == b"kernels"
    assert trt.compiled == 1


def test_kernels_are_finished_before_a_step_is_recorded(bundle: Bundle, trt: FakeTensorRt) -> None:
    start(bundle, trt)
    eager = trt.DynamicShapesKernelSpecializationStrategy.EAGER
    assert [config.dynamic_shapes_kernel_specialization_strategy for config in trt.configs] == [eager] * 2


def test_kernels_of_another_driver_are_compiled_anew(
    bundle: Bundle, trt: FakeTensorRt, caplog: pytest.LogCaptureFixture
) -> None:
    trt.refuses = {"deserialize"}
    assert start(bundle, trt, b"of another").kernels == b"kernels"
    assert trt.compiled == 1
    assert "of another driver or GPU; compiling them again" in caplog.text


@pytest.mark.parametrize("call", ["create_runtime_config", "set_runtime_cache"])
def test_an_engine_starts_where_kernels_cannot_be_kept(
    call: str, bundle: Bundle, trt: FakeTensorRt, caplog: pytest.LogCaptureFixture
) -> None:
    trt.refuses = {call}
    engine = start(bundle, trt, b"kernels")
    assert engine.step().score.shape == (1, 2)
    assert (engine.kernels, trt.configs) == (b"", [])
    assert "TensorRT keeps no kernels, every start compiles them" in caplog.text


def test_kernels_that_cannot_be_had_are_not_kept(
    bundle: Bundle, trt: FakeTensorRt, caplog: pytest.LogCaptureFixture
) -> None:
    trt.refuses = {"serialize"}
    assert start(bundle, trt).kernels == b""
    assert "no kernels to give" in caplog.text


def test_a_tensorrt_with_its_kernels_in_the_engine_has_none_to_keep(bundle: Bundle) -> None:
    trt = FakeTensorRt(FakeCuda())
    assert start(bundle, trt, b"kernels").kernels == b""
    assert trt.configs == []
