from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from vad_edge.bundle.archive import read_bundle
from vad_edge_export.footage import fingerprint
from vad_edge_export.package import ExportReport, export_bundle
from vad_edge_training.fit import train_model
from vad_edge_training.schedule import FitConfig

CONFIG = {"height": 32, "width": 48, "channels": 4, "history": 2}


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six clips of a bright block that walks over noise, as folders of images."""
    root = tmp_path_factory.mktemp("data")
    random = np.random.default_rng(0)
    for clip in range(6):
        folder = root / "training" / f"{clip:02d}"
        folder.mkdir(parents=True)
        for index in range(60):
            image = random.integers(90, 110, (32, 48, 3)).astype(np.uint8)
            image[8:20, (index + 7 * clip) % 40 :][:, :8] = 200
            cv2.imwrite(str(folder / f"{index:03d}.png"), image)
    (root / "testing").mkdir()
    (root / "labels.csv").write_text("clip,frame0,abnormal\n")
    (root / "dataset.toml").write_text('name = "walking block"\nfps = 10.0\nsynthetic = true\n')
    return root


@pytest.fixture(scope="session")
def checkpoint(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("training")
    fit = FitConfig(epochs=1, stride=16)
    trained = train_model(data, output, config=CONFIG, fit=fit, cache=output / "cache", progress_bar=False)
    return trained.best


@pytest.fixture(scope="session")
def exported(checkpoint: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> ExportReport:
    return export_bundle(checkpoint, tmp_path_factory.mktemp("bundle") / "block.vadb", data=data)


def test_a_checkpoint_becomes_a_bundle_with_parity_and_calibration(exported: ExportReport) -> None:
    bundle = read_bundle(exported.path)
    assert bundle.manifest.name == "block"
    assert bundle.manifest.provenance.parity == exported.parity.to_dict()
    calibration = bundle.graph().calibration
    assert calibration is not None
    assert calibration.seconds == exported.calibration_s > 0
    assert exported.size_bytes == exported.path.stat().st_size


def test_the_bundle_knows_its_data(exported: ExportReport) -> None:
    provenance = read_bundle(exported.path).manifest.provenance
    assert provenance.trained_on == "walking block"
    assert provenance.synthetic
    assert len(provenance.data_fingerprint) == 64


def test_the_calibration_is_on_clips_the_model_was_not_fitted_on(exported: ExportReport, data: Path) -> None:
    calibration = read_bundle(exported.path).graph().calibration
    assert calibration is not None
    prints = {fingerprint(clip) for clip in (data / "training").iterdir()}
    assert set(calibration.footage) < prints
    (note,) = exported.notes
    assert note.startswith(f"calibrated on {calibration.seconds:.0f} s: anything rarer than 1 frame in")
