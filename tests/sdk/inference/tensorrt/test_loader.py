from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vad_edge.bundle.archive import Bundle
from vad_edge.bundle.manifest import Graph
from vad_edge.errors import BundleError, ConfigError, EngineError
from vad_edge.inference.tensorrt import loader as prepare
from vad_edge.inference.tensorrt.cache import EngineCache
from vad_edge.inference.tensorrt.compiler import Compiled, CompileOptions
from vad_edge.inference.tensorrt.device import DeviceFacts
from vad_edge.inference.tensorrt.engine_file import read_engine
from vad_edge.inference.tensorrt.library import Flavour, parse_target
from vad_edge.inference.tensorrt.loader import prepare_engine

RTX_86 = CompileOptions(parse_target("rtx-sm86"), batch=2)
LOCAL = CompileOptions(parse_target("local"))


def silent(phase: str, share: float) -> None:
    pass


@pytest.fixture
def cache(tmp_path: Path) -> EngineCache:
    return EngineCache(tmp_path / "engines")


@pytest.fixture
def jetson(monkeypatch: pytest.MonkeyPatch, fake_tensorrt: Callable[..., Any]) -> list[bytes]:
    """A machine with TensorRT 10.3 and a GPU, neither of them real; the timing caches its builds got."""
    given: list[bytes] = []

    def build_engine(flavour: str, graph: bytes, options: CompileOptions, report: Any) -> Compiled:
        given.append(options.timing_cache)
        return Compiled(b"engine", options.timing_cache + b"+")

    module = fake_tensorrt("10.3")
    monkeypatch.setattr(prepare, "load_flavour", lambda name: Flavour("tensorrt", "10.3", module))
    monkeypatch.setattr(prepare, "local_device", lambda: DeviceFacts("Orin", "8.7", 8, "Orin NX"))
    monkeypatch.setattr(prepare, "driver_version", lambda: "L4T 36.4.3")
    monkeypatch.setattr(prepare, "build_engine", build_engine)
    return given


def test_the_second_time_the_engine_is_in_the_cache(rtx: Flavour, bundle: Bundle, cache: EngineCache) -> None:
    first = prepare_engine(bundle, RTX_86, silent, cache=cache)
    second = prepare_engine(bundle, RTX_86, silent, cache=cache)
    assert (first.cached, second.cached) == (False, True)
    assert first.sha256 == second.sha256
    stored = read_engine(Path(second.output))
    assert (stored.sha256, len(stored.engine)) == (second.sha256, second.bytes)
    assert (stored.key.device, stored.key.capability, stored.key.batch) == ("rtx-sm86", "8.6", 2)
    assert stored.key.driver == ""
    assert stored.key.graph_sha256 == bundle.manifest.members["model.onnx"]


def test_with_an_output_the_cache_stays_empty(
    rtx: Flavour, bundle: Bundle, cache: EngineCache, tmp_path: Path
) -> None:
    output = tmp_path / "model.engine"
    made = prepare_engine(bundle, RTX_86, silent, output=output, cache=cache)
    assert made.output == str(output)
    assert hashlib.sha256(read_engine(output).engine).hexdigest() == made.sha256
    assert not cache.folder.exists()


def test_an_output_without_a_folder_is_said_before_the_build(bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="its folder is not there; mkdir -p"):
        prepare_engine(bundle, RTX_86, silent, output=tmp_path / "none" / "model.engine")


def test_an_engine_for_here_carries_this_machines_name(
    jetson: list[bytes], bundle: Bundle, cache: EngineCache
) -> None:
    made = prepare_engine(bundle, LOCAL, silent, cache=cache)
    key = read_engine(Path(made.output)).key
    assert (key.device, key.capability, key.driver) == ("Orin NX (Orin, 8 SMs)", "8.7", "L4T 36.4.3")


def test_another_driver_has_an_engine_of_its_own(
    jetson: list[bytes], bundle: Bundle, cache: EngineCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare_engine(bundle, LOCAL, silent, cache=cache)
    monkeypatch.setattr(prepare, "driver_version", lambda: "L4T 36.5.0")
    assert not prepare_engine(bundle, LOCAL, silent, cache=cache).cached
    assert prepare_engine(bundle, LOCAL, silent, cache=cache).cached


def test_a_build_gets_the_timings_of_the_one_before(
    jetson: list[bytes], bundle: Bundle, cache: EngineCache
) -> None:
    for batch in (1, 2):
        prepare_engine(bundle, CompileOptions(parse_target("local"), batch=batch), silent, cache=cache)
    assert jetson == [b"", b"+"]


def test_the_smallest_precision_is_compiled_unless_one_is_given(
    jetson: list[bytes], make_bundle: Callable[..., Bundle], cache: EngineCache
) -> None:
    graphs = tuple(Graph(member="model.onnx", precision=precision) for precision in ("fp32", "fp16", "int8"))
    bundle = make_bundle(graphs=graphs)
    assert prepare_engine(bundle, LOCAL, silent, cache=cache).precision == "int8"
    assert prepare_engine(bundle, LOCAL, silent, precision="fp32", cache=cache).precision == "fp32"


def test_a_precision_the_bundle_has_not_is_turned_away(bundle: Bundle) -> None:
    with pytest.raises(BundleError, match="no int8 graph for tensorrt"):
        prepare_engine(bundle, LOCAL, silent, precision="int8")


def test_a_dla_takes_no_fp32(bundle: Bundle) -> None:
    with pytest.raises(ConfigError, match="--dla: a DLA does not compute in fp32"):
        prepare_engine(bundle, CompileOptions(parse_target("local"), dla=True), silent)


def test_a_tensorrt_that_cannot_compile_ahead_is_said(jetson: list[bytes], bundle: Bundle) -> None:
    with pytest.raises(EngineError, match="cannot compile for rtx-sm86"):
        prepare_engine(bundle, RTX_86, silent)
