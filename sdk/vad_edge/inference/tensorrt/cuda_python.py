"""CUDA through cuda-python's runtime API; never run on hardware.

Seen: the signatures of cuda-bindings 12.8 and 13.5, and how both fail without a driver.
"""

from __future__ import annotations

import ctypes
import importlib
import logging
import math
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from vad_edge.errors import EngineError

_log = logging.getLogger(__name__)


class CudaPython:
    """The first GPU by the package ``cuda.bindings``, see `Cuda`."""

    def __init__(self) -> None:
        """Make a stream. Raises EngineError where the package or a GPU is missing."""
        try:
            self._runtime: Any = importlib.import_module("cuda.bindings.runtime")
        except Exception as error:  # a binding without its library fails in many ways
            reason = str(error).strip().partition("\n")[0] or type(error).__name__
            raise EngineError(f"it cannot be imported: {reason}") from error
        runtime = self._runtime
        # The default stream would make TensorRT wait for the whole device at every step.
        self._stream = self._call("cudaStreamCreateWithFlags", runtime.cudaStreamNonBlocking)
        self.stream = int(self._stream)
        self._addresses: list[int] = []
        self._graphs: list[Any] = []
        self._closed = False

    def allocate(self, size: int) -> int:
        """The address of this many bytes on the device, held until `close`."""
        address = int(self._call("cudaMalloc", size))
        self._addresses.append(address)
        return address

    def pinned(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Zeros in page-locked host memory, which lives as long as the array."""
        count = math.prod(shape)
        size = count * np.dtype(dtype).itemsize
        address = int(self._call("cudaHostAlloc", size, self._runtime.cudaHostAllocDefault))
        memory = (ctypes.c_byte * size).from_address(address)
        # The array may outlive `close`, so the memory goes with the last array that shows it.
        weakref.finalize(memory, _free_host, self._runtime, address).atexit = False
        array: NDArray[Any] = np.frombuffer(memoryview(memory), dtype, count).reshape(shape)
        array.fill(0)
        return array

    def upload(self, address: int, array: NDArray[Any]) -> None:
        """Begin to copy a contiguous array to the device; it must not change before `synchronize`."""
        self._copy(address, array.ctypes.data, array.nbytes, "cudaMemcpyHostToDevice")

    def download(self, array: NDArray[Any], address: int) -> None:
        """Begin to fill a contiguous array from the device; it is whole after `synchronize`."""
        self._copy(array.ctypes.data, address, array.nbytes, "cudaMemcpyDeviceToHost")

    def synchronize(self) -> None:
        """Wait for all that was begun."""
        self._call("cudaStreamSynchronize", self._stream)

    def begin_capture(self) -> None:
        """From here on record what is asked of the stream, and do nothing of it."""
        # Other threads decode video on this GPU: what they ask of CUDA must not spoil the recording.
        mode = self._runtime.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        self._call("cudaStreamBeginCapture", self._stream, mode)

    def end_capture(self) -> Any:
        """End the recording, also one that failed. Gives the graph, ready for `launch` until `close`."""
        recorded = self._call("cudaStreamEndCapture", self._stream)
        try:
            graph = self._call("cudaGraphInstantiate", recorded, 0)
        finally:
            self._call("cudaGraphDestroy", recorded)
        self._graphs.append(graph)
        return graph

    def launch(self, graph: Any) -> None:
        """Begin to do what was recorded."""
        self._call("cudaGraphLaunch", graph, self._stream)

    def close(self) -> None:
        """Wait, then free graphs, device memory and the stream; a failure is only logged."""
        if self._closed:
            return
        self._closed = True
        self._try("cudaStreamSynchronize", self._stream)
        for graph in self._graphs:
            self._try("cudaGraphExecDestroy", graph)
        for address in self._addresses:
            self._try("cudaFree", address)
        self._try("cudaStreamDestroy", self._stream)

    def _copy(self, target: int, source: int, size: int, kind: str) -> None:
        direction = getattr(self._runtime.cudaMemcpyKind, kind)
        self._call("cudaMemcpyAsync", target, source, size, direction, self._stream)

    def _call(self, name: str, *arguments: Any) -> Any:
        """What a call gives. Raises EngineError with its name and the error's."""
        try:
            error, *given = getattr(self._runtime, name)(*arguments)
        except Exception as failure:  # the package of CUDA 12 raises where the driver's library is missing
            raise EngineError(f"{name} failed: {failure}") from failure
        if int(error) != 0:
            # The error stays behind otherwise, and TensorRT would take it for its own.
            self._runtime.cudaGetLastError()
            raise EngineError(f"{name} failed: {getattr(error, 'name', error)}")
        return given[0] if given else None

    def _try(self, name: str, *arguments: Any) -> None:
        try:
            self._call(name, *arguments)
        except EngineError as error:
            _log.warning("freeing the GPU: %s", error)


def _free_host(runtime: Any, address: int) -> None:
    free: Callable[[int], Any] = runtime.cudaFreeHost
    free(address)
