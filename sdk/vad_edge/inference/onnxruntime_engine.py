"""The engine on ONNX Runtime."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vad_edge.bundle.archive import Bundle
from vad_edge.bundle.manifest import Graph
from vad_edge.errors import EngineError
from vad_edge.inference.engine import StepInputs, StepOutputs
from vad_edge.inference.onnxruntime_session import (
    CPU,
    Provider,
    first_line,
    load_onnxruntime,
    open_session,
)
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
        inputs = buffers(host_inputs(manifest), batch)
        inputs["weight"][:] = 1.0
        inputs["active"][:] = True
        self.inputs = StepInputs(**inputs)
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
        if state.keys() != self._state.keys():
            raise EngineError(f"a state of {sorted(state)}, the model has {sorted(self._state)}")
        batch = len(self.inputs.active)
        for name, value in state.items():
            mine = self._state[name]
            shape = (batch, *mine.shape[1:])
            if value.shape != shape or value.dtype != mine.dtype:
                found, expected = f"{value.dtype} {value.shape}", f"{mine.dtype} {shape}"
                raise EngineError(f"state {name!r} is {found}, the engine holds {expected}")
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
