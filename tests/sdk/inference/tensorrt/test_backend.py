from __future__ import annotations

import importlib.util
import json
import logging
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tests.support.fake_gpu import FakeCuda, FakeTensorRt

from vad_edge.bundle.archive import Bundle
from vad_edge.bundle.manifest import Graph, Precision
from vad_edge.common.verdict import Verdict
from vad_edge.errors import BundleError, EngineError
from vad_edge.inference.engine import Engine
from vad_edge.inference.tensorrt import backend, loader
from vad_edge.inference.tensorrt import loader as prepare
from vad_edge.inference.tensorrt.backend import (
    fastest,
    open_tensorrt,
    seconds_per_step,
    tensorrt_fits,
    tensorrt_graph,
)
from vad_edge.inference.tensorrt.cache import EngineCache
from vad_edge.inference.tensorrt.compiler import Compiled, CompileOptions
from vad_edge.inference.tensorrt.device import DeviceFacts
from vad_edge.inference.tensorrt.engine import EngineRefusedError, TensorRtEngine
from vad_edge.inference.tensorrt.library import Flavour

MakeBundle = Callable[..., Bundle]
MakeFake = Callable[..., Any]
ORIN = DeviceFacts("Orin", "8.7", 8, "NVIDIA Jetson Orin NX")


class Board(SimpleNamespace):
    """A machine with a GPU that is not there; what was compiled and timed on it is written down."""

    cache: EngineCache
    cudas: list[FakeCuda]
    built: list[bytes]
    unbuildable: set[int]
    seconds: dict[Precision, float]
    timed: list[Precision]
    trt: FakeTensorRt


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Board:
    board = Board(
        cache=EngineCache(tmp_path / "engines"),
        cudas=[],
        built=[],
        unbuildable=set(),
        seconds={"int8": 0.002, "fp16": 0.001},
        timed=[],
    )

    def open_cuda() -> FakeCuda:
        board.cudas.append(FakeCuda())
        trt.cuda = board.cudas[-1]
        return trt.cuda

    def build_engine(flavour: str, graph: bytes, options: CompileOptions, report: Any) -> Compiled:
        board.built.append(graph)
        if len(board.built) in board.unbuildable:
            raise EngineError("TensorRT does not take this graph")
        for share in (0.04, 0.5, 0.55, 1.0):
            report("building", share)
        return Compiled(graph)

    def timing(engine: Engine) -> float:
        board.timed.append(engine.graph.precision)
        return board.seconds[engine.graph.precision]

    board.trt = trt = FakeTensorRt(FakeCuda())
    for module in (backend, loader, prepare):
        monkeypatch.setattr(module, "load_flavour", lambda name="auto": trt.flavour())
    for module in (backend, prepare):
        monkeypatch.setattr(module, "local_device", lambda: ORIN)
    monkeypatch.setattr(prepare, "build_engine", build_engine)
    monkeypatch.setattr(loader, "open_cuda", open_cuda)
    monkeypatch.setattr(backend, "seconds_per_step", timing)
    return board


@pytest.fixture
def both(make_bundle: MakeBundle) -> Bundle:
    """A bundle with a graph of either precision, the same one."""
    return make_bundle(
        graphs=tuple(
            Graph(member="model.onnx", precision=precision, backend=backend)
            for precision, backend in (("int8", "tensorrt"), ("fp16", "tensorrt"), ("fp32", "any"))
        )
    )


def test_the_engine_is_compiled_once_and_then_found(
    board: Board, bundle: Bundle, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        first = open_tensorrt(bundle, None, 2, 4, cache=board.cache)
    assert "compiles the fp32 graph for this GPU; that takes minutes, once" in caplog.text
    assert [r.message for r in caplog.records if r.message.startswith("compiling")] == [
        "compiling the fp32 graph: 50 %",
        "compiling the fp32 graph: 100 %",
    ]
    caplog.clear()
    second = open_tensorrt(bundle, None, 2, None, cache=board.cache)
    assert (len(board.built), caplog.text) == (1, "")
    for engine in (first, second):
        assert engine.name == "tensorrt 10.3.0 fp32"
        assert engine.step().score.shape == (2, 2)
        engine.close()


def test_a_damaged_engine_is_compiled_again_and_never_loaded(board: Board, bundle: Bundle) -> None:
    open_tensorrt(bundle, None, 1, None, cache=board.cache).close()
    (path,) = board.cache.folder.glob("*.engine")
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    open_tensorrt(bundle, None, 1, None, cache=board.cache).close()
    assert len(board.built) == 2


def test_what_a_start_compiled_is_kept_beside_the_engine_and_verified(
    board: Board, bundle: Bundle, caplog: pytest.LogCaptureFixture
) -> None:
    board.trt.compile_kernels_at_start()
    for _ in range(2):
        open_tensorrt(bundle, None, 1, None, cache=board.cache).close()
    assert board.trt.compiled == 1
    (path,) = board.cache.folder.glob("*.kernels")
    assert path.with_suffix(".engine").exists()
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    open_tensorrt(bundle, None, 1, None, cache=board.cache).close()
    assert board.trt.compiled == 2
    assert f"{path} is damaged; the start is slower without" in caplog.text
    open_tensorrt(bundle, None, 1, None, cache=board.cache).close()
    assert board.trt.compiled == 2


def test_an_engine_that_tensorrt_refuses_is_compiled_again_once_and_the_run_goes_on(
    board: Board, bundle: Bundle, caplog: pytest.LogCaptureFixture
) -> None:
    open_tensorrt(bundle, None, 1, None, cache=board.cache).close()
    board.trt.refuses_once = {"deserialize_cuda_engine"}
    engine = open_tensorrt(bundle, None, 1, None, cache=board.cache)
    assert engine.step().score.shape == (1, 2)
    engine.close()
    assert len(board.built) == 2
    assert "set aside and compiled again" in caplog.text
    assert "TensorRT does not take the engine: out of luck" in caplog.text
    assert [cuda.closed for cuda in board.cudas] == [1, 1, 1]
    open_tensorrt(bundle, None, 1, None, cache=board.cache).close()
    assert len(board.built) == 2


def test_an_engine_that_is_refused_again_is_not_compiled_at_every_start(board: Board, bundle: Bundle) -> None:
    open_tensorrt(bundle, None, 1, None, cache=board.cache).close()
    board.trt.refuses = {"deserialize_cuda_engine"}
    for _ in range(3):
        with pytest.raises(EngineRefusedError, match="does not take the engine"):
            open_tensorrt(bundle, None, 1, None, cache=board.cache)
    assert len(board.built) == 2


def test_an_engine_that_is_refused_right_after_its_build_is_not_built_twice(
    board: Board, bundle: Bundle
) -> None:
    board.trt.refuses = {"deserialize_cuda_engine"}
    with pytest.raises(EngineRefusedError):
        open_tensorrt(bundle, None, 1, None, cache=board.cache)
    assert len(board.built) == 1


def test_an_engine_that_is_taken_but_cannot_run_is_not_compiled_again(board: Board, bundle: Bundle) -> None:
    open_tensorrt(bundle, None, 1, None, cache=board.cache).close()
    board.trt.refuses = {"create_execution_context"}
    with pytest.raises(EngineError, match="no execution context"):
        open_tensorrt(bundle, None, 1, None, cache=board.cache)
    assert len(board.built) == 1


@pytest.mark.parametrize(("int8", "fp16", "winner"), [(0.002, 0.001, "fp16"), (0.001, 0.002, "int8")])
def test_of_two_precisions_the_faster_one_is_taken_and_not_timed_again(
    board: Board, both: Bundle, int8: float, fp16: float, winner: str
) -> None:
    board.seconds = {"int8": int8, "fp16": fp16}
    assert tensorrt_graph(both, None, 1, cache=board.cache) == both.graph(None, "tensorrt")
    for _ in range(2):
        engine = open_tensorrt(both, None, 1, None, cache=board.cache)
        assert engine.graph.precision == winner
        assert tensorrt_graph(both, None, 1, cache=board.cache) == engine.graph
        engine.step()
        engine.close()
    assert board.timed == ["int8", "fp16"]
    assert [cuda.closed for cuda in board.cudas] == [1, 1, 1]
    (path,) = board.cache.folder.glob("*.choice.json")
    assert json.loads(path.read_text()) == {"precision": winner, "seconds_per_step": board.seconds}
    digests = path.name.removesuffix(".choice.json").split("-")
    assert {f"{digest}.engine" for digest in digests} == {p.name for p in board.cache.folder.glob("*.engine")}


@pytest.mark.parametrize("content", ["", "[]", '{"precision": "fp64"}', "{}"])
def test_a_damaged_choice_is_made_again(board: Board, both: Bundle, content: str) -> None:
    open_tensorrt(both, None, 1, None, cache=board.cache).close()
    (path,) = board.cache.folder.glob("*.choice.json")
    path.write_text(content)
    open_tensorrt(both, None, 1, None, cache=board.cache).close()
    assert board.timed == ["int8", "fp16"] * 2
    assert json.loads(path.read_text())["precision"] == "fp16"


def test_a_choice_that_cannot_be_kept_costs_only_time(
    board: Board, both: Bundle, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(path: Any, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(backend, "write_atomically", full)
    assert open_tensorrt(both, None, 1, None, cache=board.cache).graph.precision == "fp16"
    assert "No space left on device; the engines are timed again next time" in caplog.text


def test_a_precision_that_cannot_be_compiled_leaves_the_other_and_is_not_tried_again(
    board: Board, both: Bundle, caplog: pytest.LogCaptureFixture
) -> None:
    board.unbuildable = {1}
    for _ in range(2):
        engine = open_tensorrt(both, None, 1, None, cache=board.cache)
        assert engine.graph.precision == "fp16"
        engine.close()
    assert len(board.built) == 2
    assert "TensorRT cannot run the int8 graph: TensorRT does not take this graph" in caplog.text


def test_where_neither_precision_can_be_compiled_both_reasons_are_told(board: Board, both: Bundle) -> None:
    board.unbuildable = {1, 2}
    with pytest.raises(EngineError, match=r"none of its graphs \(int8: TensorRT .*\), \(fp16: TensorRT"):
        open_tensorrt(both, None, 1, None, cache=board.cache)


def test_a_precision_that_is_asked_for_is_not_timed(board: Board, both: Bundle) -> None:
    assert open_tensorrt(both, "int8", 1, None, cache=board.cache).graph.precision == "int8"
    assert board.timed == []


def test_a_precision_that_is_not_there_is_refused(board: Board, bundle: Bundle) -> None:
    with pytest.raises(BundleError, match="no int8 graph for tensorrt"):
        open_tensorrt(bundle, "int8", 1, None, cache=board.cache)


def test_a_batch_of_none_is_refused_before_anything_is_compiled(board: Board, bundle: Bundle) -> None:
    with pytest.raises(EngineError, match="a batch of 0 cameras"):
        open_tensorrt(bundle, None, 0, None, cache=board.cache)
    assert board.built == []


@pytest.mark.parametrize(
    ("seconds", "winner"),
    [
        ({"int8": 0.002, "fp16": 0.003}, "int8"),
        ({"int8": 0.003, "fp16": 0.002}, "fp16"),
        ({"fp16": 0.002, "int8": 0.002}, "int8"),
        ({"fp16": 0.002}, "fp16"),
    ],
)
def test_the_least_time_wins(seconds: dict[Precision, float], winner: str) -> None:
    assert fastest(seconds) == winner


def test_timing_leaves_the_state_as_it_was(bundle: Bundle) -> None:
    trt = FakeTensorRt(FakeCuda())
    engine = TensorRtEngine(bundle, bundle.graph(), 1, bundle.member("model.onnx"), trt.flavour(), trt.cuda)
    before = engine.snapshot()["background"]
    assert seconds_per_step(engine, steps=3) > 0
    np.testing.assert_array_equal(engine.snapshot()["background"], before)


def have(monkeypatch: pytest.MonkeyPatch, package: bool, flavour: Any) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object() if package else None)
    monkeypatch.setattr(backend, "load_flavour", lambda: flavour)


def test_a_machine_with_everything_fits(
    board: Board, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    have(monkeypatch, package=True, flavour=FakeTensorRt(FakeCuda()).flavour())
    assert tensorrt_fits(bundle, None) == Verdict(True)


def test_a_bundle_without_a_graph_for_tensorrt_does_not_fit(make_bundle: MakeBundle) -> None:
    bundle = make_bundle(graphs=(Graph(member="model.onnx", precision="int8", backend="onnxruntime"),))
    verdict = tensorrt_fits(bundle, None)
    assert (verdict.ok, verdict.reason) == (False, "it has no graph for tensorrt, only int8 for onnxruntime")


def test_a_machine_without_a_package_for_cuda_does_not_fit(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    have(monkeypatch, package=False, flavour=None)
    verdict = tensorrt_fits(bundle, None)
    assert (verdict.ok, verdict.reason) == (False, "no Python package for CUDA is installed")
    assert verdict.fix.startswith("pip install cuda-python")


def test_a_machine_without_a_gpu_does_not_fit(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> DeviceFacts:
        raise EngineError("it finds no GPU on this machine")

    have(monkeypatch, package=True, flavour=None)
    monkeypatch.setattr(backend, "local_device", none)
    verdict = tensorrt_fits(bundle, None)
    assert (verdict.ok, verdict.reason) == (False, "it finds no GPU on this machine")
    assert "driver answers" in verdict.fix


def test_a_machine_without_tensorrt_does_not_fit(
    board: Board, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none() -> Flavour:
        raise EngineError("there is no TensorRT here", fix="install it")

    have(monkeypatch, package=True, flavour=None)
    monkeypatch.setattr(backend, "load_flavour", none)
    assert tensorrt_fits(bundle, None) == Verdict(False, "there is no TensorRT here", "install it")


def test_a_tensorrt_of_old_does_not_fit(
    board: Board, bundle: Bundle, monkeypatch: pytest.MonkeyPatch, fake_tensorrt: MakeFake
) -> None:
    have(monkeypatch, package=True, flavour=Flavour("tensorrt", "8.6", fake_tensorrt("8.6")))
    verdict = tensorrt_fits(bundle, None)
    assert not verdict.ok
    assert "JetPack 6" in verdict.fix


def test_a_package_that_cannot_even_be_looked_for_counts_as_missing(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(name: str) -> None:
        raise ModuleNotFoundError("No module named 'cuda'")

    monkeypatch.setattr(importlib.util, "find_spec", broken)
    assert tensorrt_fits(bundle, None).reason == "no Python package for CUDA is installed"
