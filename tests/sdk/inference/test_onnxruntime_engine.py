from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx.parser
import pytest
from numpy.typing import NDArray

from vad_edge.bundle.archive import Bundle
from vad_edge.bundle.manifest import StateTensor
from vad_edge.errors import EngineError
from vad_edge.inference.onnxruntime_engine import CPU, OnnxRuntimeEngine

MakeBundle = Callable[..., Bundle]

ALL_IN_ONE_RUN = dataclasses.replace(CPU, by_camera=False)
"""How an accelerator is driven, on the provider that is here."""


def open_(bundle: Bundle, batch: int) -> OnnxRuntimeEngine:
    return OnnxRuntimeEngine(bundle, bundle.graph(), batch, threads=1)


@pytest.fixture(params=["a run for each camera", "one run for all"])
def engine(bundle: Bundle, request: pytest.FixtureRequest) -> Iterator[OnnxRuntimeEngine]:
    provider = ALL_IN_ONE_RUN if request.param == "one run for all" else CPU
    opened = OnnxRuntimeEngine(bundle, bundle.graph(), 3, threads=1, provider=provider)
    yield opened
    opened.close()


def footage(count: int, batch: int) -> NDArray[np.uint8]:
    return np.random.default_rng(1).integers(0, 256, (count, batch, 32, 48, 3), np.uint8)


def show(engine: OnnxRuntimeEngine, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
    engine.inputs.frame[:] = frames
    return engine.step().score.copy()


def test_scores_follow_the_rolling_state(bundle: Bundle) -> None:
    engine = open_(bundle, 1)
    background = np.full((32, 48, 3), 100.0)
    for frame in footage(5, 1):
        score = show(engine, frame)
        error = ((frame[0] - background) ** 2).mean(axis=2) / 65025.0
        cells = error.reshape(4, 8, 6, 8).mean(axis=(1, 3))
        np.testing.assert_allclose(score[0], [cells.mean(), cells.max()], rtol=1e-4)
        background += (frame[0] - background) * 0.25
    np.testing.assert_allclose(engine.snapshot()["background"][0], background, rtol=1e-5)


def test_an_inactive_camera_keeps_its_state_bit_for_bit(engine: OnnxRuntimeEngine) -> None:
    frames = footage(4, 3)
    show(engine, frames[0])
    before = engine.snapshot()["background"]
    engine.inputs.active[1] = False
    for frame in frames[1:]:
        show(engine, frame)
    after = engine.snapshot()["background"]
    np.testing.assert_array_equal(after[1], before[1])
    assert (after[0] != before[0]).any()


def test_a_reset_camera_behaves_as_new(engine: OnnxRuntimeEngine, bundle: Bundle) -> None:
    frames = footage(4, 3)
    for frame in frames[:3]:
        show(engine, frame)
    engine.inputs.reset[2] = True
    score = show(engine, frames[3])
    new = show(open_(bundle, 3), frames[3])
    np.testing.assert_array_equal(score[2], new[2])
    assert score[0, 0] != new[0, 0]


def test_cameras_of_a_batch_do_not_influence_each_other(engine: OnnxRuntimeEngine, bundle: Bundle) -> None:
    frames = footage(5, 3)
    together = np.stack([show(engine, frame) for frame in frames])
    for camera in range(3):
        single = open_(bundle, 1)
        alone = np.stack([show(single, frame[camera : camera + 1]) for frame in frames])
        np.testing.assert_array_equal(alone[:, 0], together[:, camera])


def test_a_weight_of_zero_ignores_a_place(engine: OnnxRuntimeEngine) -> None:
    engine.inputs.weight[0] = 0.0
    score = show(engine, footage(1, 3)[0])
    assert score[0].max() == 0.0
    assert score[1].max() > 0.0


def test_a_snapshot_taken_up_again_repeats_what_followed(engine: OnnxRuntimeEngine) -> None:
    frames = footage(4, 3)
    show(engine, frames[0])
    kept = engine.snapshot()
    first = [show(engine, frame) for frame in frames[1:]]
    engine.restore(kept)
    np.testing.assert_array_equal([show(engine, frame) for frame in frames[1:]], first)


def test_a_snapshot_of_something_else_is_refused(engine: OnnxRuntimeEngine) -> None:
    with pytest.raises(EngineError, match=r"a state of \['other'\], the model has \['background'\]"):
        engine.restore({"other": np.zeros(1)})
    with pytest.raises(EngineError, match=r"state 'background' is float64 \(1,\), the engine holds float32"):
        engine.restore({"background": np.zeros(1)})


def test_outputs_are_the_same_buffers_at_every_step(engine: OnnxRuntimeEngine) -> None:
    assert engine.step().score is engine.step().score


def test_a_closed_engine_says_so(bundle: Bundle) -> None:
    engine = open_(bundle, 1)
    engine.close()
    with pytest.raises(EngineError, match="the engine is closed"):
        engine.step()


def test_a_batch_of_none_is_refused(bundle: Bundle) -> None:
    with pytest.raises(EngineError, match="a batch of 0 cameras; give 1 or more"):
        open_(bundle, 0)


def test_a_graph_that_is_not_onnx_is_refused(make_bundle: MakeBundle) -> None:
    with pytest.raises(EngineError, match=r"tiny\.vadb: model\.onnx: ONNX Runtime cannot load it"):
        open_(make_bundle(graph=b"a picture of a cat"), 1)


def test_a_graph_with_an_unknown_operator_is_refused(make_bundle: MakeBundle) -> None:
    graph = onnx.parser.parse_model(
        '<ir_version: 10, opset_import: ["" : 18]> g (float[B] x) => (float[B] y) { y = Guess (x) }'
    )
    with pytest.raises(EngineError, match=r"ONNX Runtime cannot load it.*Guess"):
        open_(make_bundle(graph=graph.SerializeToString()), 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"height": 64},
            r"input 'frame' is uint8 \[B, 32, 48, 3\], the manifest says uint8 \[B, 64, 48, 3\]",
        ),
        ({"map_width": 5}, r"input 'weight' is float32 \[B, 4, 6\], the manifest says float32 \[B, 4, 5\]"),
        ({"cues": ("one",)}, r"output 'score' is float32 \[B, 2\], the manifest says float32 \[B, 1\]"),
        ({"states": ()}, "input 'background' is not in the manifest"),
        (
            {"states": (StateTensor(name="background", shape=(32, 48, 3), dtype="float16"),)},
            "input 'background' is float32 .* the manifest says float16",
        ),
    ],
)
def test_a_graph_that_is_not_what_the_manifest_says_is_refused(
    make_bundle: MakeBundle, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(EngineError, match=message):
        open_(make_bundle(**changes), 1)


def test_a_state_the_graph_does_not_have_is_named(make_bundle: MakeBundle, bundle: Bundle) -> None:
    states = (*bundle.manifest.states, StateTensor(name="other", shape=(1,)))
    with pytest.raises(EngineError, match="input 'other' is not in the graph; export the bundle again"):
        open_(make_bundle(states=states), 1)


WATCH_THE_IMPORT = """
import os, sys
from pathlib import Path

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "onnxruntime":
            print("before import:", os.environ.get("ORT_DISABLE_TELEMETRY"))

import vad_edge.inference.select
assert "onnxruntime" not in sys.modules
sys.meta_path.insert(0, Watch())
from vad_edge.bundle.archive import read_bundle
bundle = read_bundle(Path(sys.argv[1]))
vad_edge.inference.select.open_engine(bundle, batch=1).step()
"""


def test_onnx_runtime_does_not_phone_home(bundle: Bundle, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    env = {**kept, "HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", WATCH_THE_IMPORT, str(bundle.path)],
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "before import: 1" in done.stdout
    assert list(home.rglob("*")) == []
