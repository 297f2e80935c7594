"""Which TensorRT is here: the one of JetPack and data centres, or TensorRT for RTX."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

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
