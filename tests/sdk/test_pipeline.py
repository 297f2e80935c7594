from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx.parser
import pytest
from tests.support.footage import Image, quiet_frames, with_block, write_video
from tests.support.tiny_bundle import STEP_GRAPH, MakeBundle

from vad_edge.bundle.archive import Bundle
from vad_edge.bundle.manifest import Clock
from vad_edge.errors import SourceError
from vad_edge.inference.engine import StepInputs, StepOutputs
from vad_edge.inference.select import open_engine
from vad_edge.pipeline import Lane, VideoPipeline, score_recording
from vad_edge.scoring.scorer import Scorer
from vad_edge.video.frame import Frame


def frame(image: Image, number: int) -> Frame:
    return Frame(number, number / 10, image)


def pipeline(bundle: Bundle, lanes: int = 1) -> VideoPipeline:
    manifest = bundle.manifest
    engine = open_engine(bundle, batch=lanes)
    calibration = engine.graph.calibration
    scorer = Scorer(calibration, manifest.cues) if calibration else None
    return VideoPipeline(engine, manifest, [Lane(f"camera{row}", scorer) for row in range(lanes)])


def test_scores_come_at_once_and_surprises_after_the_warm_up(calibrated_bundle: Bundle) -> None:
    found = [
        pipe.step([frame(image, number)])[0]
        for pipe in [pipeline(calibrated_bundle)]
        for number, image in enumerate(quiet_frames(3))
    ]
    assert [scored.warm for scored in found if scored] == [False, True, True]
    assert [scored.surprise is None for scored in found if scored] == [True, False, False]
    assert all(scored.scores is not None for scored in found if scored)


def test_a_block_is_more_surprising_than_anything_before(calibrated_bundle: Bundle) -> None:
    pipe = pipeline(calibrated_bundle)
    images = with_block(quiet_frames(20, seed=3), 19, 19)
    totals = []
    for number, image in enumerate(images):
        (scored,) = pipe.step([frame(image, number)])
        if scored is not None and scored.surprise is not None:
            totals.append(scored.surprise.total)
    assert totals[-1] > 2 * max(totals[:-1])


def test_a_camera_without_a_frame_keeps_its_state(calibrated_bundle: Bundle) -> None:
    both, alone = pipeline(calibrated_bundle, lanes=2), pipeline(calibrated_bundle)
    images = quiet_frames(12)
    for number, image in enumerate(images):
        pair = both.step([frame(image, number) if number % 2 else None, frame(image, number)])
        if number % 2:
            (expected,) = alone.step([frame(image, number)])
            assert pair[0] is not None
            assert expected is not None
            assert pair[0].scores == pytest.approx(expected.scores)
        else:
            assert pair[0] is None


def test_a_reset_makes_the_model_start_anew(calibrated_bundle: Bundle) -> None:
    pipe = pipeline(calibrated_bundle)
    images = quiet_frames(6)
    first = [pipe.step([frame(image, number)])[0] for number, image in enumerate(images)]
    pipe.reset(0)
    again = [pipe.step([frame(image, number)])[0] for number, image in enumerate(images)]
    assert [scored.warm for scored in again if scored] == [False] + [True] * 5
    assert [scored.scores for scored in again if scored] == [scored.scores for scored in first if scored]


def test_a_black_frame_is_not_scored_and_the_model_starts_anew_after_it(calibrated_bundle: Bundle) -> None:
    pipe, new = pipeline(calibrated_bundle), pipeline(calibrated_bundle)
    images = quiet_frames(5)
    for number, image in enumerate(images[:4]):
        pipe.step([frame(image, number)])
    (black,) = pipe.step([frame(np.zeros_like(images[0]), 4)])
    assert black is not None
    assert (black.validity.reason, black.scores, black.error_map) == ("black", None, None)
    (after,), (expected,) = pipe.step([frame(images[4], 5)]), new.step([frame(images[4], 5)])
    assert after is not None
    assert expected is not None
    assert (after.scores, after.warm) == (expected.scores, False)
    assert pipe.counts == {"scored": 5, "invalid": 1, "black": 1}


class NotFinite:
    """An engine whose second answer is not a number."""

    name = "broken"

    def __init__(self, batch: int) -> None:
        self.inputs = StepInputs(
            frame=np.zeros((batch, 32, 48, 3), np.uint8),
            weight=np.ones((batch, 4, 6), np.float32),
            active=np.zeros(batch, np.bool_),
            reset=np.zeros(batch, np.bool_),
        )
        self.resets: list[bool] = []

    def step(self) -> StepOutputs:
        self.resets.append(bool(self.inputs.reset[0]))
        value = np.nan if len(self.resets) == 2 else 1.0
        return StepOutputs(np.full((1, 2), value, np.float32), np.ones((1, 4, 6), np.float32))

    def snapshot(self) -> dict[str, np.ndarray]:
        return {}

    def restore(self, state: object) -> None:
        pass

    def close(self) -> None:
        pass


def test_a_score_that_is_not_finite_drops_the_frame_and_resets_the_model(calibrated_bundle: Bundle) -> None:
    engine = NotFinite(1)
    pipe = VideoPipeline(engine, calibrated_bundle.manifest, [Lane("camera")])
    found = [pipe.step([frame(image, number)])[0] for number, image in enumerate(quiet_frames(3))]
    assert [scored.scores is None for scored in found if scored] == [False, True, False]
    assert engine.resets == [True, False, True]
    assert pipe.counts == {"scored": 2, "not_finite": 1}


def test_a_recording_gives_a_row_for_every_source_frame(calibrated_bundle: Bundle, tmp_path: Path) -> None:
    clip = write_video(tmp_path / "fast.mkv", quiet_frames(30), fps=20.0)
    progress: list[tuple[int, int | None]] = []
    found = score_recording(calibrated_bundle, clip, on_progress=lambda *at: progress.append(at))
    assert found.time_s == pytest.approx([number / 20 for number in range(30)])
    assert np.isfinite(found.scores[::2]).all()
    assert np.isnan(found.scores[1::2]).all()
    assert found.warm.sum() == np.isfinite(found.surprise).sum() == 14
    assert progress[-1] == (30, 30)
    assert found.truncated is None


def test_the_scores_of_a_model_that_looks_ahead_belong_to_earlier_frames(
    make_bundle: MakeBundle, tmp_path: Path
) -> None:
    clip = write_video(tmp_path / "clip.mkv", with_block(quiet_frames(20), 12, 12))
    plain = score_recording(make_bundle(), clip)
    delayed = score_recording(make_bundle(clock=Clock(fps=10.0, warmup_frames=1, delay_frames=3)), clip)
    assert np.argmax(plain.scores[:, 1]) == 12
    assert np.nanargmax(delayed.scores[:, 1]) == 9
    assert np.isnan(delayed.scores[-3:]).all()


def test_a_cut_makes_the_model_start_anew(calibrated_bundle: Bundle) -> None:
    pipe = pipeline(calibrated_bundle)
    images = quiet_frames(6)
    for image in images[3:]:
        image[:, ::16] = image[:, 1::16] = image[:, 2::16] = 255
        image[:, 3::16] = image[:, 4::16] = image[:, 5::16] = 255
    found = [pipe.step([frame(image, number)])[0] for number, image in enumerate(images)]
    assert [scored.validity.reason for scored in found if scored] == ["", "", "", "cut", "", ""]
    assert [scored.warm for scored in found if scored] == [False, True, True, False, True, True]


def test_a_gap_between_frames_makes_the_model_start_anew(calibrated_bundle: Bundle, tmp_path: Path) -> None:
    clip = write_video(tmp_path / "clip.mkv", quiet_frames(6))
    slow, rare = (score_recording(calibrated_bundle, clip, fps=fps) for fps in (0.6, 0.4))
    assert slow.warm.tolist() == [False] + [True] * 5
    assert not rare.warm.any()
    assert np.isfinite(rare.scores).all()
    assert np.isnan(rare.surprise).all()


def test_a_graph_that_answers_nan_loses_the_frame_and_starts_anew(make_bundle: MakeBundle) -> None:
    """A root of what is left to 10000: white has none."""
    text = STEP_GRAPH.replace("65025.0", "10000.0")
    text = text.replace("scaled = Div (error, size)", "rest = Sub (size, error)\n  scaled = Sqrt (rest)")
    bundle = make_bundle(graph=onnx.parser.parse_model(text).SerializeToString())
    images = quiet_frames(4)
    images[2][:8, :8] = 255
    pipe, new = pipeline(bundle), pipeline(bundle)
    found = [pipe.step([frame(image, number)])[0] for number, image in enumerate(images)]
    (expected,) = new.step([frame(images[3], 3)])
    assert [scored.scores is None for scored in found if scored] == [False, False, True, False]
    assert found[3] is not None
    assert expected is not None
    assert (found[3].scores, found[3].warm) == (expected.scores, False)
    assert pipe.counts == {"scored": 3, "not_finite": 1}


def test_frames_that_may_not_be_scored_keep_their_row(calibrated_bundle: Bundle, tmp_path: Path) -> None:
    images = quiet_frames(20)
    images[5:8] = [np.zeros_like(images[0])] * 3
    found = score_recording(calibrated_bundle, write_video(tmp_path / "clip.mkv", images))
    assert len(found.time_s) == len(found.scores) == len(found.warm) == len(found.surprise) == 20
    assert np.flatnonzero(np.isnan(found.scores[:, 0])).tolist() == [5, 6, 7]
    assert found.counts == {"scored": 17, "invalid": 3, "black": 3}


def test_a_truncated_recording_is_scored_to_its_cut_and_says_so(bundle: Bundle, tmp_path: Path) -> None:
    whole = write_video(tmp_path / "whole.avi", quiet_frames(20))
    cut = tmp_path / "cut.avi"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    found = score_recording(bundle, cut)
    count = len(found.time_s)
    assert 0 < count < 19
    assert str(found.truncated).startswith(f"{cut} ends after {count} frames: ")
    assert str(found.truncated).endswith(" bytes of the file are missing")


def test_a_recording_that_is_not_there_is_named(bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"none\.mkv: no such file; check the path"):
        score_recording(bundle, tmp_path / "none.mkv")
