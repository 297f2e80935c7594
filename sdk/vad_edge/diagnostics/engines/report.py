"""The report of a check: plain data for a file to send on, with nothing in it that tells whose it is."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

import psutil

from vad_edge.bundle.archive import Bundle
from vad_edge.common.jetson import board_model, driver_version, has_nvidia_gpu, l4t_release
from vad_edge.diagnostics.engines.plan import Result
from vad_edge.errors import EngineError
from vad_edge.inference.tensorrt.device import DeviceFacts
from vad_edge.inference.tensorrt.library import load_flavour
from vad_edge.version import __version__

SCHEMA: Final = 1
_PATH: Final = re.compile(r"(?<!\w)(?:/[^\s/:;,'\"()\[\]|<>]+)+/?")


def make_report(
    bundle: Bundle, results: Sequence[Result], *, day: date, complete: bool, private: Iterable[str] = ()
) -> dict[str, Any]:
    """The report of what was done so far; complete where nothing is left to do.

    Paths are cut out of every text, and so is each of `private`.
    """
    figures = {result.step.check: result.figures for result in results if not result.step.engine}
    states = Counter(result.state for result in results)
    report = {
        "report": "vad-edge engine check",
        "schema": SCHEMA,
        "vad_edge": __version__,
        "day": day.isoformat(),
        "complete": complete,
        "summary": {state: states[state] for state in ("ok", "failed", "skipped")},
        "machine": {**figures.get("machine", {}), "gpu": figures.get("find the GPU") or None},
        "bundle": _model(bundle),
        "steps": [
            result.to_dict() for result in results if result.step.check != "machine" or result.state != "ok"
        ],
    }
    scrubbed: dict[str, Any] = _scrub_all(report, sorted(private, key=len, reverse=True))
    return scrubbed


def scrub(text: str, private: Iterable[str] = ()) -> str:
    """The text without paths and without what is private."""
    for secret in private:
        text = text.replace(secret, "<path>")
    return _PATH.sub("<path>", text)


def _model(bundle: Bundle) -> dict[str, Any]:
    """What the model is like; its name may say where it watches."""
    manifest = bundle.manifest
    return {
        "sha256": bundle.sha256,
        "height": manifest.height,
        "width": manifest.width,
        "synthetic": manifest.provenance.synthetic,
        "graphs": [
            {
                "precision": graph.precision,
                "backend": graph.backend,
                "bytes": len(bundle.member(graph.member)),
            }
            for graph in manifest.graphs
        ],
    }


def _scrub_all(value: Any, private: Sequence[str]) -> Any:
    if isinstance(value, str):
        return scrub(value, private)
    if isinstance(value, dict):
        return {name: _scrub_all(part, private) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_scrub_all(part, private) for part in value]
    return value


_PACKAGES: Final = ("cuda-bindings", "cuda-python", "pycuda", "vad-edge")
_MODULES: Final = ("cv2", "numpy")


def machine_facts(root: Path = Path("/")) -> dict[str, Any]:
    """Board, system, and the versions of what an engine needs; None or empty for what is not here."""
    return {
        "board": board_model(root),
        "l4t": l4t_release(root),
        "driver": driver_version(root),
        "nvidia_gpu": has_nvidia_gpu(root),
        "system": platform.system(),
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "cores": os.cpu_count(),
        "memory_mb": psutil.virtual_memory().total // 1_000_000,
        "python": platform.python_version(),
        "versions": _versions(),
        "onnxruntime_providers": _providers(),
    }


def gpu_facts(device: DeviceFacts, cuda: str) -> dict[str, Any]:
    """What is known of a GPU, reached through the Python package `cuda`."""
    return {
        "name": device.name,
        "capability": device.capability,
        "multiprocessors": device.multiprocessors,
        "memory_mb": device.memory_bytes // 1_000_000,
        "driver": driver_version(),
        "cuda_package": cuda,
        **_cuda_versions(),
    }


def _versions() -> Mapping[str, str | None]:
    versions = {name: _package(name) for name in _PACKAGES}
    versions.update({name: _module(name) for name in _MODULES})
    try:
        flavour = load_flavour()
    except EngineError:
        return {**versions, "onnxruntime": _onnxruntime(), "tensorrt": None}
    return {**versions, "onnxruntime": _onnxruntime(), flavour.name: flavour.version}


def _package(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _module(name: str) -> str | None:
    # Those that come with JetPack have no package metadata.
    try:
        return str(importlib.import_module(name).__version__)
    except Exception:  # a binding without its library fails in many ways
        return None


def _onnxruntime() -> str | None:
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    return _module("onnxruntime")


def _providers() -> list[str]:
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    try:
        return list(importlib.import_module("onnxruntime").get_available_providers())
    except Exception:  # as above
        return []


def _cuda_versions() -> dict[str, str | None]:
    """CUDA's own version as the driver and as the runtime give it; None through pycuda."""
    asked = {"cuda_driver": "cudaDriverGetVersion", "cuda_runtime": "cudaRuntimeGetVersion"}
    try:
        runtime = importlib.import_module("cuda.bindings.runtime")
        answers = {name: getattr(runtime, call)() for name, call in asked.items()}
    except Exception:  # as above
        return dict.fromkeys(asked)
    return {name: _cuda_version(version) for name, (_, version) in answers.items()}


def _cuda_version(number: int) -> str:
    return f"{number // 1000}.{number % 1000 // 10}"
