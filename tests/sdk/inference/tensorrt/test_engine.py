from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.fake_gpu import FakeCuda, FakeTensorRt

from vad_edge.bundle.archive import Bundle
from vad_edge.bundle.manifest import StateTensor
from vad_edge.errors import EngineError
from vad_edge.inference.engine import Engine
from vad_edge.inference.onnxruntime_engine import OnnxRuntimeEngine
from vad_edge.inference.tensorrt.engine import TensorRtEngine
from vad_edge.inference.tensorrt.engine_file import EngineKey, read_engine, write_engine
from vad_edge.inference.tensorrt.library import Flavour

MakeBundle = Callable[..., Bundle]


@pytest.fixture
def cuda() -> FakeCuda:
    return FakeCuda()


@pytest.fixture
def trt(cuda: FakeCuda) -> FakeTensorRt:
    return FakeTensorRt(cuda)


def open_(bundle: Bundle, batch: int, trt: FakeTensorRt) -> TensorRtEngine:
    return TensorRtEngine(bundle, bundle.graph(), batch, bundle.member("model.onnx"), trt.flavour(), trt.cuda)


def fill(engine: Engine, seed: int) -> None:
    """A frame of noise, other weights, and now and then a camera without a frame or at a new start."""
    random = np.random.default_rng(seed)
    inputs = engine.inputs
    inputs.frame[:] = random.integers(0, 256, inputs.frame.shape, np.uint8)
    inputs.weight[:] = random.random(inputs.weight.shape, np.float32)
    inputs.active[:] = random.random(inputs.active.shape) < 0.7
    inputs.reset[:] = random.random(inputs.reset.shape) < 0.2


def assert_same_steps(mine: Engine, reference: Engine, steps: int = 30) -> None:
    for seed in range(steps):
        fill(mine, seed)
        fill(reference, seed)
        found, expected, active = mine.step(), reference.step(), mine.inputs.active
        np.testing.assert_array_equal(found.score[active], expected.score[active])
        np.testing.assert_array_equal(found.error_map[active], expected.error_map[active])
        for name, state in reference.snapshot().items():
            np.testing.assert_array_equal(mine.snapshot()[name], state)


@pytest.mark.parametrize("batch", [1, 3])
def test_every_step_answers_as_onnx_runtime_does(bundle: Bundle, trt: FakeTensorRt, batch: int) -> None:
    engine = open_(bundle, batch, trt)
    assert_same_steps(engine, OnnxRuntimeEngine(bundle, bundle.graph(), batch, 1))
    assert trt.cuda.launches == 30


def test_an_engine_of_a_fixed_batch_is_taken(bundle: Bundle, cuda: FakeCuda) -> None:
    engine = open_(bundle, 2, FakeTensorRt(cuda, batch=2))
    assert_same_steps(engine, OnnxRuntimeEngine(bundle, bundle.graph(), 2, 1), steps=3)


def test_an_engine_of_another_batch_is_refused(bundle: Bundle, cuda: FakeCuda) -> None:
    with pytest.raises(EngineError, match=r"input 'frame' is uint8 \[1, 32, 48, 3\], the manifest says"):
        open_(bundle, 2, FakeTensorRt(cuda, batch=1))


@pytest.mark.parametrize(
    ("cuda", "refuses", "reason"),
    [
        (FakeCuda(can_capture=False), set(), "this package cannot record CUDA graphs"),
        (FakeCuda(capture_fails=True), set(), "cudaErrorStreamCaptureInvalidated"),
        (FakeCuda(), {"capture"}, "TensorRT refuses to run it: out of luck"),
    ],
)
def test_without_a_cuda_graph_the_steps_are_the_same_and_it_is_said_once(
    bundle: Bundle, cuda: FakeCuda, refuses: set[str], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    trt = FakeTensorRt(cuda)
    trt.refuses = refuses
    with caplog.at_level(logging.INFO):
        engine = open_(bundle, 3, trt)
        assert_same_steps(engine, OnnxRuntimeEngine(bundle, bundle.graph(), 3, 1))
    said = [record.message for record in caplog.records if "slower" in record.message]
    assert len(said) == 1
    assert reason in said[0]
    assert (cuda.launches, cuda.capturing) == (0, False)


@pytest.mark.parametrize("can_capture", [True, False])
def test_a_step_copies_what_the_host_gives_and_takes_and_no_state(bundle: Bundle, can_capture: bool) -> None:
    cuda = FakeCuda(can_capture=can_capture)
    engine = open_(bundle, 3, FakeTensorRt(cuda))
    allocated = len(cuda.memory)
    for _ in range(4):
        cuda.copied.clear()
        out = engine.step()
        sent = engine.inputs
        up = [sent.frame.nbytes, sent.weight.nbytes, sent.active.nbytes, sent.reset.nbytes]
        down = [out.score.nbytes, out.error_map.nbytes]
        assert sorted(cuda.copied) == sorted([*(("up", n) for n in up), *(("down", n) for n in down)])
    assert len(cuda.memory) == allocated


def test_the_initial_state_is_uploaded_once(bundle: Bundle, cuda: FakeCuda) -> None:
    engine = open_(bundle, 2, FakeTensorRt(cuda))
    state = engine.snapshot()["background"]
    np.testing.assert_array_equal(state, np.full((2, 32, 48, 3), 100.0, np.float32))
    assert cuda.copied.count(("up", state.nbytes)) == 1


@pytest.mark.parametrize("steps", [1, 2])
def test_a_snapshot_taken_up_again_repeats_what_followed(
    bundle: Bundle, trt: FakeTensorRt, steps: int
) -> None:
    engine = open_(bundle, 3, trt)

    def scores() -> list[Any]:
        found = []
        for seed in range(5):
            fill(engine, seed)
            found.append(engine.step().score.copy())
        return found

    for _ in range(steps):
        engine.step()
    kept = engine.snapshot()
    first = scores()
    engine.restore(kept)
    np.testing.assert_array_equal(scores(), first)


def test_a_snapshot_of_something_else_is_refused(bundle: Bundle, trt: FakeTensorRt) -> None:
    engine = open_(bundle, 1, trt)
    with pytest.raises(EngineError, match=r"a state of \['other'\], the model has \['background'\]"):
        engine.restore({"other": np.zeros(1)})
    with pytest.raises(EngineError, match=r"state 'background' is float64 \(1,\), the engine holds float32"):
        engine.restore({"background": np.zeros(1)})


def test_outputs_are_the_same_buffers_at_every_step(bundle: Bundle, trt: FakeTensorRt) -> None:
    engine = open_(bundle, 1, trt)
    assert engine.step().score is engine.step().score


def test_the_name_tells_version_and_precision(bundle: Bundle, trt: FakeTensorRt) -> None:
    assert open_(bundle, 1, trt).name == "tensorrt 10.3.0 fp32"


@pytest.mark.parametrize(
    ("call", "what"),
    [
        ("Runtime", "TensorRT has no runtime here: out of luck | pybind11"),
        ("deserialize_cuda_engine", "TensorRT does not take the engine: out of luck; delete the compiled"),
        ("create_execution_context", "TensorRT gives no execution context: out of luck"),
        ("set_input_shape", r"TensorRT refuses shape \[2, 32, 48, 3\] for 'frame': out of luck"),
        ("set_tensor_address", "TensorRT refuses an address for 'frame': out of luck"),
        ("execute_async_v3", "TensorRT refuses to run it: out of luck"),
    ],
)
def test_a_refusal_at_the_start_is_told_in_tensorrts_words_and_frees_the_gpu(
    bundle: Bundle, trt: FakeTensorRt, call: str, what: str
) -> None:
    trt.refuses = {call}
    with pytest.raises(EngineError, match=what):
        open_(bundle, 2, trt)
    assert (trt.cuda.closed, trt.cuda.memory) == (1, {})


def test_a_refusal_of_a_step_is_told_and_leaves_the_state(bundle: Bundle) -> None:
    trt = FakeTensorRt(FakeCuda(can_capture=False))
    engine = open_(bundle, 1, trt)
    engine.step()
    before = engine.snapshot()["background"]
    trt.refuses = {"execute_async_v3"}
    with pytest.raises(EngineError, match=r"tensorrt 10\.3\.0 fp32 cannot run a step: .*out of luck"):
        engine.step()
    np.testing.assert_array_equal(engine.snapshot()["background"], before)


def test_a_closed_engine_says_so(bundle: Bundle, trt: FakeTensorRt) -> None:
    engine = open_(bundle, 1, trt)
    engine.close()
    engine.close()
    for use in (engine.step, engine.snapshot, lambda: engine.restore({})):
        with pytest.raises(EngineError, match="the engine is closed"):
            use()
    assert trt.cuda.closed == 1
    engine.inputs.frame[:] = 0


def test_a_batch_of_none_is_refused(bundle: Bundle, trt: FakeTensorRt) -> None:
    with pytest.raises(EngineError, match="a batch of 0 cameras; give 1 or more"):
        open_(bundle, 0, trt)
    assert trt.loads == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"height": 64},
            r"input 'frame' is uint8 \[B, 32, 48, 3\], the manifest says uint8 \[B, 64, 48, 3\]",
        ),
        ({"cues": ("one",)}, r"output 'score' is float32 \[B, 2\], the manifest says float32 \[B, 1\]"),
        ({"states": ()}, "input 'background' is not in the manifest"),
        (
            {"states": (StateTensor(name="background", shape=(32, 48, 3), dtype="float16"),)},
            "input 'background' is float32 .* the manifest says float16",
        ),
    ],
)
def test_an_engine_that_is_not_what_the_manifest_says_is_refused(
    make_bundle: MakeBundle, trt: FakeTensorRt, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(EngineError, match=message):
        open_(make_bundle(**changes), 1, trt)


def test_a_damaged_engine_file_is_refused_before_tensorrt_sees_it(
    bundle: Bundle, trt: FakeTensorRt, key: EngineKey, tmp_path: Path
) -> None:
    path = tmp_path / "one.engine"
    write_engine(path, key, bundle.member("model.onnx"))
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(EngineError, match="it is damaged: its sha256"):
        TensorRtEngine(bundle, bundle.graph(), 1, read_engine(path).engine, trt.flavour(), trt.cuda)
    assert trt.loads == []


def test_tensorrt_for_rtx_itself_is_heard_when_it_takes_no_such_engine(
    bundle: Bundle, rtx: Flavour, cuda: FakeCuda
) -> None:
    with pytest.raises(EngineError, match=r"TensorRT (does not take the engine|has no runtime here): \S+"):
        TensorRtEngine(bundle, bundle.graph(), 1, b"not what TensorRT wrote", rtx, cuda)
    assert cuda.closed == 1
