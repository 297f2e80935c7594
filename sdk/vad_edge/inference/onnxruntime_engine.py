"""The engine on ONNX Runtime."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vad_edge.bundle.archive import Bundle
from vad_edge.bundle.manifest import Graph, Precision
from vad_edge.common.verdict import Verdict
from vad_edge.errors import BundleError, EngineError
from vad_edge.inference.engine import (
    NEXT,
    StepOutputs,
    Tensors,
    TensorType,
    buffers,
    check_graph,
    check_state,
    host_inputs,
    host_outputs,
    states,
    step_inputs,
)


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


Array = NDArray[Any]

_DTYPES: Final[Mapping[str, str]] = {
    "tensor(uint8)": "uint8",
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(bool)": "bool",
}


class OnnxRuntimeEngine:
    """A graph on one of ONNX Runtime's providers, see `Engine`.

    All buffers are allocated here, once. Every camera begins at the trained initial state. threads is how
    many cores a step may use, all this process may run on by default.
    """

    def __init__(
        self,
        bundle: Bundle,
        graph: Graph,
        batch: int,
        threads: int | None = None,
        provider: Provider = CPU,
    ) -> None:
        """Load `graph` for `batch` cameras.

        Raises EngineError for a graph ONNX Runtime cannot load, or that is not what the manifest says.
        """
        if batch < 1:
            raise EngineError(f"a batch of {batch} cameras", fix="give 1 or more")
        manifest = bundle.manifest
        where = f"{bundle.path}: {graph.member}"
        self._session = open_session(bundle.member(graph.member), threads, where, provider)
        inputs_found, outputs_found = self._session.get_inputs(), self._session.get_outputs()
        check_graph(manifest, _tensors(inputs_found), _tensors(outputs_found), where)

        self.name = f"onnxruntime-{provider.title} {graph.precision}"
        self.graph = graph
        self.inputs = step_inputs(manifest, batch)
        inputs = {name: getattr(self.inputs, name) for name in host_inputs(manifest)}
        outputs = buffers(host_outputs(manifest), batch)
        self._outputs = StepOutputs(**outputs)
        self._state = states(manifest)
        initial = {name: bundle.initial_state(name) for name in self._state}
        lane_size = 1 if provider.by_camera else batch
        self._lanes = [
            _Lane(
                self._session,
                {name: value[first : first + lane_size] for name, value in inputs.items()},
                {name: value[first : first + lane_size] for name, value in outputs.items()},
                {name: np.stack([value] * lane_size) for name, value in initial.items()},
                provider.device,
            )
            for first in range(0, batch, lane_size)
        ]

    def step(self) -> StepOutputs:
        """Run the graph once over `inputs` and keep the new state. Raises EngineError."""
        if self._session is None:
            raise EngineError("the engine is closed")
        try:
            for lane in self._lanes:
                lane.step()
        except Exception as error:  # ONNX Runtime raises its own types, made at import
            raise EngineError(f"{self.name} cannot run a step: {first_line(error)}") from error
        return self._outputs

    def snapshot(self) -> dict[str, Array]:
        """A copy of the state, by state name, each (B, ...)."""
        return {name: np.concatenate([lane.state(name) for lane in self._lanes]) for name in self._state}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Take up a state given by `snapshot`. Raises EngineError for another shape or name."""
        batch = len(self.inputs.active)
        check_state(state, self._state, batch)
        size = batch // len(self._lanes)
        for number, lane in enumerate(self._lanes):
            lane.restore({name: value[number * size :][:size] for name, value in state.items()})

    def close(self) -> None:
        """Free the graph; a later step raises EngineError."""
        self._session = None
        self._lanes = []


class _Lane:
    """Cameras that share a run, with their state on the device.

    The state has two sets of tensors: a run reads one and writes the other, so nothing is copied.
    """

    def __init__(
        self,
        session: Any,
        inputs: Mapping[str, Array],
        outputs: Mapping[str, Array],
        state: Mapping[str, Array],
        device: str,
    ) -> None:
        self._session = session
        self._active = inputs["active"]
        wrap = load_onnxruntime().OrtValue.ortvalue_from_numpy
        host_inputs = {name: wrap(value) for name, value in inputs.items()}
        host_outputs = {name: wrap(value) for name, value in outputs.items()}
        # ONNX Runtime wraps an array on the host where it is, so each set needs arrays of its own.
        self._state, self._spare = (
            {name: wrap(value.copy(), device) for name, value in state.items()} for _ in range(2)
        )
        self._binding, self._spare_binding = (
            self._bind({**host_inputs, **old}, {**host_outputs, **_renamed(new)})
            for old, new in ((self._state, self._spare), (self._spare, self._state))
        )

    def step(self) -> None:
        """Run once; cameras without a frame keep their state, and nothing is run where none has one."""
        if not self._active.any():
            return
        self._session.run_with_iobinding(self._binding)
        self._state, self._spare = self._spare, self._state
        self._binding, self._spare_binding = self._spare_binding, self._binding

    def state(self, name: str) -> Array:
        """One state of these cameras; on the host it may be the tensor itself."""
        value: Array = self._state[name].numpy()
        return value

    def restore(self, state: Mapping[str, Array]) -> None:
        """Take up a state of these cameras."""
        for name, value in state.items():
            self._state[name].update_inplace(np.ascontiguousarray(value))

    def _bind(self, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> Any:
        binding = self._session.io_binding()
        for name, value in inputs.items():
            binding.bind_ortvalue_input(name, value)
        for name, value in outputs.items():
            binding.bind_ortvalue_output(name, value)
        return binding


def _renamed(state: Mapping[str, Any]) -> dict[str, Any]:
    return {name + NEXT: value for name, value in state.items()}


def _tensors(nodes: Iterable[Any]) -> Tensors:
    return {node.name: TensorType(_DTYPES.get(node.type, node.type), tuple(node.shape)) for node in nodes}
