from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest

from vad_edge_training.fit.history import LossHistory, Row, draw_losses, write_summary
from vad_edge_training.fit.progress import silent

ROWS: list[Row] = [
    {"epoch": 0, "train_loss": 3.0, "val_loss": 2.0},
    {"epoch": 1, "train_loss": 2.0, "val_loss": 1.0},
    {"epoch": 2, "train_loss": 1.0, "val_loss": 1.5},
]


def test_the_summary_names_the_epoch_with_the_lowest_held_out_loss(tmp_path: Path) -> None:
    write_summary(tmp_path, ROWS, {"data": {"name": "hall"}}, last_phase=0)
    summary = json.loads((tmp_path / "training.json").read_text())
    assert summary["best"] == ROWS[1]
    assert summary["losses"] == ROWS
    assert summary["data"] == {"name": "hall"}


@pytest.mark.parametrize("count", [1, 3])
def test_losses_become_a_picture_that_opens(tmp_path: Path, count: int) -> None:
    draw_losses(ROWS[:count], tmp_path / "loss.png")
    image = cv2.imread(str(tmp_path / "loss.png"))
    assert image is not None
    assert image.std() > 0


def test_a_history_goes_on_after_the_rows_it_is_given() -> None:
    before, after = LossHistory(silent), LossHistory(silent)
    before.rows = list(ROWS)
    stored = before.state_dict()
    after.load_state_dict(stored)
    after.rows.append({"epoch": 3, "train_loss": 0.5, "val_loss": 0.9})
    assert after.rows[:3] == stored["rows"] == ROWS


def test_an_epoch_before_the_last_phase_is_never_the_best(tmp_path: Path) -> None:
    write_summary(tmp_path, ROWS, {}, last_phase=2)
    assert json.loads((tmp_path / "training.json").read_text())["best"] == ROWS[2]


def test_a_fit_that_ended_before_the_last_phase_has_no_best_epoch(tmp_path: Path) -> None:
    write_summary(tmp_path, ROWS, {}, last_phase=9)
    assert json.loads((tmp_path / "training.json").read_text())["best"] is None
