from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from vad_edge.bundle.archive import Bundle, read_bundle, write_bundle
from vad_edge.bundle.manifest import Provenance
from vad_edge_export.lower import lower
from vad_edge_export.package import ExportReport, export_bundle
from vad_edge_training.fit.fit import train_model
from vad_edge_training.fit.schedule import FitConfig
from vad_edge_training.models.step import StepModel, StepSpec


class TinyModel(StepModel):
    """A running-mean background and two cues: mean and peak of the squared distance to it."""

    initial_background: Tensor
    initial_seen: Tensor

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.smooth = torch.nn.Conv2d(3, 3, 3, padding=1)
        self.register_buffer("initial_background", torch.rand(3, 32, 48) * 255)
        self.register_buffer("initial_seen", torch.zeros(1))
        states = {"background": (3, 32, 48), "seen": (1,)}
        self.spec = StepSpec("tiny", 32, 48, 4, 6, ("mean", "peak"), 10.0, 1, states)

    def advance(
        self, frame: Tensor, weight: Tensor, *state: Tensor
    ) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
        background, seen = state
        pixels = frame.permute(0, 3, 1, 2)
        difference = pixels - background
        squared = self.smooth(difference / 255).pow(2).mean(dim=1, keepdim=True)
        error_map = F.avg_pool2d(squared, 8).squeeze(1) * weight
        score = torch.stack((error_map.mean(dim=(1, 2)), error_map.amax(dim=(1, 2))), dim=1)
        return score, error_map, (background + 0.25 * difference, seen + 1)


@pytest.fixture(scope="session")
def model() -> TinyModel:
    return TinyModel().eval()


@pytest.fixture(scope="session")
def bundle(model: TinyModel, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    path = tmp_path_factory.mktemp("bundle") / "tiny.vadb"
    provenance = Provenance(created="2026-01-01T00:00:00+00:00", code_version="0.1.0")
    write_bundle(path, *lower(model, name="tiny", provenance=provenance))
    return read_bundle(path)


@pytest.fixture(scope="session")
def graph(bundle: Bundle) -> bytes:
    return bundle.member(bundle.graph().member)


@pytest.fixture(scope="session")
def frames() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (12, 32, 48, 3), np.uint8)


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
    trained = train_model(
        data, output, "predictor", config=CONFIG, fit=fit, cache=output / "cache", progress_bar=False
    )
    return trained.best


@pytest.fixture(scope="session")
def exported(checkpoint: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> ExportReport:
    return export_bundle(checkpoint, tmp_path_factory.mktemp("bundle") / "block.vadb", data=data)


@pytest.fixture(scope="session")
def labelled(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The normal clips, and one labelled clip in which the block jumps."""
    root = tmp_path_factory.mktemp("labelled")
    (root / "training").symlink_to(data / "training")
    folder = root / "testing" / "00"
    folder.mkdir(parents=True)
    random = np.random.default_rng(1)
    rows = ["clip,frame0,abnormal"]
    for index in range(60):
        image = random.integers(90, 110, (32, 48, 3)).astype(np.uint8)
        abnormal = 30 <= index < 45
        left = (17 * index if abnormal else index) % 40
        image[8:20, left : left + 8] = 200
        cv2.imwrite(str(folder / f"{index:03d}.png"), image)
        rows.append(f"00,{index},{int(abnormal)}")
    (root / "labels.csv").write_text("\n".join(rows) + "\n")
    (root / "dataset.toml").write_text('name = "jumping block"\nfps = 10.0\nsynthetic = true\n')
    return root
