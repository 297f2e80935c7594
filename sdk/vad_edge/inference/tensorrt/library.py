"""The TensorRT that is here: which one it is, what it can do, and what it compiles for."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from vad_edge.common.verdict import Verdict
from vad_edge.errors import ConfigError, EngineError

FlavourName = Literal["tensorrt", "tensorrt-rtx"]

MODULES: Final[Mapping[str, FlavourName]] = {
    "tensorrt": "tensorrt",
    "tensorrt_rtx": "tensorrt-rtx",
    "tensorrt_rtx_bindings": "tensorrt-rtx",
}
"""Python module to flavour, the one to prefer first."""

_FIX: Final = (
    "on a Jetson install python3-libnvinfer and make the venv with --system-site-packages; elsewhere"
    " pip install tensorrt-rtx-cu13-bindings tensorrt-rtx-cu13-libs, or 'vad-edge[tensorrt]'"
)


@dataclass(frozen=True, slots=True)
class Flavour:
    """A TensorRT that was found, and its Python module."""

    name: FlavourName
    version: str
    module: Any


def load_flavour(name: str = "auto") -> Flavour:
    """Import the TensorRT of this name, or the first there is.

    Raises ConfigError for a name there is no flavour of, EngineError with the reason of each module where
    none can be used.
    """
    known = ["auto", *dict.fromkeys(MODULES.values())]
    if name not in known:
        raise ConfigError(f"there is no TensorRT {name!r}", fix=f"give one of {', '.join(known)}")
    reasons = []
    for module_name, flavour in MODULES.items():
        if name not in ("auto", flavour):
            continue
        try:
            module = importlib.import_module(module_name)
        except Exception as error:  # a binding without its library fails in many ways
            reasons.append(f"{module_name}: {_first_line(error)}")
            continue
        # tensorrt-stubs and half-removed packages leave a module that imports and holds nothing.
        if not hasattr(module, "Builder"):
            reasons.append(f"{module_name}: it imports, but has no Builder")
            continue
        return Flavour(flavour, str(getattr(module, "__version__", "unknown")), module)
    raise EngineError(f"there is no TensorRT here ({'; '.join(reasons)})", fix=_FIX)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


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


LOCAL: Final = "local"
_RTX: Final[Mapping[str, str]] = {
    "rtx-sm75": "7.5",
    "rtx-sm80": "8.0",
    "rtx-sm86": "8.6",
    "rtx-sm89": "8.9",
    "rtx-sm120": "12.0",
    "rtx-sm121": "12.1",
}
KNOWN: Final = (LOCAL, *_RTX)
"""The name of every target."""


@dataclass(frozen=True, slots=True)
class CompileTarget:
    """A compile target; capability is the GPU's, such as ``8.6``, and empty for the one that is here."""

    name: str
    capability: str = ""

    @property
    def ahead_of_time(self) -> bool:
        """Whether the GPU need not be here."""
        return bool(self.capability)

    @property
    def flavour(self) -> str:
        """The TensorRT that can compile for it, for `load_flavour`."""
        return "tensorrt-rtx" if self.ahead_of_time else "auto"

    @property
    def member(self) -> str:
        """TensorRT's own name for it, a member of ComputeCapability."""
        return f"SM{self.capability.replace('.', '')}" if self.ahead_of_time else "CURRENT"


def parse_target(text: str) -> CompileTarget:
    """The target of this name. Raises ConfigError, naming those there are, for another."""
    if text not in KNOWN:
        raise ConfigError(f"there is no target {text!r}", where="--target", fix=f"give {', '.join(KNOWN)}")
    return CompileTarget(text, _RTX.get(text, ""))


def target_fits(target: CompileTarget, capabilities: Capabilities) -> Verdict:
    """Whether a TensorRT that can do this can compile for the target."""
    if capabilities.strong_types == "never":
        return Verdict(
            False,
            "this TensorRT does not take its precisions from the graph, so it is older than 10",
            "update it, on a Jetson with JetPack 6 or newer",
        )
    if target.ahead_of_time and target.member not in capabilities.compute_capabilities:
        known = sorted(capabilities.compute_capabilities)
        reason = f"only for {', '.join(known)}" if known else "for no GPU but the one that is here"
        return Verdict(
            False,
            f"this TensorRT cannot compile for {target.name}, {reason}",
            "pip install tensorrt-rtx-cu13-bindings tensorrt-rtx-cu13-libs, or compile with --target local",
        )
    return Verdict(True)
