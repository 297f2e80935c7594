"""What became of a fit: its losses, epoch by epoch, as numbers and as a picture."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback

from vad_edge_training.fit.progress import Progress

_log = logging.getLogger(__name__)

Row = dict[str, float]
"""Losses of one epoch by name, `epoch`, and the `seconds` it took."""


class LossHistory(Callback):
    """Collects each epoch's losses; travels in the checkpoint, so that a resumed fit keeps its past."""

    def __init__(self, on_progress: Progress) -> None:
        self.rows: list[Row] = []
        self._report = on_progress
        self._started = 0.0

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Note when the epoch began."""
        self._started = time.monotonic()

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Note the epoch's losses."""
        losses = {name: float(value) for name, value in trainer.callback_metrics.items()}
        seconds = time.monotonic() - self._started
        self.rows.append({"epoch": trainer.current_epoch, "seconds": round(seconds, 2), **losses})
        done, total = trainer.current_epoch + 1, trainer.max_epochs or 0
        held_out = losses.get("val_loss", math.nan)
        if trainer.is_global_zero:
            _log.info("epoch %d of %d: loss %.5f, held-out %.5f", done, total, losses["train_loss"], held_out)
        self._report("fitting", done, total)

    def state_dict(self) -> dict[str, Any]:
        """The rows so far."""
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on after the rows of a checkpoint."""
        self.rows = list(state_dict["rows"])


def write_summary(folder: Path, rows: Sequence[Row], facts: dict[str, Any], last_phase: int) -> None:
    """Leave ``training.json``, which holds `facts` and the losses, and ``loss.png`` in `folder`.

    last_phase is the epoch with which the schedule's last phase begins: only from there on is an epoch the
    finished model, and one of them the best.
    """
    finished = [row for row in rows if row["epoch"] >= last_phase]
    summary = {
        "finished": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "best": min(finished, key=lambda row: row["val_loss"], default=None),
        "losses": list(rows),
        **facts,
    }
    (folder / "training.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    draw_losses(rows, folder / "loss.png")


def draw_losses(rows: Sequence[Row], path: Path) -> None:
    """Draw training and held-out loss over the epochs as a PNG."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(6, 3.5), layout="constrained")
    axes = figure.add_subplot()
    epochs = [row["epoch"] + 1 for row in rows]
    for name, label in (("train_loss", "fitted clips"), ("val_loss", "held-out clips")):
        axes.plot(epochs, [row[name] for row in rows], marker=".", label=label)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="epoch", ylabel="loss")
    axes.legend()
    figure.savefig(path, dpi=120)
