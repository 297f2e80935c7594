from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.footage import quiet_frames, with_block, write_video
from tests.support.tiny_models import TINY

from vad_edge_export.experiments.recipe import Recipe
from vad_edge_export.experiments.sweep import sweep


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip folder: four quiet clips, and one with a block in some of its frames."""
    root = tmp_path_factory.mktemp("data")
    for number in range(4):
        write_video(root / "training" / f"{number:02d}.mkv", quiet_frames(48, seed=number))
    write_video(root / "testing" / "01.mkv", with_block(quiet_frames(24, seed=9), 14, 20))
    rows = [f"01,{frame},{int(14 <= frame <= 20)}" for frame in range(24)]
    (root / "labels.csv").write_text("\n".join(["clip,frame0,abnormal", *rows]) + "\n")
    return root


def recipe(*models: str, **changes: Any) -> Recipe:
    runs: list[dict[str, Any]] = [
        {"model": model, "config": TINY[model], "fit": {"epochs": 2, "stride": 8, "batch_size": 2}}
        for model in models
    ]
    return Recipe.model_validate({"dataset": "hall", "reduced": True, "run": runs, **changes})


@pytest.mark.slow
def test_a_sweep_goes_on_where_it_was_interrupted_and_does_nothing_twice(data: Path, tmp_path: Path) -> None:
    two = recipe("student", "mnad")
    cut = sweep(two, data, tmp_path / "out", max_minutes=1e-6, cache=tmp_path / "cache")
    assert cut == {}
    results = sweep(two, data, tmp_path / "out", cache=tmp_path / "cache")
    assert results.keys() == {"student", "mnad"}
    found = results["mnad"]["hall"]
    assert found["auc"].keys() == {"micro_online", "micro_per_clip", "macro"}
    assert np.isfinite(found["auc"]["micro_online"])
    assert (found["resolution"], found["reduced"], found["fit"]["epochs"]) == ("32x48", True, 2)
    assert found["chosen"]["on"] == "held-out normal clips"
    assert json.loads((tmp_path / "out" / "results.json").read_text()) == results

    trained = (tmp_path / "out" / "mnad" / "best.ckpt").stat().st_mtime_ns
    assert sweep(two, data, tmp_path / "out", cache=tmp_path / "cache") == results
    assert (tmp_path / "out" / "mnad" / "best.ckpt").stat().st_mtime_ns == trained


@pytest.mark.slow
def test_the_epoch_that_the_test_set_would_choose_is_shown_apart(data: Path, tmp_path: Path) -> None:
    every = recipe("student", oracle_every=1)
    found = sweep(every, data, tmp_path / "out", cache=tmp_path / "cache")["student"]["hall"]
    folder = tmp_path / "out" / "student"
    assert sorted(path.name for path in folder.glob("epoch-*")) == ["epoch-000.ckpt", "epoch-001.ckpt"]
    assert found["oracle"]["epoch"] in (1, 2)
    assert found["oracle"]["auc"]["micro_per_clip"] >= found["auc"]["micro_per_clip"]
    assert found["chosen"]["on"] == "held-out normal clips"
