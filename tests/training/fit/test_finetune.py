from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.support.tiny_models import TINY
from tests.training.conftest import MakeData

from vad_edge.errors import DataError
from vad_edge_training.datasets.folds import Fold
from vad_edge_training.fit.checkpoint import load_model, read_checkpoint
from vad_edge_training.fit.finetune import FineTuned, check_footage, fine_tune
from vad_edge_training.fit.fit import train_model
from vad_edge_training.fit.schedule import FitConfig
from vad_edge_training.models.model import Model

FIT = FitConfig(epochs=1, batch_size=4, stride=3)


def fitted(data: Path, output: Path, model: str, **options: Any) -> Path:
    cache = data.parent / "cache"
    config = TINY[model]
    options = {"fit": FIT, **options}
    return train_model(data, output, model, config, cache=cache, progress_bar=False, **options).best


def tuned(checkpoint: Path, data: Path, output: Path, **options: Any) -> FineTuned:
    def nothing(model: Model) -> nullcontext[None]:
        return nullcontext()

    told = {"fine_tuned": "for the test"}
    options = {"epochs": 2, "around": nothing, "told": told, "cache": data.parent / "cache", **options}
    return fine_tune(checkpoint, data, output, **options)


def test_a_model_is_fitted_on_and_its_checkpoint_says_so(make_data: MakeData, tmp_path: Path) -> None:
    data = make_data()
    checkpoint = fitted(data, tmp_path / "fit", "predictor")
    seen: list[tuple[str, int, int]] = []
    found = tuned(checkpoint, data, tmp_path / "tuned", on_progress=lambda *at: seen.append(at))
    assert found.loss_after < found.loss_before
    after, before = (read_checkpoint(path)["hyper_parameters"] for path in (found.best, checkpoint))
    assert after == {**before, "data": {**before["data"], "fine_tuned": "for the test"}}
    what, done, total = seen[-1]
    assert (what, done) == ("fine-tuning", total)


def test_normalisation_keeps_its_statistics(make_data: MakeData, tmp_path: Path) -> None:
    data = make_data()
    checkpoint = fitted(data, tmp_path / "fit", "mnad")
    found = tuned(checkpoint, data, tmp_path / "tuned")
    after, before = (load_model(path).state_dict() for path in (found.best, checkpoint))
    statistics = [name for name in before if name.endswith(("running_mean", "running_var"))]
    assert statistics
    assert all(torch.equal(after[name], before[name]) for name in statistics)
    assert any(not torch.equal(after[name], before[name]) for name in before)


def test_a_model_of_labelled_anomalies_keeps_its_fold(make_data: MakeData, tmp_path: Path) -> None:
    data = make_data(testing=4)
    checkpoint = fitted(data, tmp_path / "fit", "smdnet", fold=Fold.parse("1/2"))
    found = tuned(checkpoint, data, tmp_path / "tuned", epochs=1)
    assert read_checkpoint(found.best)["hyper_parameters"]["data"]["fold"] == "1/2"


def test_other_footage_is_refused(make_data: MakeData, tmp_path: Path) -> None:
    data = make_data()
    checkpoint = fitted(data, tmp_path / "fit", "student")
    check_footage(checkpoint, data)
    (data / "training" / "01.mkv").unlink()
    with pytest.raises(DataError, match="which of these were held out is not known; give the folder"):
        tuned(checkpoint, data, tmp_path / "tuned")
