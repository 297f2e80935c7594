from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.support.footage import Image, quiet_frames, with_block, write_video
from tests.support.tiny_bundle import MakeBundle
from tests.training.conftest import MakeData, label_lines, only_header, write_labels

from vad_edge.bundle.archive import Bundle
from vad_edge.bundle.manifest import Clock
from vad_edge.errors import DataError, EngineError
from vad_edge.inference.onnxruntime_engine import OnnxRuntimeEngine
from vad_edge_training.evaluate.baseline_scores import _thinned
from vad_edge_training.evaluate.curves import write_evaluation
from vad_edge_training.evaluate.evaluate import evaluate_bundle
from vad_edge_training.fit.fit import train_model
from vad_edge_training.fit.schedule import FitConfig


def write_images(folder: Path, frames: Sequence[Image]) -> None:
    folder.mkdir(parents=True)
    for number, image in enumerate(frames):
        cv2.imwrite(str(folder / f"{number}.png"), image)


def test_an_evaluation_compares_bundle_and_baselines_on_the_same_frames(
    calibrated_bundle: Bundle, make_data: MakeData
) -> None:
    data = make_data()
    seen: list[tuple[str, int, int]] = []
    found = evaluate_bundle(
        calibrated_bundle.path, data, with_baselines=True, on_progress=lambda *at: seen.append(at)
    ).to_json()

    assert json.loads(json.dumps(found)) == found
    assert found["auc"].keys() == {"micro_online", "micro_per_clip", "macro"}
    assert 0.8 < found["auc"]["micro_online"] < 1.0
    assert found["cues"].keys() == {"mean", "peak"}
    assert found["baselines"].keys() == {
        "frame_difference", "windowed_difference", "background_distance", "foreground_speed", "two_cues",
    }  # fmt: skip
    assert found["ahead"].keys() == found["baselines"].keys()
    assert all(ahead["low"] <= ahead["auc"] <= ahead["high"] for ahead in found["ahead"].values())
    assert all(auc.keys() == found["auc"].keys() for auc in found["baselines"].values())
    assert (found["frames"], found["skipped_frames"], found["abnormal_frames"]) == (46, 2, 14)
    assert found["per_clip"].keys() == {"01", "02"}
    assert found["clips_in_macro"] == 2
    assert {what for what, _, _ in seen} == {"background", "baselines", "scoring"}


@pytest.mark.slow
def test_a_predictor_is_fitted_exported_and_evaluated(make_data: MakeData, tmp_path: Path) -> None:
    """The desktop's whole way; tests may use the exporter, the training package may not."""
    from vad_edge_export.package import export_bundle

    data = make_data(frames=48, block=(30, 40))
    (data / "dataset.toml").write_text('name = "hall"\nsynthetic = true\n')
    config = {"height": 48, "width": 64, "channels": 4}
    fit = FitConfig(epochs=1, stride=8)
    trained = train_model(
        data,
        tmp_path / "fit",
        "predictor",
        config=config,
        fit=fit,
        cache=tmp_path / "cache",
        progress_bar=False,
    )
    exported = export_bundle(trained.best, tmp_path / "hall.vadb", data=data)

    found = evaluate_bundle(exported.path, data, with_baselines=True).to_json()
    assert (found["data"], found["synthetic"]) == ("hall", True)
    assert found["auc"].keys() == {"micro_online", "micro_per_clip", "macro"}
    assert found["cues"].keys() == {"prediction", "motion", "background"}
    assert len(found["baselines"]) == 5
    assert found["frames"] + found["skipped_frames"] == 2 * 48
    assert found["abnormal_frames"] == 2 * 11
    assert found["cues"]["background"]["micro_online"] > 0.8


def test_frames_the_model_does_not_see_are_skipped_in_every_score(
    calibrated_bundle: Bundle, make_data: MakeData
) -> None:
    data = make_data(testing=1, frames=40)
    (data / "dataset.toml").write_text("fps = 20\n")
    found = evaluate_bundle(calibrated_bundle.path, data, with_baselines=True)
    # The bundle's rate is half of the clips': every other frame, less one to warm up.
    assert (found.frames, found.skipped_frames) == (19, 21)
    ((scores,), (truth,)) = found.scores, found.truth
    assert len(scores) == len(truth) == 40
    assert sum(map(math.isfinite, scores)) == 19


def test_what_is_undefined_is_null(calibrated_bundle: Bundle, make_data: MakeData) -> None:
    data = make_data(testing=1)
    write_labels(data, *label_lines("01", [0] * 24))
    found = evaluate_bundle(calibrated_bundle.path, data, with_baselines=True).to_json()
    undefined = {"micro_online": None, "micro_per_clip": None, "macro": None}
    assert found["auc"] == found["cues"]["mean"] == found["baselines"]["frame_difference"] == undefined
    assert found["average_precision"] is None
    assert found["clips_in_macro"] == 0


def test_a_clip_too_short_to_warm_up_is_skipped(calibrated_bundle: Bundle, make_data: MakeData) -> None:
    data = make_data(testing=1)
    write_video(data / "testing" / "02.mkv", quiet_frames(1))
    write_labels(data, *label_lines("01", [0] * 14 + [1] * 10), "02,0,1")
    found = evaluate_bundle(calibrated_bundle.path, data).to_json()
    assert (found["frames"], found["skipped_frames"], found["abnormal_frames"]) == (23, 2, 10)
    assert found["per_clip"]["02"] is None


def test_clips_whose_names_have_dots_stay_apart(calibrated_bundle: Bundle, make_data: MakeData) -> None:
    data = make_data(testing=0)
    for name in ("gate.1", "gate.2"):
        write_images(data / "testing" / name, with_block(quiet_frames(24), 14, 20))
    abnormal = [int(14 <= frame <= 20) for frame in range(24)]
    write_labels(data, *label_lines("gate.1", abnormal), *label_lines("gate.2", abnormal))
    found = evaluate_bundle(calibrated_bundle.path, data).to_json()
    assert found["per_clip"].keys() == {"gate.1", "gate.2"}


@pytest.mark.parametrize("part", ["training", "testing"])
def test_baselines_refuse_clips_of_different_sizes(
    calibrated_bundle: Bundle, make_data: MakeData, part: str
) -> None:
    data = make_data()
    write_video(data / part / "02.mkv", quiet_frames(24, height=64, width=96))
    message = rf"{part}/02\.mkv: frame 0 is 64x96, those before it were 48x64; baselines compare clips"
    with pytest.raises(DataError, match=message):
        evaluate_bundle(calibrated_bundle.path, data, with_baselines=True)
    assert evaluate_bundle(calibrated_bundle.path, data).frames == 46


def test_a_training_clip_without_frames_gives_no_background(
    calibrated_bundle: Bundle, make_data: MakeData
) -> None:
    data = make_data()
    only_header(data / "training" / "02.mkv")
    with pytest.raises(DataError, match=r"training/02\.mkv: the clip has no frames; remove it"):
        evaluate_bundle(calibrated_bundle.path, data, with_baselines=True)


def test_a_testing_clip_that_was_cut_off_is_refused(calibrated_bundle: Bundle, make_data: MakeData) -> None:
    data = make_data(testing=1, frames=40)
    path = data / "testing" / "01.mkv"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(
        DataError, match=r"01\.mkv: 40 labels for \d+ frames; .* bytes of the file are missing"
    ):
        evaluate_bundle(calibrated_bundle.path, data)


def test_a_clip_of_one_class_counts_in_micro_alone(calibrated_bundle: Bundle, make_data: MakeData) -> None:
    data = make_data()
    write_labels(data, *label_lines("01", [0] * 14 + [1] * 10), *label_lines("02", [0] * 24))
    found = evaluate_bundle(calibrated_bundle.path, data).to_json()
    assert found["per_clip"]["02"] is None
    assert found["clips_in_macro"] == 1
    assert found["baselines"] == {}


def test_labels_of_another_length_are_refused(calibrated_bundle: Bundle, make_data: MakeData) -> None:
    data = make_data(testing=1, frames=21)
    write_labels(data, *label_lines("01", [0, 1]))
    with pytest.raises(DataError, match=r"01\.mkv: 2 labels for 21 frames; label every frame once"):
        evaluate_bundle(calibrated_bundle.path, data)


def test_a_bundle_without_calibration_is_refused(bundle: Bundle, make_data: MakeData) -> None:
    with pytest.raises(DataError, match="its fp32 graph has no calibration; export it with --data"):
        evaluate_bundle(bundle.path, make_data())


def test_a_graph_for_another_backend_is_evaluated_by_an_engine_that_runs_it(
    calibrated_bundle: Bundle, make_bundle: MakeBundle, make_data: MakeData
) -> None:
    original = calibrated_bundle.graph()
    elsewhere = original.model_copy(update={"precision": "int8", "backend": "tensorrt"})
    bundle, data = make_bundle(graphs=(original, elsewhere)), make_data()
    found = evaluate_bundle(
        bundle.path, data, engine=lambda: OnnxRuntimeEngine(bundle, elsewhere, 1), precision="int8"
    )
    assert found.auc == evaluate_bundle(bundle.path, data).auc
    with pytest.raises(EngineError, match="it has no int8 graph for onnxruntime"):
        evaluate_bundle(bundle.path, data, engine="onnxruntime", precision="int8")


def test_thinning_keeps_frames_evenly_and_few() -> None:
    assert _thinned(range(1000), most=10) == list(range(0, 1000, 128))  # type: ignore[arg-type]
    assert _thinned(range(3), most=10) == [0, 1, 2]  # type: ignore[arg-type]


def spiked(data: Path, frame: int) -> None:
    """Label one frame of the only testing clip; the block is in that frame alone."""
    write_video(data / "testing" / "01.mkv", with_block(quiet_frames(24, seed=60), frame, frame))
    write_labels(data, *label_lines("01", [int(number == frame) for number in range(24)]))


def test_a_score_belongs_to_the_frame_that_caused_it(calibrated_bundle: Bundle, make_data: MakeData) -> None:
    data = make_data(testing=1)
    spiked(data, 10)
    found = evaluate_bundle(calibrated_bundle.path, data)
    assert found.cues["peak"].micro_online == 1.0
    assert int(np.nanargmax(found.cue_scores[0]["peak"])) == 10


def test_a_model_that_looks_ahead_is_scored_where_its_score_belongs(
    make_bundle: MakeBundle, calibrated_bundle: Bundle, make_data: MakeData
) -> None:
    calibration = calibrated_bundle.graph().calibration
    late = make_bundle(calibration=calibration, clock=Clock(fps=10.0, warmup_frames=1, delay_frames=3))
    data = make_data(testing=1)
    spiked(data, 10)
    found = evaluate_bundle(late.path, data)
    assert int(np.nanargmax(found.cue_scores[0]["peak"])) == 7
    assert np.isnan(found.scores[0][-3:]).all()


def test_the_order_of_the_clips_changes_nothing(calibrated_bundle: Bundle, make_data: MakeData) -> None:
    data = make_data(testing=2)
    before = evaluate_bundle(calibrated_bundle.path, data).to_json()
    for one, other in (("01", "x"), ("02", "01"), ("x", "02")):
        (data / "testing" / f"{one}.mkv").rename(data / "testing" / f"{other}.mkv")
    after = evaluate_bundle(calibrated_bundle.path, data).to_json()
    for value in (before, after):
        value["per_clip"] = sorted(value["per_clip"].values())
    assert after == before


def test_masks_show_how_well_the_place_is_found(calibrated_bundle: Bundle, make_data: MakeData) -> None:
    data = make_data(testing=1)
    plain = evaluate_bundle(calibrated_bundle.path, data).to_json()
    assert (plain["rbdc"], plain["tbdc"]) == (None, None)
    masks = np.zeros((24, 48, 64), np.bool_)
    for frame in range(14, 21):
        left = 8 + frame % 8
        masks[frame, 16:32, left : left + 16] = True
    (data / "masks").mkdir()
    np.savez_compressed(data / "masks" / "01.npz", masks=np.packbits(masks, axis=-1), width=64)
    found = evaluate_bundle(calibrated_bundle.path, data).to_json()
    assert found["rbdc"] > 0.8
    assert found["tbdc"] > 0.8


def test_events_seen_in_training_are_left_out(
    make_bundle: MakeBundle, calibrated_bundle: Bundle, make_data: MakeData
) -> None:
    origin = calibrated_bundle.manifest.provenance.model_copy(update={"fold": "1/2"})
    bundle = make_bundle(calibration=calibrated_bundle.graph().calibration, provenance=origin)
    found = evaluate_bundle(bundle.path, make_data(testing=2)).to_json()
    # Clip 01's event is trained on: its 7 frames and two on either side are gone, clip 02 is whole.
    assert found["fold"] == "1/2"
    assert found["left_out_frames"] == 7 + 2 * 2
    assert found["frames"] + found["skipped_frames"] + found["left_out_frames"] == 48
    assert found["abnormal_frames"] == 7
    assert "Not comparable with one-class figures" in found["protocol"]


def test_the_published_mixture_of_cues_is_measured_where_there_is_one(
    make_bundle: MakeBundle, calibrated_bundle: Bundle, make_data: MakeData, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make_data()
    assert evaluate_bundle(calibrated_bundle.path, data).to_json()["paper"] is None
    origin = calibrated_bundle.manifest.provenance.model_copy(update={"model": "mnad"})
    bundle = make_bundle(calibration=calibrated_bundle.graph().calibration, provenance=origin)
    monkeypatch.setattr(
        "vad_edge_training.evaluate.evaluate._paper_weights", lambda model: {"mean": 0.5, "peak": 0.5}
    )
    assert evaluate_bundle(bundle.path, data).to_json()["paper"] > 0.8


def test_an_evaluation_becomes_numbers_and_pictures(
    calibrated_bundle: Bundle, make_data: MakeData, tmp_path: Path
) -> None:
    found = evaluate_bundle(calibrated_bundle.path, make_data())
    write_evaluation(found, tmp_path / "out")
    assert json.loads((tmp_path / "out" / "evaluation.json").read_text()) == found.to_json()
    for picture in ("roc.png", "curves/01.png", "curves/02.png"):
        image = cv2.imread(str(tmp_path / "out" / picture))
        assert image is not None
        assert image.std() > 0


def test_pictures_are_drawn_of_a_clip_of_one_class_too(
    calibrated_bundle: Bundle, make_data: MakeData, tmp_path: Path
) -> None:
    data = make_data(testing=1)
    write_labels(data, *label_lines("01", [0] * 24))
    write_evaluation(evaluate_bundle(calibrated_bundle.path, data), tmp_path / "out")
    assert (tmp_path / "out" / "roc.png").exists()
