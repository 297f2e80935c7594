"""The engine on ONNX Runtime's CPU provider; the one module that imports ONNX Runtime."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any, Final

from numpy.typing import NDArray

from vad_edge.bundle.archive import Bundle
from vad_edge.bundle.manifest import Graph, Precision
from vad_edge.bundle.verdict import Verdict
from vad_edge.errors import BundleError, EngineError
from vad_edge.inference.engine import StepInputs, StepOutputs
from vad_edge.inference.tensors import (
    NEXT,
    Tensors,
    TensorType,
    buffers,
    check_graph,
    host_inputs,
    host_outputs,
    states,
)

Array = NDArray[Any]

_DTYPES: Final[Mapping[str, str]] = {
    "tensor(uint8)": "uint8",
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(bool)": "bool",
}


def onnxruntime_fits(bundle: Bundle, precision: Precision | None) -> Verdict:
    """Whether ONNX Runtime is installed and the bundle has a graph for it at this precision, or at any."""
    if importlib.util.find_spec("onnxruntime") is None:
        return Verdict(False, "the package onnxruntime is not installed", "pip install onnxruntime")
    try:
        bundle.graph(precision, "onnxruntime")
    except BundleError as error:
        return Verdict(False, error.what, error.fix)
    return Verdict(True)


class OnnxRuntimeEngine:
    """A graph on the CPU, see `Engine`.

    All buffers are allocated here, once. The state has two sets of them: a step reads one and writes the
    other, so nothing is copied between steps. Every camera begins at the trained initial state.

    threads is how many cores a step may use, all this process may run on by default.
    """

    def __init__(self, bundle: Bundle, graph: Graph, batch: int, threads: int | None = None) -> None:
        """Load `graph` for `batch` cameras.

        Raises EngineError for a graph ONNX Runtime cannot load, or that is not what the manifest says.
        """
        if batch < 1:
            raise EngineError(f"a batch of {batch} cameras", fix="give 1 or more")
        manifest = bundle.manifest
        where = f"{bundle.path}: {graph.member}"
        runtime = _load_onnxruntime()
        self._session = open_session(bundle.member(graph.member), threads, where)
        inputs_found, outputs_found = self._session.get_inputs(), self._session.get_outputs()
        check_graph(manifest, _tensors(inputs_found), _tensors(outputs_found), where)

        self.name = f"onnxruntime-cpu {graph.precision}"
        self.graph = graph
        inputs = buffers(host_inputs(manifest), batch)
        inputs["weight"][:] = 1.0
        inputs["active"][:] = True
        self.inputs = StepInputs(**inputs)
        outputs = buffers(host_outputs(manifest), batch)
        self._outputs = StepOutputs(**outputs)
        state = buffers(states(manifest), batch)
        for name, value in state.items():
            value[:] = bundle.initial_state(name)
        self._state, self._spare = state, buffers(states(manifest), batch)
        self._binding = self._bind(runtime, inputs, outputs, self._state, self._spare)
        self._spare_binding = self._bind(runtime, inputs, outputs, self._spare, self._state)

    def step(self) -> StepOutputs:
        """Run the graph once over `inputs` and keep the new state. Raises EngineError."""
        if self._session is None:
            raise EngineError("the engine is closed")
        try:
            self._session.run_with_iobinding(self._binding)
        except Exception as error:  # ONNX Runtime raises its own types, made at import
            raise EngineError(f"{self.name} cannot run a step: {_first_line(error)}") from error
        self._state, self._spare = self._spare, self._state
        self._binding, self._spare_binding = self._spare_binding, self._binding
        return self._outputs

    def snapshot(self) -> dict[str, Array]:
        """A copy of the state, by state name, each (B, ...)."""
        return {name: value.copy() for name, value in self._state.items()}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Take up a state given by `snapshot`. Raises EngineError for another shape or name."""
        if state.keys() != self._state.keys():
            raise EngineError(f"a state of {sorted(state)}, the model has {sorted(self._state)}")
        for name, value in state.items():
            mine = self._state[name]
            if value.shape != mine.shape or value.dtype != mine.dtype:
                found, expected = f"{value.dtype} {value.shape}", f"{mine.dtype} {mine.shape}"
                raise EngineError(f"state {name!r} is {found}, the engine holds {expected}")
        for name, value in state.items():
            self._state[name][:] = value

    def close(self) -> None:
        """Free the graph; a later step raises EngineError."""
        self._session = self._binding = self._spare_binding = None

    def _bind(
        self,
        runtime: ModuleType,
        inputs: Mapping[str, Array],
        outputs: Mapping[str, Array],
        state: Mapping[str, Array],
        new_state: Mapping[str, Array],
    ) -> Any:
        binding = self._session.io_binding()
        wrap = runtime.OrtValue.ortvalue_from_numpy
        for name, value in (*inputs.items(), *state.items()):
            binding.bind_ortvalue_input(name, wrap(value))
        for name, value in outputs.items():
            binding.bind_ortvalue_output(name, wrap(value))
        for name, value in new_state.items():
            binding.bind_ortvalue_output(name + NEXT, wrap(value))
        return binding


def _load_onnxruntime() -> ModuleType:
    """ONNX Runtime with its telemetry off, which only works before it is imported."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    try:
        import onnxruntime
    except ImportError as error:
        fix = "pip install onnxruntime"
        raise EngineError(f"onnxruntime cannot be imported: {error}", fix=fix) from error
    module: ModuleType = onnxruntime
    return module


def open_session(graph: bytes, threads: int | None, where: str) -> Any:
    """An ONNX Runtime session on the CPU.

    threads is how many cores it may use, all this process may run on where None. Raises EngineError, naming
    `where`, for a graph ONNX Runtime cannot load.
    """
    runtime = _load_onnxruntime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads or len(os.sched_getaffinity(0))
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Spinning threads burn what a board has not got; see docs/results.md.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return runtime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises its own types, made at import
        fix = "export the bundle again"
        raise EngineError(
            f"ONNX Runtime cannot load it: {_first_line(error)}", where=where, fix=fix
        ) from error


def _tensors(nodes: Iterable[Any]) -> Tensors:
    return {node.name: TensorType(_DTYPES.get(node.type, node.type), tuple(node.shape)) for node in nodes}


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
