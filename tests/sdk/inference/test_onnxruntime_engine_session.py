from __future__ import annotations

from collections.abc import Callable

import pytest

from vad_edge.bundle.archive import Bundle
from vad_edge.bundle.manifest import Graph, Precision
from vad_edge.errors import BundleError, EngineError
from vad_edge.inference import onnxruntime_engine as onnxruntime_session
from vad_edge.inference.onnxruntime_engine import (
    CPU,
    CUDA,
    TENSORRT,
    Provider,
    available_providers,
    open_session,
    provider_fits,
    provider_graph,
    provider_there,
)

MakeBundle = Callable[..., Bundle]


@pytest.fixture
def full(make_bundle: MakeBundle) -> Bundle:
    graphs = (
        Graph(member="model.onnx", precision="fp32"),
        Graph(member="model.onnx", precision="fp16"),
        Graph(member="model.onnx", precision="int8", backend="onnxruntime"),
        Graph(member="model.onnx", precision="int8", backend="tensorrt"),
    )
    return make_bundle(graphs=graphs)


@pytest.mark.parametrize(
    ("provider", "asked", "precision", "backend"),
    [
        (CPU, None, "int8", "onnxruntime"),
        (CPU, "fp16", "fp16", "any"),
        (CUDA, None, "fp16", "any"),
        (CUDA, "fp32", "fp32", "any"),
        (TENSORRT, None, "int8", "tensorrt"),
        (TENSORRT, "fp16", "fp16", "any"),
    ],
)
def test_each_provider_gets_the_graph_it_is_good_at(
    full: Bundle, provider: Provider, asked: Precision | None, precision: Precision, backend: str
) -> None:
    graph = provider_graph(full, asked, provider)
    assert (graph.precision, graph.backend) == (precision, backend)


def test_cuda_takes_fp32_of_a_bundle_without_fp16(bundle: Bundle) -> None:
    assert provider_graph(bundle, None, CUDA).precision == "fp32"


def test_cuda_is_not_given_int8(full: Bundle) -> None:
    with pytest.raises(BundleError, match="CUDA has no INT8 kernels in ONNX Runtime; --precision fp16"):
        provider_graph(full, "int8", CUDA)


def test_a_provider_that_is_not_built_in_is_named_with_what_would_help() -> None:
    assert provider_there(CUDA, ["CUDAExecutionProvider", "CPUExecutionProvider"]).ok
    verdict = provider_there(TENSORRT, ["CPUExecutionProvider"])
    assert "this build of ONNX Runtime has no TensorrtExecutionProvider" in verdict.reason
    assert "onnxruntime-gpu" in verdict.fix


def test_what_does_not_fit_is_told_before_anything_is_opened(
    full: Bundle, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnxruntime_session, "available_providers", lambda: [CUDA.name, TENSORRT.name])
    assert provider_fits(full, None, CUDA).ok
    assert "no INT8 kernels" in provider_fits(full, "int8", CUDA).reason
    assert "it has no int8 graph for tensorrt" in provider_fits(bundle, "int8", TENSORRT).reason


def test_the_cpu_is_always_there() -> None:
    assert CPU.name in available_providers()


@pytest.mark.parametrize("provider", [CUDA, TENSORRT])
def test_a_provider_that_does_not_start_is_an_error_and_not_a_slow_cpu(
    bundle: Bundle, provider: Provider
) -> None:
    if provider.name in available_providers():
        pytest.skip("this machine has it")
    graph = bundle.member(bundle.graph().member)
    with pytest.raises(EngineError, match=f"here: .*{provider.name}"):
        open_session(graph, threads=1, where="here", provider=provider)
