"""CUDA through pycuda, which cannot record CUDA graphs; never run on hardware."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from numpy.typing import DTypeLike, NDArray

from vad_edge.errors import EngineError

_log = logging.getLogger(__name__)


class CudaPycuda:
    """The first GPU by the package ``pycuda``, see `Cuda`."""

    def __init__(self) -> None:
        """Make a stream. Raises EngineError where the package or a GPU is missing."""
        try:
            self._driver: Any = importlib.import_module("pycuda.driver")
        except Exception as error:  # a binding without its library fails in many ways
            reason = str(error).strip().partition("\n")[0] or type(error).__name__
            raise EngineError(f"it cannot be imported: {reason}") from error
        try:
            self._driver.init()
            # The primary context is the one TensorRT uses; a context of our own would be another GPU to it.
            self._context = self._driver.Device(0).retain_primary_context()
        except Exception as error:  # pycuda raises its own types
            raise EngineError(f"it finds no GPU: {error}") from error
        self._memory: dict[int, Any] = {}
        self._stream: Any = None
        with self._current("Stream"):
            self._stream = self._driver.Stream()
        self.stream = int(self._stream.handle)

    def allocate(self, size: int) -> int:
        """The address of this many bytes on the device, held until `close`."""
        with self._current("mem_alloc"):
            memory = self._driver.mem_alloc(size)
        self._memory[int(memory)] = memory
        return int(memory)

    def pinned(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Zeros in page-locked host memory, which lives as long as the array."""
        with self._current("pagelocked_zeros"):
            array: NDArray[Any] = self._driver.pagelocked_zeros(shape, dtype)
        return array

    def upload(self, address: int, array: NDArray[Any]) -> None:
        """Begin to copy a contiguous array to the device; it must not change before `synchronize`."""
        with self._current("memcpy_htod_async"):
            self._driver.memcpy_htod_async(address, array, self._stream)

    def download(self, array: NDArray[Any], address: int) -> None:
        """Begin to fill a contiguous array from the device; it is whole after `synchronize`."""
        with self._current("memcpy_dtoh_async"):
            self._driver.memcpy_dtoh_async(array, address, self._stream)

    def synchronize(self) -> None:
        """Wait for all that was begun."""
        with self._current("Stream.synchronize"):
            self._stream.synchronize()

    def begin_capture(self) -> None:
        """Raises EngineError: pycuda cannot."""
        self._refuse()

    def end_capture(self) -> Any:
        """Raises EngineError: pycuda cannot."""
        self._refuse()

    def launch(self, graph: Any) -> None:
        """Raises EngineError: pycuda cannot."""
        self._refuse()

    def close(self) -> None:
        """Wait, then free device memory and the stream; a failure is only logged."""
        if self._stream is None:
            return
        try:
            self.synchronize()
            with self._current("free"):
                for memory in self._memory.values():
                    memory.free()
        except EngineError as error:
            _log.warning("freeing the GPU: %s", error)
        self._memory.clear()
        self._stream = None

    @contextmanager
    def _current(self, call: str) -> Iterator[None]:
        """Have the context on this thread, since pycuda keeps a stack of them for each."""
        try:
            self._context.push()
            try:
                yield
            finally:
                self._context.pop()
        except Exception as error:  # pycuda raises its own types
            raise EngineError(f"{call} failed: {error}") from error

    def _refuse(self) -> NoReturn:
        raise EngineError("pycuda cannot record CUDA graphs", fix="pip install cuda-python")
