"""The engine on TensorRT 10 and 11, and on TensorRT for RTX; never run on hardware.

Seen: its bookkeeping, against a stand-in for the GPU that computes with ONNX Runtime, and how TensorRT for
RTX 1.7 refuses to load an engine where there is no GPU.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vad_edge.bundle.archive import Bundle
from vad_edge.bundle.manifest import Graph
from vad_edge.errors import EngineError
from vad_edge.inference.engine import (
    NEXT,
    StepInputs,
    StepOutputs,
    Tensors,
    TensorType,
    buffers,
    check_graph,
    check_state,
    host_inputs,
    host_outputs,
    states,
)
from vad_edge.inference.tensorrt.compiler import without_collection
from vad_edge.inference.tensorrt.cuda import Cuda
from vad_edge.inference.tensorrt.execution import Context, Direction, Kernels
from vad_edge.inference.tensorrt.library import Flavour
from vad_edge.inference.tensorrt.progress import Messages, logger_for, made

Array = NDArray[Any]

_log = logging.getLogger(__name__)
_DTYPES: Final[Mapping[str, str]] = {"FLOAT": "float32", "HALF": "float16", "UINT8": "uint8", "BOOL": "bool"}


class EngineRefusedError(EngineError):
    """TensorRT does not load an engine that is whole: compiled by another, or a device it is not for."""


class TensorRtEngine:
    """A compiled graph on the GPU, see `Engine`.

    All memory is allocated here, once: page-locked buffers on the host, and on the device two sets of
    the state. There is one execution context for each way between the two sets, so nothing is copied and no
    address changes between steps. Where it can be recorded, a step is one launch of a CUDA graph. Every
    camera begins at the trained initial state.

    The engine must not be stepped from two threads at once.
    """

    def __init__(
        self,
        bundle: Bundle,
        graph: Graph,
        batch: int,
        engine_bytes: bytes,
        flavour: Flavour,
        cuda: Cuda,
        kernels: bytes = b"",
    ) -> None:
        """Load an engine compiled from `graph`, for `batch` cameras, and own `cuda` from now on.

        engine_bytes, and the kernels that `kernels` gave at an earlier start, are executable content: only
        what was verified. Raises EngineError, with TensorRT's own words, where it cannot be loaded or is not
        what the manifest says.
        """
        self.name = f"{flavour.name} {flavour.version} {graph.precision}"
        self.graph = graph
        self._cuda = cuda
        self._messages = Messages()
        self._directions: list[Direction] = []
        self._closed = False
        self.kernels = b""
        """What to give at the next start, to save TensorRT for RTX the compiling of its kernels."""
        # TensorRT keeps bare pointers: logger, runtime and kernels live as long as the engine.
        self._logger = logger_for(flavour.module, self._messages)
        self._runtime: Any = None
        self._engine: Any = None
        self._kernels: Any = None
        try:
            if batch < 1:
                raise EngineError(f"a batch of {batch} cameras", fix="give 1 or more")
            self._load(bundle, batch, engine_bytes, kernels, flavour.module)
        except BaseException:
            self.close()
            raise

    @property
    def recorded(self) -> bool:
        """Whether a step is one launch of a CUDA graph."""
        return not self._closed and all(direction.recorded for direction in self._directions)

    def step(self) -> StepOutputs:
        """Run the graph once over `inputs` and keep the new state. Raises EngineError."""
        self._check_open()
        try:
            self._directions[0].begin()
            self._cuda.synchronize()
        except EngineError as error:
            raise EngineError(f"{self.name} cannot run a step: {error.what}", fix=error.fix) from error
        self._directions.reverse()
        return self._outputs

    def snapshot(self) -> dict[str, Array]:
        """A copy of the state, by state name, each (B, ...). Raises EngineError."""
        self._check_open()
        copies = buffers(self._state, self._batch)
        for name, copy in copies.items():
            self._cuda.download(copy, self._directions[0].state[name])
        self._cuda.synchronize()
        return copies

    def restore(self, state: Mapping[str, Array]) -> None:
        """Take up a state given by `snapshot`. Raises EngineError for another shape or name."""
        self._check_open()
        check_state(state, self._state, self._batch)
        values = {name: np.ascontiguousarray(value) for name, value in state.items()}
        for name, value in values.items():
            self._cuda.upload(self._directions[0].state[name], value)
        self._cuda.synchronize()

    def close(self) -> None:
        """Free what the engine holds on the GPU; a later step raises EngineError."""
        if not self._closed:
            self._closed = True
            self._cuda.close()
            self._directions.clear()
            self._kernels = None
            self._engine = None
            self._runtime = None

    def _check_open(self) -> None:
        if self._closed:
            raise EngineError("the engine is closed")

    @without_collection()
    def _load(self, bundle: Bundle, batch: int, engine_bytes: bytes, stored: bytes, trt: Any) -> None:
        manifest = bundle.manifest
        where = f"{bundle.path}: {self.graph.member}"
        self._runtime = self._made(lambda: trt.Runtime(self._logger), "TensorRT has no runtime here")
        # engine_host_code_allowed stays off: a plan that brings code of its own is not one of ours.
        try:
            load = self._runtime.deserialize_cuda_engine
            self._engine = self._made(lambda: load(engine_bytes), "TensorRT does not take the engine")
        except EngineError as error:
            raise EngineRefusedError(error.what, fix=error.fix) from error
        self._kernels = Kernels(trt, self._engine, stored)
        contexts = [self._context(batch) for _ in range(2)]
        inputs, outputs = self._tensors(contexts[0], batch)
        check_graph(manifest, inputs, outputs, where)

        self._state, self._batch = states(manifest), batch
        sent, got = self._pinned(host_inputs(manifest)), self._pinned(host_outputs(manifest))
        sent["weight"][:] = 1.0
        sent["active"][:] = True
        self.inputs, self._outputs = StepInputs(**sent), StepOutputs(**got)
        addresses = {name: self._cuda.allocate(array.nbytes) for name, array in (sent | got).items()}
        uploads = [(addresses[name], array) for name, array in sent.items()]
        downloads = [(addresses[name], array) for name, array in got.items()]
        sets = [self._allocate_state() for _ in range(2)]
        for context, state, new_state in zip(contexts, sets, reversed(sets), strict=True):
            nexts = {name + NEXT: address for name, address in new_state.items()}
            for name, address in (addresses | state | nexts).items():
                self._ask(context.set_tensor_address(name, address), f"an address for {name!r}")
            self._directions.append(Direction(self._cuda, context, self._messages, state, uploads, downloads))
        self._warm_up()
        self.kernels = self._kernels.learned()
        self.restore({name: np.stack([bundle.initial_state(name)] * batch) for name in self._state})

    def _context(self, batch: int) -> Context:
        context: Context = self._made(self._kernels.context, "TensorRT gives no execution context")
        for name in self._names("INPUT"):
            shape = tuple(batch if size < 0 else size for size in self._engine.get_tensor_shape(name))
            self._ask(context.set_input_shape(name, shape), f"shape {list(shape)} for {name!r}")
        return context

    def _tensors(self, context: Context, batch: int) -> tuple[Tensors, Tensors]:
        """Inputs and outputs as the loaded engine has them, at this batch."""

        def tensor(name: str) -> TensorType:
            kind = self._engine.get_tensor_dtype(name).name
            first, *rest = tuple(context.get_tensor_shape(name)) or (None,)
            return TensorType(_DTYPES.get(kind, kind.lower()), ("B" if first == batch else first, *rest))

        inputs, outputs = ({name: tensor(name) for name in self._names(mode)} for mode in ("INPUT", "OUTPUT"))
        return inputs, outputs

    def _names(self, mode: str) -> list[str]:
        names = [self._engine.get_tensor_name(index) for index in range(self._engine.num_io_tensors)]
        return [name for name in names if self._engine.get_tensor_mode(name).name == mode]

    def _pinned(self, tensors: Tensors) -> dict[str, Array]:
        plain = buffers(tensors, self._batch)
        return {name: self._cuda.pinned(array.shape, array.dtype) for name, array in plain.items()}

    def _allocate_state(self) -> dict[str, int]:
        states = buffers(self._state, self._batch)
        return {name: self._cuda.allocate(state.nbytes) for name, state in states.items()}

    def _warm_up(self) -> None:
        """Run both ways once, which spends the state, then record them where that can be done."""
        for direction in self._directions:
            direction.begin()
        self._cuda.synchronize()
        try:
            for direction in self._directions:
                direction.record()
        except EngineError as error:
            _log.warning("%s: no CUDA graph, steps are a little slower: %s", self.name, error)

    def _ask(self, answer: bool, what: str) -> None:
        if not answer:
            raise EngineError(f"TensorRT refuses {what}: {self._messages.told}")

    def _made(self, make: Callable[[], Any], failure: str) -> Any:
        fix = "delete the compiled engines to have it compiled again, or run it with --engine onnxruntime"
        return made(make, failure, self._messages, fix)
