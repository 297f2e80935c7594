from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from tests.support.tensorrt_rtx import tensorrt

from vad_edge.inference.tensorrt.engine_file import EngineKey
from vad_edge.inference.tensorrt.library import Flavour

# What each release has of what the compiler asks for: docs and symbols of the binding wheels.
CREATION_FLAGS = {
    "8.6": ["EXPLICIT_BATCH"],
    "10.3": ["EXPLICIT_BATCH", "STRONGLY_TYPED"],
    "10.16": ["EXPLICIT_BATCH", "STRONGLY_TYPED"],
    "11.4": ["STRONGLY_TYPED"],
}


class Fake(SimpleNamespace):
    """A TensorRT that writes down what it is asked, and refuses what it is told to refuse."""


class Severity(enum.IntEnum):
    INTERNAL_ERROR, ERROR, WARNING, INFO, VERBOSE = range(5)


def make_fake(
    version: str = "11.4",
    *,
    inputs: Sequence[tuple[str, tuple[int, ...]]] = (("frame", (-1, 4, 6)),),
    outputs: int = 1,
    dla_cores: int = 0,
    refuses: Sequence[str] = (),
    says: str = "",
    refusals: Sequence[Any] = (),
    timings_of: bytes = b"",
) -> Any:
    asked: list[tuple[Any, ...]] = []
    fake = Fake(__version__=version, asked=asked)

    def refused(call: str) -> bool:
        if call in refuses and says:
            fake.logger.log(Severity.ERROR, says)
        return call in refuses

    class ILogger:
        INTERNAL_ERROR, ERROR, WARNING, INFO, VERBOSE = Severity

    class IProgressMonitor:
        pass

    class Profile:
        def set_shape(self, *shapes: Any) -> None:
            asked.append(("set_shape", *shapes))

    class IBuilderConfig:
        progress_monitor: Any = None
        default_device_type = None
        DLA_core = -1

        def set_memory_pool_limit(self, pool: Any, size: int) -> None:
            asked.append(("limit", pool.name, size))

        def clear_flag(self, flag: Any) -> None:
            asked.append(("no flag", flag.name))

        def set_flag(self, flag: Any) -> None:
            asked.append(("flag", flag.name))

        def add_optimization_profile(self, profile: Profile) -> int:
            return -1 if refused("profile") else 0

        def create_timing_cache(self, data: bytes) -> Any:
            return None if data and data != timings_of else SimpleNamespace(serialize=lambda: data + b"more")

        def set_timing_cache(self, cache: Any, ignore_mismatch: bool) -> bool:
            self.cache = cache
            asked.append(("timings", cache.serialize(), ignore_mismatch))
            return True

        def get_timing_cache(self) -> Any:
            return self.cache

    class Builder:
        num_DLA_cores = dla_cores  # noqa: N815

        def __init__(self, logger: Any) -> None:
            fake.logger = logger
            if refused("builder"):
                raise TypeError("pybind11::init(): factory function returned nullptr")

        def create_network(self, flags: int) -> Any:
            asked.append(("network", flags))
            tensors = [SimpleNamespace(name=name, shape=shape) for name, shape in inputs]
            network = SimpleNamespace(
                num_inputs=len(tensors), num_outputs=outputs, get_input=tensors.__getitem__
            )
            return None if refused("network") else network

        def create_builder_config(self) -> Any:
            fake.config = IBuilderConfig()
            return None if refused("config") else fake.config

        def create_optimization_profile(self) -> Any:
            return Profile()

        def build_serialized_network(self, network: Any, config: Any) -> Any:
            monitor = config.progress_monitor
            monitor.phase_start("Building engine", None, 2)
            going = monitor.step_complete("Building engine", 0)
            monitor.phase_finish("Building engine")
            return None if refused("build") or not going else memoryview(b"an engine")

    class OnnxParser:
        num_errors = len(refusals)

        def __init__(self, network: Any, logger: Any) -> None:
            pass

        def parse(self, graph: bytes) -> bool:
            return not (refused("parse") or refusals)

        def get_error(self, index: int) -> Any:
            return refusals[index]

    fake.ILogger, fake.IProgressMonitor, fake.IBuilderConfig = ILogger, IProgressMonitor, IBuilderConfig
    fake.Builder, fake.OnnxParser = Builder, OnnxParser
    fake.NetworkDefinitionCreationFlag = enum.IntEnum("Creation", CREATION_FLAGS[version], start=0)
    fake.BuilderFlag = enum.Enum("BuilderFlag", ["GPU_FALLBACK", "STRIP_PLAN", "VERSION_COMPATIBLE", "TF32"])
    fake.MemoryPoolType = enum.Enum("MemoryPoolType", ["WORKSPACE", "TACTIC_DRAM"])
    fake.DeviceType = enum.Enum("DeviceType", ["GPU", "DLA"])
    if version == "8.6":
        del fake.IProgressMonitor, IBuilderConfig.progress_monitor
    return fake


MakeFake = Callable[..., Any]


@pytest.fixture
def fake_tensorrt() -> MakeFake:
    return make_fake


@pytest.fixture
def rtx() -> Flavour:
    module = tensorrt()
    return Flavour("tensorrt-rtx", module.__version__, module)


@pytest.fixture
def key() -> EngineKey:
    return EngineKey(
        graph_sha256="ab" * 32,
        precision="int8",
        flavour="tensorrt",
        flavour_version="10.3.0",
        device="NVIDIA Jetson Orin NX (Orin, 8 SMs)",
        capability="8.7",
        driver="L4T 36.4.3",
        batch=1,
        workspace_mb=512,
        dla=False,
    )
