"""The few calls of CUDA that a step needs, through whichever Python package for CUDA is here."""

from __future__ import annotations

from typing import Any, Final, Protocol

from numpy.typing import DTypeLike, NDArray

from vad_edge.errors import EngineError

PACKAGES: Final = ("cuda.bindings.runtime", "pycuda.driver")
"""The modules that reach CUDA, the one to prefer first."""
INSTALL: Final = (
    "pip install cuda-python in the version of this machine's CUDA (12.6 on JetPack 6), or pycuda"
)


class Cuda(Protocol):
    """The first GPU, and one stream of its own; whatever is asked of the stream happens in that order.

    Every method but `close` raises EngineError, with the call and CUDA's name for the error.
    """

    @property
    def stream(self) -> int:
        """The stream's handle, for TensorRT."""
        ...

    def allocate(self, size: int) -> int:
        """The address of this many bytes on the device, held until `close`."""
        ...

    def pinned(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Zeros in page-locked host memory, which lives as long as the array."""
        ...

    def upload(self, address: int, array: NDArray[Any]) -> None:
        """Begin to copy a contiguous array to the device; it must not change before `synchronize`."""
        ...

    def download(self, array: NDArray[Any], address: int) -> None:
        """Begin to fill a contiguous array from the device; it is whole after `synchronize`."""
        ...

    def synchronize(self) -> None:
        """Wait for all that was begun."""
        ...

    def begin_capture(self) -> None:
        """From here on record what is asked of the stream; an error where the package cannot."""
        ...

    def end_capture(self) -> Any:
        """End the recording, also one that failed. Gives the graph, ready for `launch` until `close`."""
        ...

    def launch(self, graph: Any) -> None:
        """Begin to do what was recorded."""
        ...

    def close(self) -> None:
        """Wait, then free graphs, device memory and the stream; a failure is only logged."""
        ...


def open_cuda() -> Cuda:
    """The first GPU through cuda-python, or through pycuda.

    Raises EngineError with the reason of each where neither can be used.
    """
    reasons = []
    for package, opens in (("cuda-python", _open_cuda_python), ("pycuda", _open_pycuda)):
        try:
            return opens()
        except EngineError as error:
            reasons.append(f"{package}: {error.what}")
    raise EngineError(f"CUDA cannot be used here ({'; '.join(reasons)})", fix=INSTALL)


def _open_cuda_python() -> Cuda:
    from vad_edge.inference.tensorrt.cuda_python import CudaPython

    return CudaPython()


def _open_pycuda() -> Cuda:
    from vad_edge.inference.tensorrt.cuda_pycuda import CudaPycuda

    return CudaPycuda()
