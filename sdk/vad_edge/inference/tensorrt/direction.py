"""One of the two ways a step goes between the two sets of the state, asked of the stream or recorded."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from numpy.typing import NDArray

from vad_edge.errors import EngineError
from vad_edge.inference.tensorrt.cuda import Cuda
from vad_edge.inference.tensorrt.messages import Messages

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
