"""How a step runs: its two directions between the sets of the state, and the kernels it starts with."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from numpy.typing import NDArray

from vad_edge.errors import EngineError
from vad_edge.inference.tensorrt.cuda import Cuda
from vad_edge.inference.tensorrt.library import capabilities_of
from vad_edge.inference.tensorrt.progress import Messages

Array = NDArray[Any]


class Context(Protocol):
    """What is asked of an execution context; each call but the shape answers false where it is refused."""

    def set_input_shape(self, name: str, shape: tuple[int, ...], /) -> bool:
        """Say how large an input is."""
        ...

    def get_tensor_shape(self, name: str, /) -> Any:
        """How large a tensor is."""
        ...

    def set_tensor_address(self, name: str, address: int, /) -> bool:
        """Say where a tensor is on the device."""
        ...

    def execute_async_v3(self, stream: int, /) -> bool:
        """Begin to run."""
        ...


class Direction:
    """Uploads what the caller filled, runs, and downloads what it reads; the state stays on the device."""

    def __init__(
        self,
        cuda: Cuda,
        context: Context,
        messages: Messages,
        state: Mapping[str, int],
        sent: Sequence[tuple[int, Array]],
        got: Sequence[tuple[int, Array]],
    ) -> None:
        """Take a context that knows every address.

        state has the addresses that are read, by name; sent and got are addresses on the device with the
        arrays on the host that belong to them.
        """
        self.state = state
        self._cuda, self._context, self._messages = cuda, context, messages
        self._sent, self._got = sent, got
        self._graph: Any = None

    @property
    def recorded(self) -> bool:
        """Whether it is one launch of a CUDA graph."""
        return self._graph is not None

    def begin(self) -> None:
        """Begin a step. Raises EngineError."""
        if self._graph is not None:
            self._cuda.launch(self._graph)
        else:
            self._enqueue()

    def record(self) -> None:
        """Record it, to be one launch from now on. Raises EngineError, and leaves it, where it cannot be."""
        self._cuda.begin_capture()
        try:
            self._enqueue()
        except EngineError:
            # The stream does nothing more until the recording is ended.
            with contextlib.suppress(EngineError):
                self._cuda.end_capture()
            raise
        self._graph = self._cuda.end_capture()

    def _enqueue(self) -> None:
        for address, array in self._sent:
            self._cuda.upload(address, array)
        if not self._context.execute_async_v3(self._cuda.stream):
            raise EngineError(f"TensorRT refuses to run it: {self._messages.told}")
        for address, array in self._got:
            self._cuda.download(array, address)


_log = logging.getLogger(__name__)


class Kernels:
    """Makes the execution contexts of an engine, with the kernels of an earlier start where there are some.

    Whatever fails here costs a slower start and nothing else, so it is only logged.
    """

    def __init__(self, trt: Any, engine: Any, stored: bytes) -> None:
        """Take up what `learned` gave at an earlier start; nothing for a first one."""
        self._engine = engine
        self._config: Any = None
        self._cache: Any = None
        if not capabilities_of(trt).runtime_cache:
            return
        try:
            self._configure(trt, stored)
        except Exception as error:  # pybind turns a null into TypeError, a failed library into RuntimeError
            self._give_up(error)

    def context(self) -> Any:
        """An execution context, None where TensorRT gives none."""
        if self._config is None:
            return self._engine.create_execution_context()
        return self._engine.create_execution_context(runtime_config=self._config)

    def learned(self) -> bytes:
        """What to keep for the next start; empty where there is nothing to keep."""
        if self._cache is None:
            return b""
        try:
            return bytes(self._cache.serialize())
        except Exception as error:  # as above
            self._give_up(error)
            return b""

    def _configure(self, trt: Any, stored: bytes) -> None:
        config = self._engine.create_runtime_config()
        cache = config.create_runtime_cache()
        if stored and not cache.deserialize(stored):
            _log.warning("the kernels of an earlier start are of another driver or GPU; compiling them again")
        if not config.set_runtime_cache(cache):
            raise RuntimeError("the configuration refuses the cache")
        eager = getattr(getattr(trt, "DynamicShapesKernelSpecializationStrategy", None), "EAGER", None)
        if eager is not None:
            # A step is recorded once: a kernel that is finished later would never be in the recording.
            config.dynamic_shapes_kernel_specialization_strategy = eager
        self._config, self._cache = config, cache

    def _give_up(self, error: Exception) -> None:
        _log.warning("TensorRT keeps no kernels, every start compiles them: %s", error)
        self._config = self._cache = None
