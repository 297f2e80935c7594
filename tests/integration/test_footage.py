"""The shipped research bundle on the real footage it was measured on."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from vad_edge.bundle.archive import read_bundle
from vad_edge.pipeline import score_recording

ROOT = Path(__file__).parents[2]
PED2 = ROOT.parent / "shared" / "data" / "ped2"

pytestmark = [
    pytest.mark.footage,
    pytest.mark.skipif(not PED2.exists(), reason=f"the real footage is not there: {PED2.name}"),
]


def test_the_ped2_bundle_tells_abnormal_frames_of_a_real_clip() -> None:
    with (PED2 / "labels.csv").open(newline="") as stream:
        truth = np.array([row["abnormal"] == "1" for row in csv.DictReader(stream) if int(row["clip"]) == 4])
    bundle = read_bundle(ROOT / "examples" / "bundles" / "ped2.vadb")
    found = score_recording(bundle, PED2 / "testing" / "04.mkv")
    valid = np.isfinite(found.surprise)
    assert valid.sum() == len(truth) - bundle.manifest.clock.warmup_frames
    assert roc_auc_score(truth[valid], found.surprise[valid]) > 0.97
