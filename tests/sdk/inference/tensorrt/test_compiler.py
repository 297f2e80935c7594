from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import onnx.parser
import pytest

from vad_edge.errors import EngineError
from vad_edge.inference.tensorrt.compiler import Compiled, CompileOptions, compile_graph, dla_cores
from vad_edge.inference.tensorrt.library import Flavour, parse_target

MakeFake = Callable[..., Any]
LOCAL = CompileOptions(parse_target("local"), batch=4, workspace_mb=64)


def silent(phase: str, share: float) -> None:
    pass


def compile_(fake: Any, options: CompileOptions = LOCAL) -> Compiled:
    return compile_graph(Flavour("tensorrt", fake.__version__, fake), b"graph", options, silent)


def graph(text: str) -> bytes:
    return onnx.parser.parse_model(f'<ir_version: 10, opset_import: ["" : 18]> {text}').SerializeToString()


def for_rtx(batch: int = 2, target: str = "rtx-sm86", **more: Any) -> CompileOptions:
    return CompileOptions(parse_target(target), batch=batch, **more)


def test_the_real_tensorrt_compiles_the_step_graph_ahead_of_time(rtx: Flavour, step_graph: bytes) -> None:
    shares: list[float] = []
    made = compile_graph(rtx, step_graph, for_rtx(), lambda phase, share: shares.append(share))
    assert len(made.engine) > 10_000
    assert made.timing_cache == b""
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


@pytest.mark.parametrize("target", ["rtx-sm75", "rtx-sm80", "rtx-sm89", "rtx-sm120", "rtx-sm121"])
def test_the_real_tensorrt_compiles_for_every_rtx(target: str, rtx: Flavour, step_graph: bytes) -> None:
    assert compile_graph(rtx, step_graph, for_rtx(target=target), silent).engine


def test_the_real_tensorrt_names_the_operators_it_refuses(rtx: Flavour) -> None:
    refused = graph("t (float[B,4] x) => (float[B,4] y) { a, i, j, k = Unique <axis = 0> (x) y = Det (a) }")
    with pytest.raises(EngineError, match=r"Unique at node 0 .*; Det at node 1 ") as caught:
        compile_graph(rtx, refused, for_rtx(), silent)
    assert "--engine onnxruntime" in caught.value.fix


def test_what_is_no_graph_is_refused(rtx: Flavour) -> None:
    with pytest.raises(EngineError, match="no ONNX graph"):
        compile_graph(rtx, b"hello", for_rtx(), silent)


def test_a_graph_of_a_fixed_batch_names_the_batch_to_give(rtx: Flavour) -> None:
    fixed = graph("t (float[3,4] x) => (float[3,4] y) { y = Relu (x) }")
    assert compile_graph(rtx, fixed, for_rtx(batch=3), silent).engine
    with pytest.raises(EngineError, match="not for 2 cameras; compile with --batch 3"):
        compile_graph(rtx, fixed, for_rtx(batch=2), silent)


def test_only_the_batch_may_be_symbolic(rtx: Flavour) -> None:
    loose = graph("t (float[B,N] x) => (float[B,N] y) { y = Relu (x) }")
    with pytest.raises(EngineError, match=r"input 'x': its shape \[-1, -1\] is symbolic beyond the batch"):
        compile_graph(rtx, loose, for_rtx(), silent)


def test_there_is_no_dla_where_there_is_no_gpu(rtx: Flavour, step_graph: bytes) -> None:
    with pytest.raises(EngineError, match="no DLA here; compile without --dla"):
        compile_graph(rtx, step_graph, for_rtx(dla=True), silent)


@pytest.mark.skipif(Path("/dev/nvidia0").exists(), reason="there is a GPU here")
def test_without_a_gpu_nothing_is_built_for_here(rtx: Flavour, step_graph: bytes) -> None:
    with pytest.raises(EngineError, match=r"cannot build it for local: .*Cuda Runtime"):
        compile_graph(rtx, step_graph, for_rtx(target="local"), silent)


def test_a_report_that_fails_ends_the_real_build(rtx: Flavour, step_graph: bytes) -> None:
    def report(phase: str, share: float) -> None:
        raise BrokenPipeError("nobody listens")

    with pytest.raises(BrokenPipeError):
        compile_graph(rtx, step_graph, for_rtx(), report)


@pytest.mark.parametrize(("version", "flags"), [("10.3", 2), ("10.16", 2), ("11.4", 1)])
def test_types_come_from_the_graph_in_every_version(
    version: str, flags: int, fake_tensorrt: MakeFake
) -> None:
    fake = fake_tensorrt(version)
    assert compile_(fake).engine == b"an engine"
    assert ("network", flags) in fake.asked


def test_the_profile_and_the_workspace_are_those_asked_for(fake_tensorrt: MakeFake) -> None:
    fake = fake_tensorrt()
    compile_(fake)
    assert ("set_shape", "frame", (1, 4, 6), (4, 4, 6), (4, 4, 6)) in fake.asked
    assert ("limit", "WORKSPACE", 64 << 20) in fake.asked
    assert not [call for call in fake.asked if call[0] == "flag"]


def test_a_dla_is_used_where_there_is_one_and_takes_no_range(fake_tensorrt: MakeFake) -> None:
    fake = fake_tensorrt("10.3", dla_cores=2)
    compile_(fake, CompileOptions(parse_target("local"), batch=4, dla=True))
    assert (fake.config.default_device_type.name, fake.config.DLA_core) == ("DLA", 0)
    assert ("flag", "GPU_FALLBACK") in fake.asked
    assert ("set_shape", "frame", (4, 4, 6), (4, 4, 6), (4, 4, 6)) in fake.asked


@pytest.mark.parametrize("cores", [0, 2])
def test_accelerators_are_counted_by_tensorrt(cores: int, fake_tensorrt: MakeFake) -> None:
    assert dla_cores(Flavour("tensorrt", "10.3", fake_tensorrt("10.3", dla_cores=cores))) == cores


def test_a_tensorrt_that_serves_no_accelerator_has_none_and_is_not_asked(rtx: Flavour) -> None:
    assert dla_cores(rtx) == 0


def test_single_precision_stays_single(fake_tensorrt: MakeFake) -> None:
    fake = fake_tensorrt()
    compile_(fake)
    assert ("no flag", "TF32") in fake.asked


def test_timings_go_in_and_come_out(fake_tensorrt: MakeFake) -> None:
    options = CompileOptions(parse_target("local"), timing_cache=b"old ")
    assert compile_(fake_tensorrt(timings_of=b"old "), options).timing_cache == b"old more"


def test_timings_of_another_version_are_left_out(
    fake_tensorrt: MakeFake, caplog: pytest.LogCaptureFixture
) -> None:
    options = CompileOptions(parse_target("local"), timing_cache=b"of another")
    assert compile_(fake_tensorrt(), options).timing_cache == b"more"
    assert "does not take the timing cache" in caplog.text


@pytest.mark.parametrize(
    ("call", "what"),
    [
        ("builder", "TensorRT cannot start"),
        ("network", "gives no network"),
        ("config", "gives no builder configuration"),
        ("parse", "does not take this graph"),
        ("profile", "refuses a batch of 1 to 4"),
        ("build", "cannot build it for local"),
    ],
)
def test_each_refusal_has_tensorrts_words_and_a_fix(call: str, what: str, fake_tensorrt: MakeFake) -> None:
    with pytest.raises(EngineError, match=f"{what}: .*CUDA error 35") as caught:
        compile_(fake_tensorrt(refuses=[call], says="CUDA error 35"))
    assert caught.value.fix


def test_a_parser_that_tells_less_is_enough(fake_tensorrt: MakeFake) -> None:
    refusal = SimpleNamespace(node=lambda: 7, desc=lambda: "unsupported")
    with pytest.raises(EngineError, match=r"an operator at node 7 \(unsupported\); .*; and 2 more"):
        compile_(fake_tensorrt(refusals=[refusal] * 5))


def test_a_tensorrt_older_than_ten_is_refused(fake_tensorrt: MakeFake) -> None:
    with pytest.raises(EngineError, match="older than 10; update it"):
        compile_(fake_tensorrt("8.6"))
