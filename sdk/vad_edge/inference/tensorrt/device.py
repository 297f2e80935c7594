"""Which GPU this machine has, asked through cuda-python or pycuda; never run on hardware."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, replace
from typing import Any, Final

from vad_edge.common.jetson import board_model
from vad_edge.errors import EngineError

_FIX: Final = "compile on the machine that runs it, or ahead of time with --target rtx-sm86 or another"


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """The first GPU. Boards share a chip's name and capability, so their own name is part of it."""

    name: str
    capability: str
    multiprocessors: int
    board: str = ""
    memory_bytes: int = 0

    @property
    def label(self) -> str:
        """A name that differs where an engine may not be shared."""
        chip = f"{self.name}, {self.multiprocessors} SMs"
        return f"{self.board} ({chip})" if self.board else chip


def local_device() -> DeviceFacts:
    """Ask for the first GPU. Raises EngineError where there is none, or nothing to ask through."""
    reasons = []
    for module_name, ask in (("cuda.bindings.runtime", _ask_runtime), ("pycuda.driver", _ask_pycuda)):
        try:
            module = importlib.import_module(module_name)
        except Exception as error:  # a binding without its library fails in many ways
            reasons.append(f"{module_name}: {str(error) or type(error).__name__}")
            continue
        try:
            facts = ask(module)
        except Exception as error:  # both packages raise their own types
            what = f"{module_name} finds no GPU on this machine: {error}"
            raise EngineError(what, fix=_FIX) from error
        return replace(facts, board=board_model())
    raise EngineError(
        f"nothing here can tell which GPU this machine has ({'; '.join(reasons)})",
        fix=f"pip install cuda-python in the version of its CUDA; {_FIX}",
    )


def _ask_runtime(runtime: Any) -> DeviceFacts:
    error, count = runtime.cudaGetDeviceCount()
    if int(error) != 0 or not count:
        raise RuntimeError(str(getattr(error, "name", error)) if int(error) else "it counts 0 of them")
    error, facts = runtime.cudaGetDeviceProperties(0)
    if int(error) != 0:
        raise RuntimeError(str(getattr(error, "name", error)))
    return DeviceFacts(
        name=facts.name.rstrip(b"\0").decode(errors="replace"),
        capability=f"{facts.major}.{facts.minor}",
        multiprocessors=facts.multiProcessorCount,
        memory_bytes=facts.totalGlobalMem,
    )


def _ask_pycuda(driver: Any) -> DeviceFacts:
    driver.init()
    device = driver.Device(0)
    major, minor = device.compute_capability()
    return DeviceFacts(
        name=device.name(),
        capability=f"{major}.{minor}",
        multiprocessors=device.get_attribute(driver.device_attribute.MULTIPROCESSOR_COUNT),
        memory_bytes=device.total_memory(),
    )
