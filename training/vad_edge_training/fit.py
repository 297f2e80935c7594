"""Fitting a student on normal footage, with Lightning."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
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

from vad_edge.errors import ConfigError, DataError
from vad_edge_training.datasets.clips import ClipFolder
from vad_edge_training.datasets.frames import load_frames
from vad_edge_training.datasets.subclips import SubclipDataset
from vad_edge_training.history import LossHistory, write_summary
from vad_edge_training.models.student import Student, StudentConfig
from vad_edge_training.progress import Progress, silent
from vad_edge_training.shell import StudentModule, student_config

HELD_OUT = 0.2
"""Share of the training frames not fitted: they pick the checkpoint and calibrate the bundle."""

PREPARE_FRAMES = 400


@dataclass(frozen=True)
class FitConfig:
    """How a student is fitted: clip_length frames make one example, every stride frames give one.

    Raises ConfigError for a value that is not positive.
    """

    epochs: int = 8
    batch_size: int = 8
    clip_length: int = 6
    stride: int = 4
    learning_rate: float = 1e-3
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "clip_length", "stride", "learning_rate"):
            value = getattr(self, name)
            if not value > 0:
                raise ConfigError(f"{name}: {value} is not above 0", fix=f"the default is {_default(name)}")


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

    output gets ``best.ckpt``, ``last.ckpt``, ``metrics.csv``, ``training.json`` and ``loss.png``. resume goes
    on from ``last.ckpt`` when there is one, with more epochs if asked. CUDA is used where it is. Raises
    DataError for data that does not fit and for a loss that is no number, ConfigError for settings that
    contradict each other or the checkpoint, SourceError for a clip that cannot be read, KeyboardInterrupt on
    Ctrl-C, after which ``last.ckpt`` holds the last whole epoch.
    """
    if fit.clip_length <= student.history:
        raise ConfigError(
            f"clip_length: {fit.clip_length} frames leave none to predict from {student.history}",
            fix=f"give at least {student.history + 1}",
        )
    lightning.seed_everything(fit.seed, workers=True, verbose=False)
    report = on_progress or silent
    folder = ClipFolder(data)
    frames = load_frames(
        folder, height=student.height, width=student.width, fps=student.fps, cache=cache, on_progress=report
    )
    names = [clip.name for clip in folder.training]
    fitted, held_out = split_clips(names, frames, fit.clip_length)
    origin = _origin(folder, fit, [name for name, _ in fitted], [name for name, _ in held_out])
    module = StudentModule(student=asdict(student), data=origin, learning_rate=fit.learning_rate)
    module.student.prepare(_sample([clip for _, clip in fitted], PREPARE_FRAMES))

    output.mkdir(parents=True, exist_ok=True)
    last = output / "last.ckpt"
    resumed = resume and last.exists()
    if resumed:
        _check_same(last, asdict(student), origin)
    history = LossHistory(report)
    trainer = _trainer(output, fit, history, progress_bar=progress_bar)
    with warnings.catch_warnings():
        # Our loaders read memory-mapped arrays: worker processes would cost more than they give.
        warnings.filterwarnings("ignore", message=".*does not have many workers")
        warnings.filterwarnings("ignore", message=".*exists and is not empty")
        warnings.filterwarnings("ignore", message=".*number of training batches")
        warnings.filterwarnings("ignore", message="The dirpath has changed")
        # Lightning's own call into torch; nothing a user can do about it.
        warnings.filterwarnings("ignore", message=r"`isinstance\(treespec, LeafSpec\)`")
        try:
            trainer.fit(
                module,
                _loader(fitted, fit, shuffle=True),
                _loader(held_out, fit, shuffle=False),
                ckpt_path=str(last) if resumed else None,
                weights_only=True,
            )
        except SystemExit as stopped:  # what Lightning makes of Ctrl-C
            raise KeyboardInterrupt from stopped
    write_summary(output, history.rows, {"student": asdict(student), "data": origin})
    return output / "best.ckpt"


def load_student(checkpoint: Path) -> Student:
    """The student of a checkpoint, ready to score. Raises DataError when the file is none of ours."""
    stored = read_checkpoint(checkpoint)
    student = Student(student_config(stored["hyper_parameters"]["student"]))
    weights = {
        name.removeprefix("student."): value
        for name, value in stored["state_dict"].items()
        if name.startswith("student.")
    }
    try:
        student.load_state_dict(weights)
    except RuntimeError as error:
        raise DataError(
            "its weights do not fit the student it describes",
            where=str(checkpoint),
            fix="give best.ckpt of `vad-edge train`",
        ) from error
    return student.eval()


def read_checkpoint(checkpoint: Path) -> dict[str, Any]:
    """The plain content of a checkpoint. Raises DataError when the file is none of ours."""
    if not checkpoint.exists():
        raise DataError("no such checkpoint", where=str(checkpoint), fix="give best.ckpt of a training")
    try:
        stored: dict[str, Any] = torch.load(checkpoint, map_location="cpu", weights_only=True)
        student_config(stored["hyper_parameters"]["student"])
        stored["hyper_parameters"]["data"], stored["state_dict"]
    except Exception as error:  # torch raises whatever its unpickler meets
        raise DataError(
            f"not a checkpoint of a student ({type(error).__name__})",
            where=str(checkpoint),
            fix="give best.ckpt of `vad-edge train`",
        ) from error
    return stored


Clips = list[tuple[str, NDArray[np.uint8]]]


def split_clips(
    names: Sequence[str], clips: Sequence[NDArray[np.uint8]], shortest: int
) -> tuple[Clips, Clips]:
    """The clips to fit and those to hold out: the last ones, as few as hold a fifth of all frames.

    A single clip gives its last fifth, under the same name. Raises DataError when less than `shortest`
    frames remain on either side.
    """
    named = list(zip(names, clips, strict=True))
    if len(named) > 1:
        wanted = HELD_OUT * sum(len(frames) for frames in clips)
        first = len(named) - 1
        while first > 1 and sum(len(frames) for frames in clips[first:]) < wanted:
            first -= 1
        fitted, held_out = named[:first], named[first:]
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


def _origin(
    folder: ClipFolder, fit: FitConfig, fitted: Sequence[str], held_out: Sequence[str]
) -> dict[str, Any]:
    return {
        "name": folder.name,
        "synthetic": folder.synthetic,
        "fingerprint": folder.fingerprint,
        "fitted_clips": list(fitted),
        "held_out_clips": [name for name in held_out if name not in fitted],
        "versions": {name: version(name) for name in ("vad-edge", "torch", "lightning")},
        "fit": asdict(fit),
    }


def _check_same(last: Path, student: dict[str, Any], origin: dict[str, Any]) -> None:
    """Refuse to go on from a checkpoint of another student, of other footage, or fitted otherwise."""
    stored = read_checkpoint(last)["hyper_parameters"]
    before, now = stored["data"], origin
    same = {
        "student": asdict(student_config(stored["student"])) == student,
        "footage": before["fingerprint"] == now["fingerprint"],
        "fit": {**before["fit"], "epochs": 0} == {**now["fit"], "epochs": 0},
    }
    changed = [name for name, kept in same.items() if not kept]
    if changed:
        raise ConfigError(
            f"cannot go on: {', '.join(changed)} changed since this checkpoint",
            where=str(last),
            fix="give the settings it began with (more epochs are fine), or another output folder",
        )


def _sample(clips: Sequence[NDArray[np.uint8]], count: int) -> Tensor:
    """At most `count` frames, evenly over the clips."""
    places = [(clip, place) for clip, frames in enumerate(clips) for place in range(len(frames))]
    every = -(-len(places) // count)
    return torch.from_numpy(np.stack([clips[clip][place] for clip, place in places[::every]]))


def _loader(clips: Clips, fit: FitConfig, *, shuffle: bool) -> DataLoader[Tensor]:
    frames = [frames for _, frames in clips]
    dataset = SubclipDataset(frames, fit.clip_length, fit.stride, jitter=shuffle)
    return DataLoader(dataset, batch_size=fit.batch_size, shuffle=shuffle)


def _trainer(output: Path, fit: FitConfig, history: LossHistory, *, progress_bar: bool) -> lightning.Trainer:
    # One for each: Lightning's own save_last keeps the last epoch that was better, not the last one.
    best = ModelCheckpoint(output, "best", monitor="val_loss", **_EACH_EPOCH)
    last = ModelCheckpoint(output, "last", **_EACH_EPOCH)
    callbacks: list[Callback] = [history, best, last]
    if progress_bar:
        callbacks.append(RichProgressBar())
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    return lightning.Trainer(
        max_epochs=fit.epochs,
        accelerator="auto",
        devices=1,
        callbacks=callbacks,
        logger=CSVLogger(output, name="", version=""),
        gradient_clip_val=1.0,
        deterministic="warn",
        enable_progress_bar=progress_bar,
        enable_model_summary=False,
        log_every_n_steps=1,
        num_sanity_val_steps=0,
    )


_EACH_EPOCH: dict[str, Any] = {"save_on_train_epoch_end": True, "enable_version_counter": False}


def _default(name: str) -> Any:
    return FitConfig.__dataclass_fields__[name].default
