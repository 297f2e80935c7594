"""ONNX Runtime's sessions and execution providers; the one module that imports it."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, Final

from vad_edge.bundle.archive import Bundle
from vad_edge.bundle.manifest import Graph, Precision
from vad_edge.bundle.verdict import Verdict
from vad_edge.errors import BundleError, EngineError


@dataclass(frozen=True, slots=True)
class Provider:
    """One way ONNX Runtime executes a graph.

    title is shown to people and name is ONNX Runtime's own. device is where states are kept between steps.
    by_camera is whether a step is one run a camera rather than one for all: on a CPU a camera's tensors stay
    in the cache that way, and a camera without a frame costs nothing.
    """

    title: str
    name: str
    device: str
    by_camera: bool = False
    options: Mapping[str, str] = field(default_factory=dict)


CPU: Final = Provider("cpu", "CPUExecutionProvider", "cpu", by_camera=True)
CUDA: Final = Provider("cuda", "CUDAExecutionProvider", "cuda")
# Its engine cache stays off: ONNX Runtime loads what it finds there without verifying it.
TENSORRT: Final = Provider(
    "tensorrt",
    "TensorrtExecutionProvider",
    "cuda",
    options={"trt_fp16_enable": "1", "trt_int8_enable": "1", "trt_engine_cache_enable": "0"},
)


def provider_graph(bundle: Bundle, precision: Precision | None, provider: Provider) -> Graph:
    """The graph this provider runs at a precision, or at the fastest it is good at.

    Raises BundleError where the bundle has none.
    """
    if provider is TENSORRT:
        return bundle.graph(precision, "tensorrt")
    if provider is CUDA:
        if precision == "int8":
            raise BundleError(
                "CUDA has no INT8 kernels in ONNX Runtime", where=str(bundle.path), fix="--precision fp16"
            )
        there = {graph.precision for graph in bundle.manifest.graphs}
        return bundle.graph(precision or ("fp16" if "fp16" in there else "fp32"), "onnxruntime")
    return bundle.graph(precision, "onnxruntime")


def provider_fits(bundle: Bundle, precision: Precision | None, provider: Provider) -> Verdict:
    """Whether ONNX Runtime is here with this provider, and the bundle has a graph for it."""
    if importlib.util.find_spec("onnxruntime") is None:
        return Verdict(False, "the package onnxruntime is not installed", "pip install onnxruntime")
    there = provider_there(provider, available_providers() if provider is not CPU else {CPU.name})
    if not there.ok:
        return there
    try:
        provider_graph(bundle, precision, provider)
    except BundleError as error:
        return Verdict(False, error.what, error.fix)
    return Verdict(True)


def provider_there(provider: Provider, available: Collection[str]) -> Verdict:
    """Whether a build of ONNX Runtime with these providers has this one."""
    if provider.name in available:
        return Verdict(True)
    return Verdict(
        False,
        f"this build of ONNX Runtime has no {provider.name}",
        "install onnxruntime-gpu in its place where there is an NVIDIA GPU",
    )


def available_providers() -> list[str]:
    """What this machine's ONNX Runtime was built with; being built in does not mean that it will load."""
    names: list[str] = load_onnxruntime().get_available_providers()
    return names


def load_onnxruntime() -> ModuleType:
    """ONNX Runtime with its telemetry off, which only works before it is imported."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    try:
        import onnxruntime
    except ImportError as error:
        fix = "pip install onnxruntime"
        raise EngineError(f"onnxruntime cannot be imported: {error}", fix=fix) from error
    module: ModuleType = onnxruntime
    return module


def open_session(graph: bytes, threads: int | None, where: str, provider: Provider = CPU) -> Any:
    """An ONNX Runtime session.

    threads is how many cores one run may use, all this process may run on where None. Raises EngineError,
    naming `where`, for a graph ONNX Runtime cannot load, or a provider that cannot start.
    """
    runtime = load_onnxruntime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads or len(os.sched_getaffinity(0))
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Spinning threads burn what a board has not got; see docs/results.md.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = runtime.InferenceSession(
            graph, options, providers=[(provider.name, dict(provider.options))], enable_fallback=0
        )
    except Exception as error:  # ONNX Runtime raises its own types, made at import
        fix = "export the bundle again"
        raise EngineError(
            f"ONNX Runtime cannot load it: {first_line(error)}", where=where, fix=fix
        ) from error
    if provider.name not in session.get_providers():
        raise EngineError(
            f"ONNX Runtime's {provider.name} did not start", where=where, fix="check its CUDA libraries"
        )
    return session


def first_line(error: Exception) -> str:
    """What ONNX Runtime says, without the rest of its message."""
    return str(error).strip().partition("\n")[0]
