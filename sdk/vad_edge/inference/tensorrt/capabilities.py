"""What the TensorRT that is here can do, found by looking at its Python module."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the compiler needs to know of one TensorRT.

    strong_types: whether a network takes its types from the graph when a flag is given, always, or never.
    compute_capabilities: the GPUs it can compile for ahead of time, as TensorRT names them (``SM86``).
    current_gpu: it must be told to compile for this machine's GPU.
    runtime_cache: it compiles kernels at every start, and can keep them.
    """

    strong_types: Literal["flag", "always", "never"]
    compute_capabilities: frozenset[str]
    current_gpu: bool
    workspace_limit: bool
    timing_cache: bool
    runtime_cache: bool
    progress_monitor: bool
    dla: bool


def capabilities_of(module: Any) -> Capabilities:
    """Look at a TensorRT module; nothing is built and no GPU is touched."""
    config = getattr(module, "IBuilderConfig", None)
    targets = _members(module, "ComputeCapability") if hasattr(config, "set_compute_capability") else set()
    return Capabilities(
        strong_types=_strong_types(_members(module, "NetworkDefinitionCreationFlag")),
        compute_capabilities=frozenset(name for name in targets if name.startswith("SM")),
        current_gpu="CURRENT" in targets,
        workspace_limit=hasattr(config, "set_memory_pool_limit")
        and "WORKSPACE" in _members(module, "MemoryPoolType"),
        # TensorRT for RTX has a runtime cache in its place and keeps this one as a deprecated no-op.
        timing_cache=hasattr(config, "create_timing_cache") and not hasattr(module, "IRuntimeCache"),
        # TensorRT 10.13 and later have the configuration, and no cache in it.
        runtime_cache=hasattr(module, "IRuntimeCache")
        and hasattr(getattr(module, "IRuntimeConfig", None), "create_runtime_cache")
        and hasattr(getattr(module, "ICudaEngine", None), "create_runtime_config"),
        progress_monitor=hasattr(module, "IProgressMonitor") and hasattr(config, "progress_monitor"),
        dla=hasattr(getattr(module, "Builder", None), "num_DLA_cores")
        and hasattr(config, "DLA_core")
        and "DLA" in _members(module, "DeviceType")
        and "GPU_FALLBACK" in _members(module, "BuilderFlag"),
    )


def _strong_types(flags: set[str]) -> Literal["flag", "always", "never"]:
    if "STRONGLY_TYPED" in flags:
        return "flag"
    # The flag for explicit batches went away after weak typing became the exception.
    return "never" if "EXPLICIT_BATCH" in flags else "always"


def _members(module: Any, enum: str) -> set[str]:
    return {name for name in dir(getattr(module, enum, None)) if name[0].isupper()}
