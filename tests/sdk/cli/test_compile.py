from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.support.tensorrt_rtx import tensorrt

from vad_edge.bundle.archive import Bundle
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
