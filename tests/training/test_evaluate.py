from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.training.conftest import MakeData, label_lines, write_labels

from vad_edge.bundle.archive import Bundle
from vad_edge.errors import DataError
from vad_edge_training.evaluate import _thinned, evaluate_bundle


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
        "frame_difference", "windowed_difference", "background_distance", "foreground_speed",
    }  # fmt: skip
    assert all(auc.keys() == found["auc"].keys() for auc in found["baselines"].values())
    assert (found["frames"], found["skipped_frames"], found["abnormal_frames"]) == (46, 2, 14)
    assert found["per_clip"].keys() == {"01", "02"}
    assert found["clips_in_macro"] == 2
    assert {what for what, _, _ in seen} == {"background", "scoring"}


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
    with pytest.raises(DataError, match="the bundle has no calibration; export it with --data"):
        evaluate_bundle(bundle.path, make_data())


def test_thinning_keeps_frames_evenly_and_few(tmp_path: Path) -> None:
    assert _thinned(range(1000), most=10) == list(range(0, 1000, 128))  # type: ignore[arg-type]
    assert _thinned(range(3), most=10) == [0, 1, 2]  # type: ignore[arg-type]
