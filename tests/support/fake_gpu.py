"""A stand-in for the GPU alone: device memory in numpy, and a TensorRT whose engines are ONNX graphs.

A fake engine's bytes are the ONNX graph itself; running it computes with ONNX Runtime on the fake device
memory. Everything asked of the stream happens at `synchronize`, so whoever forgets to wait reads nothing.
"""

from __future__ import annotations

import enum
import itertools
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
from numpy.typing import DTypeLike, NDArray

from vad_edge.errors import EngineError
from vad_edge.inference.onnxruntime_engine import open_session
from vad_edge.inference.tensorrt.library import Flavour

STREAM = 77
Work = Callable[[], None]
DTYPES = {
    "tensor(uint8)": "UINT8",
    "tensor(float)": "FLOAT",
    "tensor(float16)": "HALF",
    "tensor(bool)": "BOOL",
}
DataType = enum.Enum("DataType", ["FLOAT", "HALF", "UINT8", "BOOL", "INT64"])
TensorIOMode = enum.Enum("TensorIOMode", ["NONE", "INPUT", "OUTPUT"])


class Severity(enum.IntEnum):
    INTERNAL_ERROR, ERROR, WARNING, INFO, VERBOSE = range(5)


class FakeCuda:
    """Device memory as arrays by address; fresh memory holds rubbish, as on a GPU."""

    stream = STREAM

    def __init__(self, *, can_capture: bool = True, capture_fails: bool = False) -> None:
        self.memory: dict[int, NDArray[np.uint8]] = {}
        self.copied: list[tuple[str, int]] = []
        self.launches = 0
        self.capturing = False
        self.closed = 0
        self._can_capture, self._capture_fails = can_capture, capture_fails
        self._queue: list[Work] = []
        self._recorded: list[Work] = []
        self._addresses = itertools.count(4096, 1 << 24)

    def allocate(self, size: int) -> int:
        address = next(self._addresses)
        self.memory[address] = np.full(size, 0xA5, np.uint8)
        return address

    def pinned(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        return np.zeros(shape, dtype)

    def upload(self, address: int, array: NDArray[Any]) -> None:
        def work() -> None:
            self.memory[address][:] = np.frombuffer(array.tobytes(), np.uint8)
            self.copied.append(("up", array.nbytes))

        self.do(work)

    def download(self, array: NDArray[Any], address: int) -> None:
        assert array.flags.c_contiguous

        def work() -> None:
            array[...] = self.read(address, array.shape, array.dtype)
            self.copied.append(("down", array.nbytes))

        self.do(work)

    def synchronize(self) -> None:
        assert not self.capturing
        work, self._queue = self._queue, []
        for piece in work:
            piece()

    def begin_capture(self) -> None:
        if not self._can_capture:
            raise EngineError("this package cannot record CUDA graphs")
        self.capturing, self._recorded = True, []

    def end_capture(self) -> Any:
        assert self.capturing
        self.capturing = False
        if self._capture_fails:
            raise EngineError("cudaStreamEndCapture failed: cudaErrorStreamCaptureInvalidated")
        return self._recorded

    def launch(self, graph: Any) -> None:
        self.launches += 1
        self._queue.extend(graph)

    def close(self) -> None:
        self.closed += 1
        self.memory.clear()

    def do(self, work: Work) -> None:
        (self._recorded if self.capturing else self._queue).append(work)

    def read(self, address: int, shape: Sequence[int], dtype: DTypeLike) -> NDArray[Any]:
        return self.memory[address].view(dtype).reshape(shape)


class FakeTensorRt:
    """A TensorRT module. `refuses` names the calls that answer None or False, `refuses_once` those that
    do so the next time only; `says` is what the log gets.

    A refusal of ``capture`` is one of execute_async_v3 while a graph is recorded. `loads` is every engine
    it was asked to load, `configs` what its contexts were made with, `compiled` how often kernels were.
    """

    ILogger: Any
    Runtime: Any
    IRuntimeCache: Any
    IRuntimeConfig: Any
    ICudaEngine: Any
    DynamicShapesKernelSpecializationStrategy: Any

    def __init__(self, cuda: FakeCuda, *, batch: int = -1, says: str = "out of luck") -> None:
        self.refuses: set[str] = set()
        self.refuses_once: set[str] = set()
        self.says = says
        self.loads: list[bytes] = []
        self.configs: list[RuntimeConfig] = []
        self.compiled = 0
        fake, self.cuda, self.batch = self, cuda, batch

        class ILogger:
            INTERNAL_ERROR, ERROR, WARNING, INFO, VERBOSE = Severity

        class Runtime:
            def __init__(self, logger: Any) -> None:
                fake.logger = logger
                if fake.refused("Runtime"):
                    raise TypeError("pybind11::init(): factory function returned nullptr")

            def deserialize_cuda_engine(self, data: bytes) -> Any:
                fake.loads.append(data)
                return None if fake.refused("deserialize_cuda_engine") else Engine(fake, data)

        self.ILogger, self.Runtime, self.Builder = ILogger, Runtime, object
        self.NetworkDefinitionCreationFlag = enum.IntEnum("Flags", ["STRONGLY_TYPED"], start=0)

    def refused(self, call: str) -> bool:
        refused = call in self.refuses | self.refuses_once
        self.refuses_once.discard(call)
        if refused:
            self.logger.log(Severity.ERROR, self.says)
        return refused

    def compile_kernels_at_start(self) -> None:
        """Be a TensorRT for RTX: an engine compiles a kernel for each of its contexts, or finds it kept."""
        self.IRuntimeCache = RuntimeCache
        self.IRuntimeConfig, self.ICudaEngine = RuntimeConfig, Engine
        self.DynamicShapesKernelSpecializationStrategy = enum.Enum("Strategy", ["LAZY", "EAGER", "NONE"])

    def flavour(self) -> Flavour:
        return Flavour("tensorrt", "10.3.0", self)


class Engine:
    def __init__(self, fake: FakeTensorRt, data: bytes) -> None:
        self._fake = fake
        model = onnx.load_from_string(data)
        self.session = open_session(model.SerializeToString(), 1, "fake engine")
        self.inputs = {node.name: node for node in self.session.get_inputs()}
        self.outputs = {node.name: node for node in self.session.get_outputs()}
        self._nodes = {**self.inputs, **self.outputs}
        self.num_io_tensors = len(self._nodes)

    def get_tensor_name(self, index: int) -> str:
        return list(self._nodes)[index]

    def get_tensor_mode(self, name: str) -> Any:
        return TensorIOMode["INPUT" if name in self.inputs else "OUTPUT"]

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        first, *rest = self._nodes[name].shape
        return (self._fake.batch if isinstance(first, str) else first, *rest)

    def get_tensor_dtype(self, name: str) -> Any:
        return DataType[DTYPES[self._nodes[name].type]]

    def create_execution_context(self, runtime_config: Any = None) -> Any:
        if runtime_config is not None:
            self._fake.configs.append(runtime_config)
            runtime_config.cache.compile(self._fake)
        return None if self._fake.refused("create_execution_context") else Context(self._fake, self)

    def create_runtime_config(self) -> Any:
        return None if self._fake.refused("create_runtime_config") else RuntimeConfig(self._fake)


class RuntimeConfig:
    dynamic_shapes_kernel_specialization_strategy: Any = None

    def __init__(self, fake: FakeTensorRt) -> None:
        self._fake = fake
        self.cache: Any = None

    def create_runtime_cache(self) -> Any:
        return RuntimeCache(self._fake)

    def set_runtime_cache(self, cache: Any) -> bool:
        self.cache = cache
        return not self._fake.refused("set_runtime_cache")


class RuntimeCache:
    def __init__(self, fake: FakeTensorRt) -> None:
        self._fake = fake
        self._kernels = b""

    def compile(self, fake: FakeTensorRt) -> None:
        if not self._kernels:
            fake.compiled += 1
            self._kernels = b"kernels"

    def deserialize(self, blob: bytes) -> bool:
        if self._fake.refused("deserialize"):
            return False
        self._kernels = blob
        return True

    def serialize(self) -> Any:
        if self._fake.refused("serialize"):
            raise RuntimeError("no kernels to give")
        return memoryview(self._kernels)


class Context:
    def __init__(self, fake: FakeTensorRt, engine: Engine) -> None:
        self._fake, self._engine = fake, engine
        self._addresses: dict[str, int] = {}
        self._batch = fake.batch

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        known = self._engine.get_tensor_shape(name)
        self._batch = shape[0]
        fits = all(size in (-1, given) for size, given in zip(known, shape, strict=True))
        return fits and not self._fake.refused("set_input_shape")

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return tuple(self._batch if size == -1 else size for size in self._engine.get_tensor_shape(name))

    def set_tensor_address(self, name: str, address: int) -> bool:
        self._addresses[name] = address
        return not self._fake.refused("set_tensor_address")

    def execute_async_v3(self, stream: int) -> bool:
        cuda = self._fake.cuda
        if self._fake.refused("execute_async_v3") or (cuda.capturing and self._fake.refused("capture")):
            return False
        assert stream == STREAM
        addresses = dict(self._addresses)

        def read(name: str) -> NDArray[Any]:
            dtype = SimpleNamespace(UINT8="uint8", FLOAT="float32", HALF="float16", BOOL="bool")
            kind = getattr(dtype, self._engine.get_tensor_dtype(name).name)
            return cuda.read(addresses[name], self.get_tensor_shape(name), kind)

        def work() -> None:
            given = {name: read(name) for name in self._engine.inputs}
            names = list(self._engine.outputs)
            results = self._engine.session.run(names, given)
            for name, result in zip(names, results, strict=True):
                read(name)[...] = result

        cuda.do(work)
        return True
