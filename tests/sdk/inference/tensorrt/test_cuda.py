from __future__ import annotations

import ctypes
import enum
import gc
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from vad_edge.errors import EngineError
from vad_edge.inference.tensorrt.cuda import Cuda, open_cuda
from vad_edge.inference.tensorrt.cuda_pycuda import CudaPycuda
from vad_edge.inference.tensorrt.cuda_python import CudaPython


class Status(enum.IntEnum):
    cudaSuccess = 0  # noqa: N815
    cudaErrorMemoryAllocation = 2  # noqa: N815


class FakeRuntime(ModuleType):
    """cuda-python's module, on host memory; what it is asked is written down."""

    cudaStreamNonBlocking, cudaHostAllocDefault = 1, 0  # noqa: N815
    cudaStreamCaptureMode = SimpleNamespace(cudaStreamCaptureModeThreadLocal="thread")  # noqa: N815
    cudaMemcpyKind = SimpleNamespace(cudaMemcpyHostToDevice="up", cudaMemcpyDeviceToHost="down")  # noqa: N815

    def __init__(self) -> None:
        super().__init__("cuda.bindings.runtime")
        self.asked: list[tuple[Any, ...]] = []
        self.failing: set[str] = set()
        self.raising: set[str] = set()
        self.memory: dict[int, Any] = {}
        gives = {
            "cudaStreamCreateWithFlags": 7,
            "cudaStreamEndCapture": "recorded",
            "cudaGraphInstantiate": "graph",
        }
        for name, given in gives.items():
            setattr(self, name, self._answering(name, given))
        for name in (
            *("cudaStreamSynchronize", "cudaStreamDestroy", "cudaStreamBeginCapture", "cudaFree"),
            *("cudaGraphDestroy", "cudaGraphExecDestroy", "cudaGraphLaunch", "cudaGetLastError"),
        ):
            setattr(self, name, self._answering(name))

    def _answering(self, name: str, *given: Any) -> Any:
        def call(*arguments: Any) -> tuple[Any, ...]:
            self.asked.append((name, *arguments))
            if name in self.raising:
                raise RuntimeError("Failed to dlopen libcuda.so.1")
            if name in self.failing:
                return (Status.cudaErrorMemoryAllocation, *(None for _ in given))
            return (Status.cudaSuccess, *given)

        return call

    def cudaMalloc(self, size: int) -> tuple[Any, ...]:  # noqa: N802
        memory = ctypes.create_string_buffer(b"\xa5" * size, size)
        self.memory[ctypes.addressof(memory)] = memory
        return self._answering("cudaMalloc", ctypes.addressof(memory))(size)

    def cudaHostAlloc(self, size: int, flags: int) -> tuple[Any, ...]:  # noqa: N802
        return self.cudaMalloc(size)

    def cudaFreeHost(self, address: int) -> tuple[Any, ...]:  # noqa: N802
        del self.memory[address]
        return (Status.cudaSuccess,)

    def cudaMemcpyAsync(self, target: int, source: int, size: int, kind: str, stream: int) -> tuple[Any, ...]:  # noqa: N802
        ctypes.memmove(target, source, size)
        return self._answering("cudaMemcpyAsync")(kind, stream)


class FakeDriver(ModuleType):
    """pycuda's module, on host memory; every call wants the context on its thread."""

    def __init__(self) -> None:
        super().__init__("pycuda.driver")
        self.stack: list[str] = []
        self.memory: dict[int, Any] = {}
        self.failing = ""
        context = SimpleNamespace(push=lambda: self.stack.append("primary"), pop=lambda: self.stack.pop())
        self.init = lambda: None
        self.Device = lambda number: SimpleNamespace(retain_primary_context=lambda: context)
        self.Stream = lambda: self._in_context(
            "Stream", SimpleNamespace(handle=7, synchronize=lambda: self._in_context("sync", None))
        )
        self.pagelocked_zeros = lambda shape, dtype: self._in_context("zeros", np.zeros(shape, dtype))
        self.memcpy_htod_async = lambda to, array, stream: self._in_context(
            "up", ctypes.memmove(to, array.ctypes.data, array.nbytes)
        )
        self.memcpy_dtoh_async = lambda array, source, stream: self._in_context(
            "down", ctypes.memmove(array.ctypes.data, source, array.nbytes)
        )

    def mem_alloc(self, size: int) -> Any:
        memory = ctypes.create_string_buffer(size)
        address = ctypes.addressof(memory)
        self.memory[address] = memory

        class Allocation:
            def __int__(self) -> int:
                return address

            def free(_) -> None:  # noqa: N805
                del self.memory[address]

        return self._in_context("mem_alloc", Allocation())

    def _in_context(self, call: str, given: Any) -> Any:
        assert self.stack
        if call == self.failing:
            raise MemoryError("cuMemAlloc failed: out of memory")
        return given


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> FakeRuntime:
    fake = FakeRuntime()
    for name in ("cuda", "cuda.bindings"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, "cuda.bindings.runtime", fake)
    return fake


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> FakeDriver:
    fake = FakeDriver()
    monkeypatch.setitem(sys.modules, "pycuda", ModuleType("pycuda"))
    monkeypatch.setitem(sys.modules, "pycuda.driver", fake)
    return fake


@pytest.fixture
def nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("cuda.bindings.runtime", "pycuda.driver"):
        monkeypatch.setitem(sys.modules, name, None)


def there_and_back(cuda: Cuda) -> None:
    sent, got = cuda.pinned((2, 3), "float32"), cuda.pinned((2, 3), "float32")
    assert not sent.any()
    sent[:] = np.arange(6).reshape(2, 3)
    address = cuda.allocate(sent.nbytes)
    cuda.upload(address, sent)
    cuda.download(got, address)
    cuda.synchronize()
    np.testing.assert_array_equal(got, sent)


def test_what_goes_up_comes_down_by_cuda_python(runtime: FakeRuntime) -> None:
    cuda = CudaPython()
    there_and_back(cuda)
    kinds = [asked[1:] for asked in runtime.asked if asked[0] == "cudaMemcpyAsync"]
    assert kinds == [("up", 7), ("down", 7)]
    assert cuda.stream == 7


def test_what_goes_up_comes_down_by_pycuda(driver: FakeDriver) -> None:
    cuda = CudaPycuda()
    there_and_back(cuda)
    assert cuda.stream == 7
    assert driver.stack == []


@pytest.mark.parametrize("dtype", ["uint8", "bool", "float16"])
def test_pinned_arrays_have_the_type_they_are_asked_for(runtime: FakeRuntime, dtype: str) -> None:
    array = CudaPython().pinned((3,), dtype)
    assert (array.dtype, array.shape, array.flags.writeable) == (np.dtype(dtype), (3,), True)


def test_pinned_memory_outlives_the_close_and_goes_with_its_array(runtime: FakeRuntime) -> None:
    cuda = CudaPython()
    array = cuda.pinned((4,), "uint8")
    row = array[1:]
    cuda.close()
    del array
    gc.collect()
    row[:] = 1
    assert len(runtime.memory) == 1
    del row
    gc.collect()
    assert runtime.memory == {}


def test_a_recorded_graph_is_launched_and_destroyed_at_the_end(runtime: FakeRuntime) -> None:
    cuda = CudaPython()
    cuda.begin_capture()
    cuda.launch(cuda.end_capture())
    cuda.close()
    cuda.close()
    assert runtime.asked[1:] == [
        ("cudaStreamBeginCapture", 7, "thread"),
        ("cudaStreamEndCapture", 7),
        ("cudaGraphInstantiate", "recorded", 0),
        ("cudaGraphDestroy", "recorded"),
        ("cudaGraphLaunch", "graph", 7),
        ("cudaStreamSynchronize", 7),
        ("cudaGraphExecDestroy", "graph"),
        ("cudaStreamDestroy", 7),
    ]


def test_an_error_code_is_told_by_call_and_name_and_handled_there(runtime: FakeRuntime) -> None:
    cuda = CudaPython()
    runtime.failing = {"cudaMalloc"}
    with pytest.raises(EngineError, match="cudaMalloc failed: cudaErrorMemoryAllocation"):
        cuda.allocate(8)
    assert runtime.asked[-1] == ("cudaGetLastError",)


def test_an_error_of_pycuda_is_told_by_call_and_leaves_no_context(driver: FakeDriver) -> None:
    cuda = CudaPycuda()
    driver.failing = "mem_alloc"
    with pytest.raises(EngineError, match="mem_alloc failed: cuMemAlloc failed: out of memory"):
        cuda.allocate(8)
    assert driver.stack == []


def test_a_missing_driver_is_told_though_cuda_python_raises(runtime: FakeRuntime) -> None:
    runtime.raising = {"cudaStreamCreateWithFlags"}
    with pytest.raises(EngineError, match=r"cudaStreamCreateWithFlags failed: Failed to dlopen libcuda"):
        CudaPython()


def test_closing_frees_the_device_and_only_warns_where_it_fails(
    runtime: FakeRuntime, caplog: pytest.LogCaptureFixture
) -> None:
    cuda = CudaPython()
    address = cuda.allocate(8)
    runtime.failing = {"cudaStreamSynchronize"}
    cuda.close()
    assert ("cudaFree", address) in runtime.asked
    assert "cudaStreamSynchronize failed: cudaErrorMemoryAllocation" in caplog.text


def test_closing_pycuda_frees_the_device(driver: FakeDriver) -> None:
    cuda = CudaPycuda()
    cuda.allocate(8)
    cuda.close()
    cuda.close()
    assert driver.memory == {}


def test_pycuda_says_that_it_cannot_record(driver: FakeDriver) -> None:
    cuda = CudaPycuda()
    for use in (cuda.begin_capture, cuda.end_capture, lambda: cuda.launch(None)):
        with pytest.raises(EngineError, match="pycuda cannot record CUDA graphs; pip install cuda-python"):
            use()


def test_cuda_python_comes_before_pycuda(runtime: FakeRuntime, driver: FakeDriver) -> None:
    assert isinstance(open_cuda(), CudaPython)


def test_pycuda_does_where_cuda_python_fails(runtime: FakeRuntime, driver: FakeDriver) -> None:
    runtime.failing = {"cudaStreamCreateWithFlags"}
    assert isinstance(open_cuda(), CudaPycuda)


def test_without_either_both_are_named_with_their_reasons(nothing: None) -> None:
    with pytest.raises(EngineError, match=r"cuda-python: it cannot be .*; pycuda: it cannot be") as caught:
        open_cuda()
    assert caught.value.fix.startswith("pip install cuda-python")
