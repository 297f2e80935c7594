from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from vad_edge.errors import EngineError
from vad_edge.inference.tensorrt import device
from vad_edge.inference.tensorrt.device import DeviceFacts, local_device

ORIN = SimpleNamespace(
    name=b"Orin" + b"\0" * 252, major=8, minor=7, multiProcessorCount=8, totalGlobalMem=16 << 30
)


class Status(int):
    name = "cudaErrorInsufficientDriver"


def runtime(count: tuple[Any, Any] = (0, 1), facts: tuple[Any, Any] = (0, ORIN)) -> Any:
    return SimpleNamespace(cudaGetDeviceCount=lambda: count, cudaGetDeviceProperties=lambda number: facts)


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have these in the place of cuda-python and pycuda, and a board of this name."""

    def have(runtime: Any = None, pycuda: Any = None, board: str = "") -> None:
        for name in ("cuda", "cuda.bindings", "pycuda"):
            monkeypatch.setitem(sys.modules, name, ModuleType(name))
        monkeypatch.setitem(sys.modules, "cuda.bindings.runtime", runtime)
        monkeypatch.setitem(sys.modules, "pycuda.driver", pycuda)
        monkeypatch.setattr(device, "board_model", lambda: board)

    return have


def test_a_jetson_is_known_by_its_board(modules: Callable[..., None]) -> None:
    modules(runtime(), board="NVIDIA Jetson Orin NX")
    found = local_device()
    assert found == DeviceFacts("Orin", "8.7", 8, "NVIDIA Jetson Orin NX", 16 << 30)
    assert found.label == "NVIDIA Jetson Orin NX (Orin, 8 SMs)"


def test_pycuda_does_where_cuda_python_is_missing(modules: Callable[..., None]) -> None:
    gpu = SimpleNamespace(
        name=lambda: "NVIDIA RTX A2000",
        compute_capability=lambda: (8, 6),
        get_attribute=lambda attribute: 26,
        total_memory=lambda: 6 << 30,
    )
    driver = SimpleNamespace(
        init=lambda: None,
        Device=lambda number: gpu,
        device_attribute=SimpleNamespace(MULTIPROCESSOR_COUNT="count"),
    )
    modules(None, driver)
    assert local_device() == DeviceFacts("NVIDIA RTX A2000", "8.6", 26, memory_bytes=6 << 30)
    assert local_device().label == "NVIDIA RTX A2000, 26 SMs"


@pytest.mark.parametrize(
    ("found", "what"),
    [
        (runtime(count=(Status(35), None)), "cudaErrorInsufficientDriver"),
        (runtime(count=(0, 0)), "it counts 0 of them"),
        (runtime(facts=(Status(35), None)), "cudaErrorInsufficientDriver"),
    ],
)
def test_a_machine_without_a_gpu_is_pointed_to_ahead_of_time(
    found: Any, what: str, modules: Callable[..., None]
) -> None:
    modules(found)
    with pytest.raises(EngineError, match=f"finds no GPU on this machine: {what}") as caught:
        local_device()
    assert "--target rtx-sm86" in caught.value.fix


def test_nothing_to_ask_through_names_what_to_install(modules: Callable[..., None]) -> None:
    modules()
    with pytest.raises(EngineError, match=r"nothing here can tell .*cuda\.bindings\.runtime: .*pycuda"):
        local_device()
