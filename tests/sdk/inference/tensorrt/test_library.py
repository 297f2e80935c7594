from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from types import SimpleNamespace
from typing import Any

import pytest

from vad_edge.inference.tensorrt.library import Flavour, capabilities_of

TEN_AND_ELEVEN = {
    "strong_types": "flag",
    "compute_capabilities": frozenset(),
    "current_gpu": False,
    "workspace_limit": True,
    "timing_cache": True,
    "runtime_cache": False,
    "progress_monitor": True,
    "dla": True,
}


@pytest.mark.parametrize("version", ["10.3", "10.16", "11.4"])
def test_ten_and_eleven_can_do_the_same(version: str, fake_tensorrt: Callable[..., Any]) -> None:
    assert asdict(capabilities_of(fake_tensorrt(version))) == TEN_AND_ELEVEN


def test_eight_takes_no_types_from_the_graph(fake_tensorrt: Callable[..., Any]) -> None:
    found = capabilities_of(fake_tensorrt("8.6"))
    assert found.strong_types == "never"
    assert not found.progress_monitor


def test_without_any_flag_types_are_always_strong(fake_tensorrt: Callable[..., Any]) -> None:
    later = fake_tensorrt()
    later.NetworkDefinitionCreationFlag = SimpleNamespace()
    assert capabilities_of(later).strong_types == "always"


def test_rtx_compiles_ahead_of_time_and_keeps_no_timings(rtx: Flavour) -> None:
    found = capabilities_of(rtx.module)
    assert found.strong_types == "flag"
    assert {"SM75", "SM80", "SM86", "SM89", "SM120"} <= found.compute_capabilities
    assert found.current_gpu
    assert found.workspace_limit
    assert found.progress_monitor
    assert not found.timing_cache
    assert found.runtime_cache


def test_a_configuration_without_a_cache_in_it_keeps_no_kernels(fake_tensorrt: Callable[..., Any]) -> None:
    later = fake_tensorrt("10.16")
    later.IRuntimeConfig = SimpleNamespace(set_execution_context_allocation_strategy=None)
    later.ICudaEngine = SimpleNamespace(create_runtime_config=None)
    assert not capabilities_of(later).runtime_cache


def test_an_empty_module_can_do_nothing() -> None:
    found = asdict(capabilities_of(SimpleNamespace()))
    assert found.pop("strong_types") == "always"
    assert not any(found.values())
