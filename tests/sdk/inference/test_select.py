from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable

import click
import pytest
from tests.support.plugins import InstallPlugin

from vad_edge.bundle.archive import Bundle
from vad_edge.bundle.manifest import Graph
from vad_edge.cli.types import ENGINE
from vad_edge.common.plugin_loader import ENGINES
from vad_edge.common.verdict import Verdict
from vad_edge.errors import BundleError, EngineError, PluginError
from vad_edge.inference import select
from vad_edge.inference.onnxruntime_engine import OnnxRuntimeEngine
from vad_edge.inference.select import (
    BACKENDS,
    Backend,
    engine_verdicts,
    graph_of,
    open_engine,
    runnable_precisions,
)

MakeBundle = Callable[..., Bundle]


@pytest.mark.parametrize("name", ["auto", "onnxruntime"])
def test_an_engine_is_opened_by_itself_or_by_name(bundle: Bundle, name: str) -> None:
    engine = open_engine(bundle, batch=2, engine=name, threads=1)
    assert engine.name == "onnxruntime-cpu fp32"
    assert engine.inputs.frame.shape == (2, 32, 48, 3)
    engine.close()


def test_an_unknown_engine_is_refused_with_the_names_there_are(bundle: Bundle) -> None:
    with pytest.raises(
        EngineError, match="there is no engine 'gpu'; give one of auto, tensorrt, onnxruntime"
    ):
        open_engine(bundle, batch=1, engine="gpu")


def test_a_bundle_for_another_backend_is_refused_with_the_reason(make_bundle: MakeBundle) -> None:
    graphs = (Graph(member="model.onnx", precision="int8", backend="tensorrt"),)
    with pytest.raises(EngineError, match=r"\(tensorrt: .*\), \(onnxruntime: it has no graph for onnxrun"):
        open_engine(make_bundle(graphs=graphs), batch=1)


def test_the_fastest_precision_is_taken_unless_one_is_asked_for(make_bundle: MakeBundle) -> None:
    graphs = (Graph(member="model.onnx", precision="fp32"), Graph(member="model.onnx", precision="int8"))
    bundle = make_bundle(graphs=graphs)
    for precision, name in ((None, "int8"), ("fp32", "fp32")):
        engine = open_engine(bundle, batch=1, precision=precision, threads=1)  # type: ignore[arg-type]
        assert engine.graph.precision == name
        engine.close()


def test_a_backend_that_is_not_installed_is_refused_with_the_reason(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EngineError, match="onnxruntime is not installed; pip install onnxruntime"):
        open_engine(bundle, batch=1, engine="onnxruntime")


FITS = Verdict(True)


def backend(name: str, *, fits: Verdict = FITS, fails: str = "") -> Backend:
    def opens(bundle: Bundle, precision: object, batch: int, threads: int | None) -> OnnxRuntimeEngine:
        if fails:
            raise EngineError(fails)
        return OnnxRuntimeEngine(bundle, bundle.graph(), batch, threads)

    return Backend(
        name, lambda bundle, precision: fits, lambda bundle, precision, batch: bundle.graph(), opens
    )


@pytest.fixture
def have(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    return lambda *backends: monkeypatch.setattr(select, "BACKENDS", backends)


def test_a_backend_that_fails_to_open_is_passed_over_with_a_warning(
    bundle: Bundle, have: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    have(backend("fast", fails="out of memory"), backend("slow"))
    open_engine(bundle, batch=1, threads=1).close()
    assert "engine fast is passed over: out of memory" in caplog.text


def test_where_none_is_left_the_reasons_of_all_are_told(bundle: Bundle, have: Callable[..., None]) -> None:
    have(
        backend("absent", fits=Verdict(False, "no GPU", "buy one")),
        backend("fast", fails="out of memory"),
        backend("slow", fails="a graph of riddles"),
    )
    message = r"\(absent: no GPU; buy one\), \(fast: out of memory\), \(slow: a graph of riddles\)"
    with pytest.raises(EngineError, match=message):
        open_engine(bundle, batch=1)


def test_an_engine_that_was_named_fails_with_its_own_error(bundle: Bundle, have: Callable[..., None]) -> None:
    have(backend("fast", fails="out of memory"), backend("slow"))
    with pytest.raises(EngineError, match=r"^out of memory$"):
        open_engine(bundle, batch=1, engine="fast")


def test_an_engine_that_was_named_and_does_not_fit_says_why(
    bundle: Bundle, have: Callable[..., None]
) -> None:
    have(backend("fast", fits=Verdict(False, "no GPU", "buy one")), backend("slow"))
    with pytest.raises(EngineError, match=r"tiny\.vadb: fast cannot run it: no GPU; buy one$"):
        open_engine(bundle, batch=1, engine="fast")


def test_tensorrt_comes_first() -> None:
    names = [backend.name for backend in select.BACKENDS]
    assert names == ["tensorrt", "onnxruntime-tensorrt", "onnxruntime-cuda", "onnxruntime"]


def test_every_backend_has_its_verdict_and_nothing_is_opened(
    bundle: Bundle, have: Callable[..., None]
) -> None:
    no = Verdict(False, "no GPU", "buy one")
    have(backend("absent", fits=no), backend("fast", fails="out of memory"))
    assert engine_verdicts(bundle) == [("absent", no), ("fast", Verdict(True))]


def test_importing_the_choice_imports_neither_tensorrt_nor_cuda() -> None:
    code = """
import sys, vad_edge.inference.select
heavy = {"tensorrt", "tensorrt_rtx", "tensorrt_rtx_bindings", "cuda", "pycuda", "onnxruntime"}
print(sorted(heavy & set(sys.modules)), "vad_edge.inference.tensorrt.backend" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[] False\n"


def test_each_backend_tells_the_graph_it_runs(make_bundle: MakeBundle) -> None:
    bundle = make_bundle(
        graphs=(
            Graph(member="model.onnx", precision="fp32"),
            Graph(member="model.onnx", precision="fp16"),
            Graph(member="model.onnx", precision="int8", backend="onnxruntime"),
        )
    )
    assert graph_of("onnxruntime", bundle, batch=1).precision == "int8"
    assert graph_of("onnxruntime-cuda", bundle, batch=1).precision == "fp16"
    assert graph_of("onnxruntime-tensorrt", bundle, batch=1).precision == "fp16"
    with pytest.raises(EngineError, match="there is no engine 'gpu'"):
        graph_of("gpu", bundle, batch=1)


def test_a_precision_the_bundle_does_not_have_is_one_line_with_its_fix(bundle: Bundle) -> None:
    with pytest.raises(BundleError, match=r"it has no int8 graph, only fp32; `vad-edge quantize` adds fp16"):
        open_engine(bundle, batch=1, precision="int8")


def test_the_command_line_offers_the_engines_there_are() -> None:
    context, option = click.Context(click.Command("run")), click.Option(["--engine"])
    offered = [item.value for item in ENGINE.shell_complete(context, option, "")]
    assert offered == ["auto", *(each.name for each in BACKENDS)]
    assert all(ENGINE.convert(name, None, None) == name for name in offered)


def test_an_engine_there_is_not_is_refused_with_those_there_are() -> None:
    with pytest.raises(click.BadParameter, match="there is no engine 'gpu'; give one of auto, tensorrt, "):
        ENGINE.convert("gpu", None, None)


TINY_ENGINE = """
from vad_edge import plugins

class Slow:
    def __init__(self, bundle, precision, batch):
        self.name, self.graph = "slow fp32", bundle.graph(precision, "onnxruntime")
        self.inputs = plugins.step_inputs(bundle.manifest, batch)
        self.closed = False
    def step(self):
        raise RuntimeError("out of patience")
    def snapshot(self):
        return {}
    def restore(self, state): ...
    def close(self):
        raise OSError("busy")

@plugins.plugin(api_version=1)
class Backend:
    def fits(self, bundle, precision):
        return plugins.Verdict(precision != "int8", "it has no INT8", "give fp32")
    def graph(self, bundle, precision, batch):
        return bundle.graph(precision, "onnxruntime")
    def open(self, bundle, precision, batch, threads):
        return Slow(bundle, precision, batch)
"""


def test_a_plugins_engine_is_opened_by_its_name_and_never_by_auto(
    install_plugin: InstallPlugin, bundle: Bundle, caplog: pytest.LogCaptureFixture
) -> None:
    install_plugin("slow_engine", {ENGINES: {"slow": "slow_engine:Backend"}}, TINY_ENGINE)
    assert ENGINE.convert("slow", None, None) == "slow"
    assert open_engine(bundle, batch=1).name.startswith("onnxruntime")
    assert graph_of("slow", bundle, batch=1).precision == "fp32"
    engine = open_engine(bundle, batch=2, engine="slow")
    assert (engine.name, engine.inputs.frame.shape[0]) == ("slow fp32", 2)
    with pytest.raises(EngineError, match=r"engine slow: RuntimeError: out of patience; .* ask its author"):
        engine.step()
    engine.close()
    assert "closing it failed: OSError('busy')" in caplog.text


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (("self.closed = False", "del self.inputs"), "its engine has no inputs"),
        (
            ("bundle.manifest, batch", "bundle.manifest, batch + 1"),
            r"'frame' .* is not uint8 \(1, 32",
        ),
        (("return Slow(", "return 1 / 0 or Slow("), "ZeroDivisionError: division by zero"),
        (('!= "int8"', '== "int8"'), "slow cannot run it: it has no INT8; give fp32"),
        (("class Backend:", "class Backend:\n    def __init__(self): 1 / 0"), "ZeroDivisionError"),
    ],
)
def test_what_is_wrong_with_a_plugins_engine_is_an_engine_error(
    install_plugin: InstallPlugin, bundle: Bundle, change: tuple[str, str], fault: str
) -> None:
    source = TINY_ENGINE.replace(*change)
    install_plugin("slow_engine", {ENGINES: {"slow": "slow_engine:Backend"}}, source)
    with pytest.raises(EngineError, match=fault):
        open_engine(bundle, batch=1, engine="slow")


def test_a_broken_plugin_hinders_no_other_engine(install_plugin: InstallPlugin, bundle: Bundle) -> None:
    install_plugin("slow_engine", {ENGINES: {"slow": "slow_engine:Backend"}}, "raise RuntimeError('no NPU')")
    open_engine(bundle, batch=1).close()
    with pytest.raises(PluginError, match=r"plug-in slow .*RuntimeError: no NPU; reinstall"):
        open_engine(bundle, batch=1, engine="slow")


@pytest.fixture
def int8_elsewhere(make_bundle: MakeBundle) -> Bundle:
    """What `vad-edge quantize` leaves where INT8 passed for TensorRT alone."""
    graphs = (
        Graph(member="model.onnx", precision="fp32"),
        Graph(member="model.onnx", precision="int8", backend="tensorrt"),
    )
    return make_bundle(graphs=graphs)


def test_int8_that_is_for_another_backend_is_not_run_and_the_reason_says_what_there_is(
    int8_elsewhere: Bundle,
) -> None:
    reason = "it has no int8 graph for onnxruntime, only fp32 for any, int8 for tensorrt"
    with pytest.raises(EngineError, match=f"no engine can run it .*{reason}"):
        open_engine(int8_elsewhere, batch=1, precision="int8")
    with pytest.raises(EngineError, match=f"onnxruntime cannot run it: {reason}"):
        open_engine(int8_elsewhere, batch=1, engine="onnxruntime", precision="int8")


def test_precisions_that_can_run_here_are_those_with_a_graph_for_a_backend(
    int8_elsewhere: Bundle, have: Callable[..., None]
) -> None:
    assert runnable_precisions(int8_elsewhere, "onnxruntime") == ["fp32"]
    have(backend("fast"), *BACKENDS)
    assert runnable_precisions(int8_elsewhere) == ["fp32", "int8"]
    with pytest.raises(EngineError, match="there is no engine 'gpu'"):
        runnable_precisions(int8_elsewhere, "gpu")
