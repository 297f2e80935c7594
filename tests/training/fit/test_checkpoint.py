from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from vad_edge.errors import DataError
from vad_edge_training.fit.checkpoint import load_model
from vad_edge_training.models.streaming_predictor import StreamingPredictor, StreamingPredictorConfig

TINY: dict[str, Any] = {"height": 16, "width": 24, "channels": 4}


@pytest.mark.parametrize("content", [b"hello", b""])
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "best.ckpt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"best\.ckpt: not a checkpoint of a model"):
        load_model(path)


def test_a_checkpoint_of_something_else_and_a_missing_one_are_refused(tmp_path: Path) -> None:
    torch.save({"state_dict": {}}, tmp_path / "other.ckpt")
    with pytest.raises(DataError, match=r"not a checkpoint of a model \(KeyError\)"):
        load_model(tmp_path / "other.ckpt")
    with pytest.raises(DataError, match="no such checkpoint"):
        load_model(tmp_path / "none.ckpt")


VERSIONS = {"versions": {"vad-edge": "0.0.9"}}


@pytest.mark.parametrize(
    ("model", "config", "message"),
    [
        ("predictor", TINY, "its weights do not fit the predictor it describes (made by vad-edge 0.0.9)"),
        (
            "predictor",
            {**TINY, "wings": 2},
            "this version cannot read (made by vad-edge 0.0.9): model 'predictor'",
        ),
        (
            "predictor",
            {**TINY, "width": 13},
            "cannot read (made by vad-edge 0.0.9): size: 16x13",
        ),
        (
            "oracle",
            TINY,
            "this version cannot read (made by vad-edge 0.0.9): model: there is no model 'oracle'",
        ),
        ("predictor", 3, "not a checkpoint of a model (TypeError)"),
    ],
)
def test_a_checkpoint_of_another_model_or_version_is_refused(
    tmp_path: Path, model: str, config: object, message: str
) -> None:
    path = tmp_path / "old.ckpt"
    facts = {"model": model, "config": config, "data": VERSIONS}
    torch.save({"hyper_parameters": facts, "state_dict": {}}, path)
    with pytest.raises(DataError) as refusal:
        load_model(path)
    assert message in str(refusal.value)
    assert str(refusal.value).endswith("; give best.ckpt of `vad-edge train`")


def test_a_checkpoint_may_not_run_code(tmp_path: Path) -> None:
    torch.save(StreamingPredictor(StreamingPredictorConfig(**TINY)), tmp_path / "module.ckpt")
    with pytest.raises(DataError, match=r"not a checkpoint of a model \(UnpicklingError\)"):
        load_model(tmp_path / "module.ckpt")
