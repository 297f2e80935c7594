from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from click.testing import CliRunner
from tests.support.tensorrt_rtx import tensorrt

from vad_edge.bundle.archive import Bundle
from vad_edge.bundle.manifest import Graph
from vad_edge.cli import main
from vad_edge.inference.tensorrt.engine_file import read_engine


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "vad-edge" / "engines"


def run(bundle: Bundle, *arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(main, ["compile", "--bundle", str(bundle.path), *arguments])
    return result.exit_code, result.stdout, result.stderr


def test_one_json_object_says_what_was_made(bundle: Bundle, cache: Path) -> None:
    version = tensorrt().__version__
    code, output, _ = run(bundle, "--target", "rtx-sm86", "--batch", "4", "--json")
    assert code == 0
    made = json.loads(output)
    fields = "output bytes seconds sha256 precision target flavour version batch cached"
    assert list(made) == fields.split()
    assert Path(made["output"]).parent == cache
    assert read_engine(Path(made["output"])).sha256 == made["sha256"]
    assert (made["precision"], made["target"], made["batch"]) == ("fp32", "rtx-sm86", 4)
    assert (made["flavour"], made["version"], made["cached"]) == ("tensorrt-rtx", version, False)


def test_people_read_where_the_engine_is_and_whether_it_was_there(bundle: Bundle, cache: Path) -> None:
    tensorrt()
    assert "MB, compiled in" in run(bundle, "--target", "rtx-sm86")[1]
    assert "MB, found in the cache" in run(bundle, "--target", "rtx-sm86")[1]


def test_the_output_is_an_engine_file(bundle: Bundle, tmp_path: Path) -> None:
    tensorrt()
    output = tmp_path / "tiny.engine"
    assert run(bundle, "--target", "rtx-sm89", "--output", str(output))[0] == 0
    assert read_engine(output).key.device == "rtx-sm89"


def test_an_unknown_target_is_the_users_mistake(bundle: Bundle) -> None:
    code, _, error = run(bundle, "--target", "rtx-sm99")
    assert code == 2
    assert "there is no target 'rtx-sm99'; give local, rtx-sm75" in error


def test_an_operator_tensorrt_does_not_take_is_named_with_its_layer(
    make_bundle: Callable[..., Bundle], step_graph: bytes, cache: Path
) -> None:
    tensorrt()
    model = onnx.load_from_string(step_graph)
    (place,) = [at for at, node in enumerate(model.graph.node) if "highest" in node.output]
    # The peak of each map is replaced by the determinant of its first four columns: no TensorRT has one.
    model.graph.node[place].CopyFrom(
        onnx.helper.make_node("Det", ["squares"], ["highest"], name="head/odd_determinant")
    )
    squares = onnx.helper.make_node("Slice", ["error_map", "from", "to", "axis"], ["squares"])
    model.graph.node.insert(place, squares)
    for name, value in (("from", 0), ("to", 4), ("axis", 2)):
        model.graph.initializer.append(onnx.helper.make_tensor(name, onnx.TensorProto.INT64, [1], [value]))
    onnx.checker.check_model(model, full_check=True)
    code, _, error = run(make_bundle(graph=model.SerializeToString()), "--target", "rtx-sm86")
    assert code == 1
    assert "Det at node" in error
    assert "'head/odd_determinant'" in error
    assert not list(cache.glob("*.engine"))


def test_a_bundle_without_int8_is_the_users_mistake(bundle: Bundle) -> None:
    tensorrt()
    code, _, error = run(bundle, "--target", "rtx-sm86", "--precision", "int8")
    assert code == 2
    assert "it has no int8 graph for tensorrt, only fp32 for any" in error


def test_int8_that_is_for_onnxruntime_alone_is_the_users_mistake(make_bundle: Callable[..., Bundle]) -> None:
    graphs = (
        Graph(member="model.onnx", precision="fp32"),
        Graph(member="model.onnx", precision="int8", backend="onnxruntime"),
    )
    code, _, error = run(make_bundle(graphs=graphs), "--target", "rtx-sm86", "--precision", "int8")
    assert code == 2
    assert "it has no int8 graph for tensorrt, only fp32 for any, int8 for onnxruntime" in error


@pytest.mark.parametrize("arguments", [["--batch", "0"], ["--workspace", "1"], ["--precision", "int4"]])
def test_impossible_options_are_the_users_mistake(arguments: list[str], bundle: Bundle) -> None:
    assert run(bundle, *arguments)[0] == 2


def test_a_machine_without_a_gpu_is_the_worlds_fault(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    tensorrt()
    monkeypatch.setitem(sys.modules, "cuda.bindings.runtime", None)
    monkeypatch.setitem(sys.modules, "pycuda.driver", None)
    code, _, error = run(bundle, "--target", "local")
    assert code == 1
    assert "which GPU this machine has" in error
    assert "--target rtx-sm86" in error
