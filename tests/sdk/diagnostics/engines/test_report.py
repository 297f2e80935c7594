from __future__ import annotations

import getpass
import json
import platform
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnxruntime
import pytest

from vad_edge.diagnostics.engines import report as machine
from vad_edge.diagnostics.engines.report import gpu_facts, machine_facts
from vad_edge.errors import EngineError
from vad_edge.inference.tensorrt.device import DeviceFacts
from vad_edge.inference.tensorrt.library import Flavour

ORIN = DeviceFacts("Orin", "8.7", 8, "NVIDIA Jetson Orin NX", 16_000_000_000)


def test_a_board_is_told_with_its_release_and_the_versions_of_what_an_engine_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "proc/device-tree").mkdir(parents=True)
    (tmp_path / "proc/device-tree/model").write_text("NVIDIA Jetson Orin NX\0")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/nv_tegra_release").write_text("# R36 (release), REVISION: 4.3, GCID: 1\n")
    monkeypatch.setattr(machine, "load_flavour", lambda: Flavour("tensorrt", "10.3.0", None))
    facts = machine_facts(tmp_path)
    assert (facts["board"], facts["l4t"], facts["driver"]) == (
        "NVIDIA Jetson Orin NX",
        "36.4.3",
        "L4T 36.4.3",
    )
    versions = facts["versions"]
    assert (versions["tensorrt"], versions["numpy"]) == ("10.3.0", np.__version__)
    assert versions["onnxruntime"] == onnxruntime.__version__
    assert versions["pycuda"] is None
    assert "CPUExecutionProvider" in facts["onnxruntime_providers"]


def test_what_is_not_here_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def none() -> Flavour:
        raise EngineError("there is no TensorRT here")

    monkeypatch.setattr(machine, "load_flavour", none)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.setitem(sys.modules, "cv2", None)
    facts = machine_facts(tmp_path)
    assert [facts["versions"][name] for name in ("tensorrt", "onnxruntime", "cv2")] == [None] * 3
    assert (facts["onnxruntime_providers"], facts["nvidia_gpu"]) == ([], False)


def test_nothing_tells_whose_machine_it_is() -> None:
    words = json.dumps(machine_facts()).replace('"', " ").split()
    assert platform.node() not in words
    assert getpass.getuser() not in words
    assert not any(word.startswith("/") for word in words)


def test_a_gpu_is_told_with_its_driver_and_cudas_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = SimpleNamespace(
        cudaDriverGetVersion=lambda: (0, 12060), cudaRuntimeGetVersion=lambda: (0, 13020)
    )
    for name in ("cuda", "cuda.bindings"):
        monkeypatch.setitem(sys.modules, name, SimpleNamespace())  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "cuda.bindings.runtime", runtime)  # type: ignore[arg-type]
    monkeypatch.setattr(machine, "driver_version", lambda: "570.86.15")
    assert gpu_facts(ORIN, "CudaPython") == {
        "name": "Orin",
        "capability": "8.7",
        "multiprocessors": 8,
        "memory_mb": 16_000,
        "driver": "570.86.15",
        "cuda_package": "CudaPython",
        "cuda_driver": "12.6",
        "cuda_runtime": "13.2",
    }


def test_through_pycuda_cudas_versions_are_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cuda.bindings.runtime", None)
    facts = gpu_facts(ORIN, "CudaPycuda")
    assert (facts["cuda_driver"], facts["cuda_runtime"]) == (None, None)
