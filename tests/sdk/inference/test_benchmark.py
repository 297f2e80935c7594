from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.support.tiny_bundle import MakeBundle

import vad_edge.inference.benchmark as module
from vad_edge.bundle.archive import Bundle
from vad_edge.bundle.manifest import Graph
from vad_edge.cli import main
from vad_edge.errors import BundleError, EngineError
from vad_edge.health.power import Energy, Rails
from vad_edge.inference.benchmark import BenchmarkRow, Case, benchmark, energy_of_steps, measure
from vad_edge.inference.select import open_engine


def test_each_case_is_measured_in_a_process_of_its_own(bundle: Bundle) -> None:
    seen: list[int] = []
    rows = benchmark(
        bundle.path,
        [Case("auto", "fp32", 1), Case("onnxruntime", None, 3, threads=1)],
        steps=10,
        on_progress=seen.append,
    )
    assert [(row.engine, row.cameras) for row in rows] == [
        ("onnxruntime-cpu fp32", 1),
        ("onnxruntime-cpu fp32", 3),
    ]
    assert seen == [0, 1, 2]
    for row in rows:
        assert 0 < row.p50_ms <= row.p90_ms <= row.p99_ms
        assert row.fps > 0
        assert row.cpu_ms > 0
        assert row.rss_mb > 10
        assert row.cold_start_s > 0
        assert row.warm_start_s > 0
        assert (row.power_w is None) is (row.energy_mj_per_frame is None) is (row.power_source is None)


def test_a_precision_the_bundle_has_not_got_is_refused_with_the_case(bundle: Bundle) -> None:
    with pytest.raises(EngineError, match=r"auto int8, 2 cameras: .*it has no int8 graph"):
        benchmark(bundle.path, [Case("auto", "int8", 2)], steps=10)


def test_a_bundle_that_is_not_there_is_refused_before_anything_is_measured(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="cannot be read"):
        benchmark(tmp_path / "none.vadb", [Case("auto", None, 1)])


def test_a_measuring_process_that_dies_is_told_with_its_last_words(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    dying = (sys.executable, "-c", "import sys; sys.exit('no room left')")
    monkeypatch.setattr(module, "_WORKER", dying)
    with pytest.raises(EngineError, match="cannot be measured: the process ended with code 1: no room left"):
        benchmark(bundle.path, [Case("auto", None, 1)], steps=10)


def test_the_command_prints_rows_and_draws_them(bundle: Bundle, tmp_path: Path) -> None:
    plot = tmp_path / "plot.png"
    arguments = ["benchmark", f"--bundle={bundle.path}", "--cameras=1", "--cameras=2", "--steps=10"]
    found = CliRunner().invoke(main, [*arguments, f"--plot={plot}", "--json"])
    assert found.exit_code == 0, found.output
    rows = json.loads(found.stdout)["rows"]
    assert [(row["precision"], row["cameras"]) for row in rows] == [("fp32", 1), ("fp32", 2)]
    assert {"engine", "fps", "p50_ms", "p99_ms", "rss_mb"} <= rows[0].keys()
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert "onnxruntime-cpu fp32" in CliRunner().invoke(main, arguments).stdout


def test_the_command_leaves_out_what_is_for_another_backend_unless_it_is_asked_for(
    make_bundle: MakeBundle,
) -> None:
    graphs = (
        Graph(member="model.onnx", precision="fp32"),
        Graph(member="model.onnx", precision="int8", backend="tensorrt"),
    )
    arguments = ["benchmark", f"--bundle={make_bundle(graphs=graphs).path}", "--engine=onnxruntime"]
    arguments += ["--cameras=1", "--steps=10"]
    found = CliRunner().invoke(main, [*arguments, "--json"])
    assert found.exit_code == 0, found.output
    assert [row["precision"] for row in json.loads(found.stdout)["rows"]] == ["fp32"]
    asked = CliRunner().invoke(main, [*arguments, "--precision=int8"])
    assert asked.exit_code == 1
    assert "onnxruntime int8, 1 cameras: " in asked.stderr
    assert "it has no int8 graph for onnxruntime, only fp32 for any, int8 for tensorrt" in asked.stderr


def test_where_nothing_can_run_the_command_says_why(make_bundle: MakeBundle) -> None:
    graphs = (Graph(member="model.onnx", precision="int8", backend="tensorrt"),)
    arguments = [f"--bundle={make_bundle(graphs=graphs).path}", "--engine=onnxruntime"]
    found = CliRunner().invoke(main, ["benchmark", *arguments])
    assert found.exit_code == 1
    assert "onnxruntime fastest, 1 cameras: " in found.stderr
    assert "it has no graph for onnxruntime, only int8 for tensorrt" in found.stderr


def test_energy_is_counted_over_steps_of_its_own(bundle: Bundle) -> None:
    engine = open_engine(bundle, batch=2)
    energy, steps = energy_of_steps(engine, Rails("VDD_IN", [lambda: 12.0]), seconds=0.2)
    assert steps > 1
    assert energy is not None
    assert (energy.source, energy.watts) == ("VDD_IN", pytest.approx(12.0, rel=0.05))


def test_a_row_has_the_energy_of_a_frame_of_one_camera(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "find_source", lambda: Rails("VDD_IN", [lambda: 12.0]))
    drawn = Energy(24.0, 2.0, "VDD_IN"), 50
    monkeypatch.setattr(module, "energy_of_steps", lambda engine, source: drawn)
    row = measure(bundle.path, Case("onnxruntime", "fp32", 2), 10)
    assert (row.power_w, row.energy_mj_per_frame, row.power_source) == (12.0, 240.0, "VDD_IN")


@pytest.mark.parametrize("source", [None, "VDD_IN"])
def test_energy_is_shown_where_there_is_a_figure(
    source: str | None, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    power = {"power_w": 12.25, "energy_mj_per_frame": 61.5, "power_source": source} if source else {}
    row = BenchmarkRow("tensorrt fp16", "fp16", 1, 200, 199.0, 5.0, 5.5, 6.0, 1.0, 300.0, 2.0, 0.75, **power)
    monkeypatch.setattr(module, "benchmark", lambda *arguments, **options: [row])
    monkeypatch.setenv("COLUMNS", "120")
    shown = CliRunner().invoke(main, ["benchmark", f"--bundle={bundle.path}"]).stdout
    words = shown.split()
    assert {"5.0", "5.5", "6.0", "2.00", "0.75"} <= set(words)
    assert ("/frame" in words) is ("61.5" in words) is ("12.2" in words) is (source is not None)
