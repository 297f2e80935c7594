from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from click.testing import CliRunner
from tests.support.fake_gpu import FakeCuda, FakeTensorRt

from vad_edge.bundle.archive import Bundle
from vad_edge.bundle.manifest import Graph, Precision
from vad_edge.cli import main
from vad_edge.diagnostics.engines import engine_checks, gpu_checks, worker
from vad_edge.diagnostics.engines import run as check
from vad_edge.diagnostics.engines.checks import do_step
from vad_edge.diagnostics.engines.engine_checks import timed_steps
from vad_edge.diagnostics.engines.job import Job
from vad_edge.diagnostics.engines.plan import CheckStep, Result
from vad_edge.diagnostics.engines.run import check_engines
from vad_edge.diagnostics.engines.worker import do_step_apart
from vad_edge.errors import BundleError, ConfigError, EngineError
from vad_edge.inference.tensorrt import loader
from vad_edge.inference.tensorrt import loader as prepare
from vad_edge.inference.tensorrt.compiler import Compiled
from vad_edge.inference.tensorrt.device import DeviceFacts
from vad_edge.inference.tensorrt.library import Flavour

MakeBundle = Callable[..., Bundle]
ENGINE_CHECKS = ("load and one step", "100 steps beside fp32", "snapshot and restore", "time", "start")
ORIN = DeviceFacts("Orin", "8.7", 8, "NVIDIA Jetson Orin NX", 16_000_000_000)


@pytest.fixture
def whole(make_bundle: MakeBundle) -> Bundle:
    """A bundle with every precision for every engine, all of them the same graph."""
    precisions: tuple[Precision, ...] = ("int8", "fp16", "fp32")
    return make_bundle(graphs=tuple(Graph(member="model.onnx", precision=each) for each in precisions))


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A Jetson that is not there, which computes with ONNX Runtime."""
    trt = FakeTensorRt(FakeCuda())
    board = SimpleNamespace(trt=trt, unbuildable=set(), cuda=FakeCuda, dla=1)

    def open_cuda() -> FakeCuda:
        trt.cuda = board.cuda()
        return trt.cuda  # type: ignore[no-any-return]

    def build_engine(flavour: str, graph: bytes, options: Any, report: Any) -> Compiled:
        if options.batch in board.unbuildable:
            raise EngineError("TensorRT does not take this graph", fix="run it without")
        return Compiled(graph)

    def load_flavour(name: str = "auto") -> Flavour:
        if name == "tensorrt-rtx":
            raise EngineError("there is no TensorRT here")
        return trt.flavour()

    for module in (loader, prepare, gpu_checks):
        monkeypatch.setattr(module, "load_flavour", load_flavour)
    for module in (prepare, gpu_checks):
        monkeypatch.setattr(module, "local_device", lambda: ORIN)
    for module in (loader, gpu_checks):
        monkeypatch.setattr(module, "open_cuda", open_cuda)
    monkeypatch.setattr(prepare, "build_engine", build_engine)
    monkeypatch.setattr(gpu_checks, "has_nvidia_gpu", lambda: True)
    monkeypatch.setattr(gpu_checks, "dla_cores", lambda flavour: board.dla)
    monkeypatch.setattr(engine_checks, "MOST_STEPS", 10)
    return board


def run(bundle: Bundle, folder: Path) -> dict[str, Any]:
    return check_engines(bundle.path, folder / "report.json", execute=do_step)


def by_title(report: dict[str, Any]) -> dict[tuple[str, ...], dict[str, Any]]:
    return {
        (step["check"], step["engine"], step["precision"], str(step["cameras"])): step
        for step in report["steps"]
    }


def test_a_board_on_which_all_is_well(board: SimpleNamespace, whole: Bundle, tmp_path: Path) -> None:
    report = run(whole, tmp_path)
    assert report == json.loads((tmp_path / "report.json").read_text())
    assert report["complete"]
    assert report["summary"]["failed"] == 0
    assert report["machine"]["gpu"]["name"] == "Orin"
    steps = by_title(report)
    mine = [step for step in report["steps"] if step["engine"] == "tensorrt"]
    skipped = [step["text"] for step in mine if step["state"] == "skipped"]
    assert skipped == ["TensorRT for RTX is not here, and no other compiles ahead of time"] * 3
    for precision, cameras in (("fp32", "1"), ("fp16", "1"), ("int8", "1"), ("fp16", "4"), ("int8", "4")):
        figures = {check: steps[check, "tensorrt", precision, cameras]["figures"] for check in ENGINE_CHECKS}
        assert figures["load and one step"]["cuda_graph"]
        beside = figures["100 steps beside fp32"]
        assert beside["score_error"] < 1e-6
        assert beside["score_correlation"] > 0.999999
        assert set(beside["state_error"]) == {"background"}
        assert figures["snapshot and restore"]["identical"]
        assert figures["time"]["p50_ms"] > 0
        assert figures["start"]["bundle_to_score_s"] > 0
    assert steps["DLA cores", "", "", "1"]["figures"] == {"dla_cores": 1}


def test_a_precision_that_does_not_compile_ends_only_what_needs_it(
    board: SimpleNamespace, whole: Bundle, tmp_path: Path
) -> None:
    board.unbuildable = {4}
    report = run(whole, tmp_path)
    steps = by_title(report)
    failed = steps["compile", "tensorrt", "fp16", "4"]
    assert (failed["state"], failed["text"], failed["fix"]) == (
        "failed",
        "TensorRT does not take this graph",
        "run it without",
    )
    assert steps["time", "tensorrt", "fp16", "4"]["text"] == (
        "it needs 'tensorrt fp16, 4 cameras: compile', which failed"
    )
    assert steps["time", "tensorrt", "fp16", "1"]["state"] == "ok"
    assert report["summary"]["failed"] == 2


def test_an_engine_that_is_refused_or_cannot_be_recorded_is_told(
    board: SimpleNamespace, whole: Bundle, tmp_path: Path
) -> None:
    board.cuda = lambda: FakeCuda(can_capture=False)
    job = Job(whole.path, tmp_path)
    load = do_step(job, CheckStep("load and one step", "tensorrt", "fp16"))
    assert (load.state, load.figures["cuda_graph"]) == ("ok", False)
    board.trt.refuses = {"create_execution_context"}
    refused = do_step(job, CheckStep("load and one step", "tensorrt", "fp16"))
    assert refused.state == "failed"
    assert "no execution context: out of luck" in refused.text


def test_an_engine_that_scores_otherwise_than_the_reference_has_failed(
    board: SimpleNamespace, whole: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import onnx

    def wrong(flavour: str, graph: bytes, options: Any, report: Any) -> Compiled:
        model = onnx.load_from_string(graph)
        (rate,) = [value for value in model.graph.initializer if value.name == "rate"]
        rate.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(rate) * 0.5, "rate"))
        return Compiled(model.SerializeToString())

    monkeypatch.setattr(prepare, "build_engine", wrong)
    result = do_step(Job(whole.path, tmp_path), CheckStep("100 steps beside fp32", "tensorrt", "int8"))
    assert result.state == "failed"
    assert "is off by" in result.text


@pytest.mark.parametrize(("gpu", "state"), [(False, "skipped"), (True, "failed")])
def test_what_is_missing_has_failed_only_where_there_is_a_gpu(
    gpu: bool, state: str, bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(name: str = "auto") -> Any:
        raise EngineError("nothing here can tell which GPU this machine has", fix="pip install cuda-python")

    monkeypatch.setattr(gpu_checks, "has_nvidia_gpu", lambda: gpu)
    monkeypatch.setattr(gpu_checks, "load_flavour", none)
    monkeypatch.setattr(gpu_checks, "local_device", none)
    for check_name in ("import TensorRT", "find the GPU"):
        assert do_step(Job(bundle.path, tmp_path), CheckStep(check_name)).state == state


def test_a_graph_the_bundle_has_not_got_is_skipped(
    board: SimpleNamespace, bundle: Bundle, tmp_path: Path
) -> None:
    job = Job(bundle.path, tmp_path)
    compiled = do_step(job, CheckStep("compile", "tensorrt", "int8"))
    assert compiled.state == "skipped"
    assert compiled.text.startswith("it has no int8 graph for tensorrt")
    loaded = do_step(job, CheckStep("load and one step", "onnxruntime", "int8"))
    assert loaded.state == "skipped"


def test_a_board_without_a_dla_skips_it(board: SimpleNamespace, bundle: Bundle, tmp_path: Path) -> None:
    board.dla = 0
    assert do_step(Job(bundle.path, tmp_path), CheckStep("DLA cores")).state == "skipped"


def test_what_a_library_raises_is_a_result(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: Any) -> None:
        raise RuntimeError("CUDA error 719")

    monkeypatch.setattr(engine_checks, "read_bundle", broken)
    result = do_step(Job(bundle.path, tmp_path), CheckStep("time", "onnxruntime", "fp32"))
    assert (result.state, result.text) == ("failed", "RuntimeError: CUDA error 719")


def test_a_step_that_crashes_its_process_has_failed(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crash = (sys.executable, "-c", "import os; os.kill(os.getpid(), 11)")
    monkeypatch.setattr(worker, "WORKER", crash)
    result = do_step_apart(Job(bundle.path, tmp_path), CheckStep("time", "onnxruntime", "fp32"))
    assert (result.state, result.text) == ("failed", "the process was ended by SIGSEGV")


def test_a_step_in_a_process_of_its_own_gives_what_it_found(bundle: Bundle, tmp_path: Path) -> None:
    step = CheckStep("load and one step", "onnxruntime", "fp32", needs=(CheckStep("machine"),))
    result = do_step_apart(Job(bundle.path, tmp_path), step)
    assert (result.step, result.state) == (step, "ok")
    assert result.figures["name"] == "onnxruntime-cpu fp32"


def test_the_report_is_on_disk_after_every_step(bundle: Bundle, tmp_path: Path) -> None:
    output = tmp_path / "report.json"
    done: list[int] = []

    def execute(job: Job, step: CheckStep) -> Result:
        so_far = json.loads(output.read_text())
        done.append(sum(so_far["summary"].values()))
        assert not so_far["complete"]
        if len(done) == 3:
            raise KeyboardInterrupt
        return Result(step, "ok", "")

    with pytest.raises(KeyboardInterrupt):
        check_engines(bundle.path, output, execute=execute)
    assert done == [0, 1, 2]
    assert json.loads(output.read_text())["summary"]["ok"] == 2


def test_a_report_that_cannot_be_written_is_said_before_anything_is_tried(
    bundle: Bundle, tmp_path: Path
) -> None:
    def never(job: Job, step: CheckStep) -> Result:
        raise AssertionError("it tries something")

    with pytest.raises(ConfigError, match=r"cannot be written: .*; give --report FILE"):
        check_engines(bundle.path, tmp_path / "none" / "report.json", execute=never)
    with pytest.raises(BundleError, match="cannot be read"):
        check_engines(tmp_path / "none.vadb", tmp_path / "report.json", execute=never)


@pytest.mark.parametrize(("seconds", "steps"), [(0.001, 300), (0.1, 200), (10.0, 30)])
def test_a_slow_machine_is_timed_over_fewer_steps(seconds: float, steps: int) -> None:
    assert timed_steps(seconds) == steps


def test_a_check_that_is_told_to_end_takes_its_process_with_it(bundle: Bundle, tmp_path: Path) -> None:
    output = tmp_path / "report.json"
    command = [sys.executable, "-m", "vad_edge", "doctor", "--engine"]
    environment = {**os.environ, "TMPDIR": str(tmp_path / "scratch")}
    (tmp_path / "scratch").mkdir()
    with subprocess.Popen(
        [*command, f"--bundle={bundle.path}", f"--report={output}"],
        env=environment,
        stderr=subprocess.DEVNULL,
    ) as checking:
        deadline = time.monotonic() + 60
        while not (children := psutil.Process(checking.pid).children()):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        checking.terminate()
        assert checking.wait(timeout=60) == 128 + signal.SIGTERM
    _, alive = psutil.wait_procs(children, timeout=30)
    assert not alive
    assert not list((tmp_path / "scratch").iterdir())
    assert not json.loads(output.read_text())["complete"]


@pytest.mark.slow
@pytest.mark.skipif(Path("/dev/nvidia0").exists(), reason="there is a GPU here")
def test_the_command_checks_what_can_be_without_a_gpu(bundle: Bundle, tmp_path: Path) -> None:
    output = tmp_path / "report.json"
    found = CliRunner().invoke(main, ["doctor", "--engine", f"--bundle={bundle.path}", f"--report={output}"])
    assert found.exit_code == 0, found.output
    assert "no NVIDIA" in " ".join(found.stdout.split())
    report = json.loads(output.read_text())
    steps = by_title(report)
    assert steps["time", "onnxruntime", "fp32", "1"]["state"] == "ok"
    assert steps["compile", "tensorrt", "fp32", "1"]["state"] == "skipped"
    assert report["machine"]["gpu"] is None
    assert str(tmp_path) not in output.read_text()


def test_the_command_fails_where_something_failed(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def execute(job: Job, step: CheckStep) -> Result:
        return Result(step, "failed" if step.check == "time" else "ok", "slow", fix="wait")

    def checking(*arguments: Any, **options: Any) -> dict[str, Any]:
        return check_engines(*arguments, **options, execute=execute)

    monkeypatch.setattr(check, "check_engines", checking)
    output = tmp_path / "report.json"
    arguments = ["doctor", "--engine", f"--report={output}"]
    shown = CliRunner().invoke(main, arguments)
    assert shown.exit_code == 1
    assert "slow; wait" in shown.stdout
    told = CliRunner().invoke(main, [*arguments, "--json"])
    assert told.exit_code == 1
    assert json.loads(told.stdout) == json.loads(output.read_text())


@pytest.mark.parametrize(
    "arguments",
    [
        ["--report=x"],
        ["--engine", "--broker=mqtt://localhost"],
        ["--engine", "--parity=1"],
        ["--engine", "--output=x"],
        ["--parity=1"],
    ],
)
def test_options_that_do_not_go_together_are_the_users_mistake(arguments: list[str]) -> None:
    assert CliRunner().invoke(main, ["doctor", *arguments]).exit_code == 2
