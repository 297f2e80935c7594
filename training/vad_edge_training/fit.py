"""Fitting a student on normal footage, with Lightning."""

from __future__ import annotations

import json
import logging
import math
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint, RichProgressBar
from lightning.pytorch.loggers import CSVLogger
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from vad_edge.errors import DataError
from vad_edge_training.datasets.clips import ClipFolder
from vad_edge_training.datasets.frames import Progress, SubclipDataset, load_frames
from vad_edge_training.models.student import Student, StudentConfig

HELD_OUT = 0.2
"""Share of the training clips not fitted: it picks the checkpoint and calibrates the bundle."""

PREPARE_FRAMES = 400


@dataclass(frozen=True)
class FitConfig:
    """How a student is fitted; clip_length frames make one example, and every stride-th frame begins one."""

    epochs: int = 8
    batch_size: int = 8
    clip_length: int = 6
    stride: int = 4
    learning_rate: float = 1e-3
    seed: int = 0


class StudentModule(lightning.LightningModule):
    """The training shell around a student; the student itself knows nothing of it."""

    def __init__(self, student: dict[str, Any], data: dict[str, Any], learning_rate: float) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.student = Student(student_config(student))
        self._learning_rate = learning_rate

    def training_step(self, clip: Tensor, index: int) -> Tensor:
        """Loss of one batch, mirrored half of the time."""
        if torch.rand(()) < 0.5:
            clip = clip.flip(3)
        losses = self.student.loss(clip)
        if not torch.isfinite(losses["loss"]):
            raise DataError(
                f"the loss became {losses['loss'].item()} in epoch {self.current_epoch}",
                fix="lower --learning-rate, and look at the clips for broken frames",
            )
        self.log("train_loss", losses["loss"], prog_bar=True, on_step=False, on_epoch=True)
        return losses["loss"]

    def validation_step(self, clip: Tensor, index: int) -> None:
        """Loss on held-out normal footage."""
        losses = self.student.loss(clip)
        self.log("val_loss", losses["loss"], prog_bar=True, on_epoch=True)
        self.log("val_mse", losses["mse"], on_epoch=True)

    def configure_optimizers(self) -> Any:
        """AdamW under a cosine that ends with the last step."""
        optimizer = torch.optim.AdamW(self.student.parameters(), self._learning_rate)
        steps = max(int(self.trainer.estimated_stepping_batches), 1)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def train_student(
    data: Path,
    output: Path,
    student: StudentConfig,
    fit: FitConfig = FitConfig(),
    *,
    resume: bool = False,
    cache: Path | None = None,
    progress_bar: bool = True,
    on_progress: Progress | None = None,
) -> Path:
    """Fit a student on the training clips of `data`; returns the checkpoint with the lowest held-out loss.

    output gets ``best.ckpt``, ``last.ckpt``, ``metrics.csv`` and ``training.json``. resume goes on from
    ``last.ckpt`` when there is one. CUDA is used where it is. Raises DataError for data that does not fit.
    """
    lightning.seed_everything(fit.seed, workers=True, verbose=False)
    folder = ClipFolder(data)
    frames = load_frames(
        folder,
        height=student.height,
        width=student.width,
        fps=student.fps,
        cache=cache,
        on_progress=on_progress,
    )
    names = [clip.name for clip in folder.training]
    fitted, held_out = split_clips(names, frames, fit.clip_length)
    origin = {
        "name": folder.name,
        "synthetic": folder.synthetic,
        "fingerprint": folder.fingerprint,
        "fitted_clips": [name for name, _ in fitted],
        "held_out_clips": [name for name, _ in held_out if name not in {f for f, _ in fitted}],
        "code_version": version("vad-edge"),
        "fit": asdict(fit),
    }
    module = StudentModule(student=asdict(student), data=origin, learning_rate=fit.learning_rate)
    module.student.prepare(_sample([clip for _, clip in fitted], PREPARE_FRAMES))
    output.mkdir(parents=True, exist_ok=True)
    keep = ModelCheckpoint(output, "best", monitor="val_loss", save_last=True, enable_version_counter=False)
    trainer = _trainer(output, fit, keep, progress_bar=progress_bar)
    last = output / "last.ckpt"
    with warnings.catch_warnings():
        # Our loaders read memory-mapped arrays: worker processes would cost more than they give.
        warnings.filterwarnings("ignore", message=".*does not have many workers")
        warnings.filterwarnings("ignore", message=".*exists and is not empty")
        warnings.filterwarnings("ignore", message=".*number of training batches")
        # Lightning's own call into torch; nothing a user can do about it.
        warnings.filterwarnings("ignore", message=r"`isinstance\(treespec, LeafSpec\)`")
        trainer.fit(
            module,
            _loader([clip for _, clip in fitted], fit, shuffle=True),
            _loader([clip for _, clip in held_out], fit, shuffle=False),
            ckpt_path=str(last) if resume and last.exists() else None,
            weights_only=True,
        )
    best = Path(keep.best_model_path)
    _write_summary(output, origin, student, trainer)
    return best


def load_student(checkpoint: Path) -> Student:
    """The student of a checkpoint, ready to score. Raises DataError when the file is none of ours."""
    stored = read_checkpoint(checkpoint)
    student = Student(student_config(stored["hyper_parameters"]["student"]))
    weights = {
        name.removeprefix("student."): value
        for name, value in stored["state_dict"].items()
        if name.startswith("student.")
    }
    student.load_state_dict(weights)
    return student.eval()


def read_checkpoint(checkpoint: Path) -> dict[str, Any]:
    """The plain content of a checkpoint. Raises DataError when the file is none of ours."""
    if not checkpoint.exists():
        raise DataError("no such checkpoint", where=str(checkpoint), fix="give best.ckpt of a training")
    try:
        stored: dict[str, Any] = torch.load(checkpoint, map_location="cpu", weights_only=True)
        stored["hyper_parameters"]["student"], stored["state_dict"]
    except Exception as error:  # torch raises whatever its unpickler meets
        raise DataError(
            f"not a checkpoint of a student ({type(error).__name__})",
            where=str(checkpoint),
            fix="give best.ckpt of `vad-edge train`",
        ) from error
    return stored


def student_config(values: dict[str, Any]) -> StudentConfig:
    """A configuration from the plain values a checkpoint holds."""
    return StudentConfig(**{**values, "error_windows": tuple(values["error_windows"])})


Clips = list[tuple[str, NDArray[np.uint8]]]


def split_clips(
    names: Sequence[str], clips: Sequence[NDArray[np.uint8]], shortest: int
) -> tuple[Clips, Clips]:
    """The clips to fit and those to hold out: the last fifth of them, at least one.

    A single clip gives its last fifth, under the same name. Raises DataError when less than `shortest`
    frames remain on either side.
    """
    named = list(zip(names, clips, strict=True))
    if len(named) > 1:
        count = max(round(len(named) * HELD_OUT), 1)
        fitted, held_out = named[:-count], named[-count:]
    else:
        name, frames = named[0]
        cut = round(len(frames) * (1 - HELD_OUT))
        fitted, held_out = [(name, frames[:cut])], [(name, frames[cut:])]
    for part, word in ((fitted, "fit"), (held_out, "hold out")):
        if not any(len(frames) >= shortest for _, frames in part):
            raise DataError(
                f"the clips to {word} have less than {shortest} frames", fix="record more normal life"
            )
    return fitted, held_out


def _sample(clips: Sequence[NDArray[np.uint8]], count: int) -> Tensor:
    """About `count` frames, evenly over the clips."""
    every = max(sum(len(clip) for clip in clips) // count, 1)
    return torch.from_numpy(np.concatenate([clip[::every] for clip in clips]))


def _loader(clips: list[NDArray[np.uint8]], fit: FitConfig, *, shuffle: bool) -> DataLoader[Tensor]:
    dataset = SubclipDataset(clips, fit.clip_length, fit.stride)
    return DataLoader(dataset, batch_size=fit.batch_size, shuffle=shuffle, drop_last=False)


def _trainer(output: Path, fit: FitConfig, keep: ModelCheckpoint, *, progress_bar: bool) -> lightning.Trainer:
    callbacks: list[Callback] = [keep]
    if progress_bar:
        callbacks.append(RichProgressBar())
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    return lightning.Trainer(
        max_epochs=fit.epochs,
        accelerator="auto",
        devices="auto",
        callbacks=callbacks,
        logger=CSVLogger(output, name="", version=""),
        gradient_clip_val=1.0,
        deterministic="warn",
        enable_progress_bar=progress_bar,
        enable_model_summary=False,
        log_every_n_steps=1,
        num_sanity_val_steps=0,
    )


def _write_summary(
    output: Path, origin: dict[str, Any], student: StudentConfig, trainer: lightning.Trainer
) -> None:
    figures = {name: float(value) for name, value in trainer.callback_metrics.items()}
    summary = {
        "finished": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "epochs": trainer.current_epoch,
        "last": {name: value for name, value in figures.items() if math.isfinite(value)},
        "student": asdict(student),
        "data": origin,
    }
    (output / "training.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
