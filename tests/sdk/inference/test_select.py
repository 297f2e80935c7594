from __future__ import annotations

import importlib.util
from collections.abc import Callable

import pytest

from vad_edge.bundle.archive import Bundle
from vad_edge.bundle.manifest import Graph
from vad_edge.errors import EngineError
from vad_edge.inference.select import open_engine

MakeBundle = Callable[..., Bundle]


@pytest.mark.parametrize("name", ["auto", "onnxruntime"])
def test_an_engine_is_opened_by_itself_or_by_name(bundle: Bundle, name: str) -> None:
    engine = open_engine(bundle, batch=2, engine=name, threads=1)
    assert engine.name == "onnxruntime-cpu fp32"
    assert engine.inputs.frame.shape == (2, 32, 48, 3)
    engine.close()


def test_an_unknown_engine_is_refused_with_the_names_there_are(bundle: Bundle) -> None:
    with pytest.raises(EngineError, match="there is no engine 'gpu'; give one of auto, onnxruntime"):
        open_engine(bundle, batch=1, engine="gpu")


def test_a_bundle_for_another_backend_is_refused_with_the_reason(make_bundle: MakeBundle) -> None:
    graphs = (Graph(member="model.onnx", precision="int8", backend="tensorrt"),)
    with pytest.raises(EngineError, match=r"no engine can run it \(onnxruntime: it has no graph for onnxrun"):
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
