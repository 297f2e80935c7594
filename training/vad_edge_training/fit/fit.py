"""Fitting a model on normal footage, with Lightning."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as Examples

from vad_edge.errors import ConfigError, DataError
from vad_edge.video.clips import fingerprint
from vad_edge_training.datasets.checks import judge, measure_footage
from vad_edge_training.datasets.dataset import Dataset
from vad_edge_training.datasets.folds import Fold
from vad_edge_training.datasets.frames import load_frames
from vad_edge_training.datasets.input_size import suited_config
from vad_edge_training.datasets.layouts import open_dataset
from vad_edge_training.datasets.subclips import SubclipDataset
from vad_edge_training.datasets.triplets import TripletDataset, abnormal_clips
from vad_edge_training.fit.batch import Batch, each
from vad_edge_training.fit.checkpoint import read_checkpoint
from vad_edge_training.fit.hardware import ONE_DEVICE, Hardware, attempt_step, largest_batch, out_of_memory
from vad_edge_training.fit.history import LossHistory, write_summary
from vad_edge_training.fit.lightning_module import ModelModule
from vad_edge_training.fit.progress import Progress, silent
from vad_edge_training.fit.schedule import FitConfig, first_epochs
from vad_edge_training.fit.split import Clips, split_clips
from vad_edge_training.fit.trainer import make_trainer, was_told_to_end
from vad_edge_training.models.model import Model
from vad_edge_training.models.registry import build, config_of, model_type

PREPARE_FRAMES = 400

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Trained:
    """Where a fit ended: its checkpoint with the lowest held-out loss, and how far it came.

    best is there once the schedule's last phase has begun.
    """

    best: Path
    epochs: int
    finished: bool


def train_model(
    data: Path,
    output: Path,
    model: str = "student",
    config: dict[str, Any] | None = None,
    fit: FitConfig | None = None,
    *,
    fold: Fold | None = None,
    hardware: Hardware = ONE_DEVICE,
    resume: bool = False,
    max_minutes: float | None = None,
    keep_every: int | None = None,
    cache: Path | None = None,
    progress_bar: bool = True,
    on_progress: Progress | None = None,
) -> Trained:
    """Fit a model on the training clips of `data`.

    config are values of the model's configuration, fit its own settings, both the model's defaults where
    left out; a model that follows its footage takes size and frame rate from that. What is doubtful about the
    footage is logged and kept in the checkpoint. fold belongs to a model that learns from labelled anomalies:
    those it may see. output gets ``best.ckpt``, ``last.ckpt``, ``metrics.csv``, TensorBoard's events,
    ``training.json`` and ``loss.png``; keep_every adds ``epoch-NNN.ckpt`` of every so many epochs of the last
    phase. resume goes on from ``last.ckpt`` when there is one, with more epochs if asked; max_minutes ends
    the fit after a whole epoch, to be resumed. Raises DataError for data that does not fit and for a loss
    that is no number, ConfigError for settings that contradict each other or the checkpoint and for an output
    with a training in it that is not to be resumed, SourceError for a clip that cannot be read, DeviceError
    where a GPU's memory does not suffice, KeyboardInterrupt on Ctrl-C or SIGTERM, after which ``last.ckpt``
    holds the last whole epoch.
    """
    last = output / "last.ckpt"
    if last.exists() and not resume:
        raise ConfigError(
            "there is a training already",
            where=str(output),
            fix="go on with --resume, or give another --output",
        )
    kind = model_type(model)
    hardware = hardware.settled(mixes=kind.mixes_precision)
    _check_kind(kind, fold)
    fit = fit or kind.defaults
    config_of(model, config or {})
    lightning.seed_everything(fit.seed, workers=True, verbose=False)
    report = on_progress or silent
    folder = open_dataset(data)
    suited = suited_config(folder, multiple=kind.config_type.multiple) if kind.follows_footage else {}
    settings = config_of(model, {**suited, **(config or {})})
    frames = load_frames(
        folder,
        height=settings.height,
        width=settings.width,
        fps=settings.fps,
        cache=cache,
        on_progress=report,
    )
    net = build(model, asdict(settings))
    last_phase = first_epochs(net.phases(), fit.epochs)[-1]
    names = [clip.name for clip in folder.training]
    doubts = _doubts(names, frames, settings.fps, folder.root)
    fitted, held_out = split_clips(names, frames, net.clip_length)
    origin = _origin(folder, fit, [name for name, _ in fitted], [name for name, _ in held_out], fold)
    origin["doubts"] = doubts
    seconds = sum(len(clip) for _, clip in fitted) / settings.fps
    net.prepare(_sample([clip for _, clip in fitted], PREPARE_FRAMES), seconds)

    facts = {"model": model, "config": asdict(settings), "data": origin}
    output.mkdir(parents=True, exist_ok=True)
    resumed = resume and last.exists()
    if resumed:
        _check_same(last, facts)
    elif resume:
        _log.info("%s holds nothing to go on from: the training begins", output)
    history = LossHistory(report)
    trainer = make_trainer(
        output, fit, hardware, [history], max_minutes, keep_every, progress_bar=progress_bar
    )
    training, unseen = make_examples(net, folder, (fitted, held_out), fit, fold)
    module = ModelModule(net, fit, facts)
    run_fit(trainer, module, training, unseen, fit, last if resumed else None)
    if trainer.is_global_zero:
        write_summary(output, history.rows, {**facts, "hardware": asdict(hardware)}, last_phase)
    done = len(history.rows)
    return Trained(output / "best.ckpt", done, done >= fit.epochs)


def make_examples(
    net: Model, folder: Dataset, split: tuple[Clips, Clips], fit: FitConfig, fold: Fold | None
) -> tuple[Examples[Tensor], Examples[Tensor]]:
    """What a model is fitted on, and what it is judged by: split as `split_clips` gives it.

    Raises DataError where the fold's labelled anomalies are too few or too short.
    """
    fitted, held_out = ([clip for _, clip in part] for part in split)
    normal = SubclipDataset(fitted, net.clip_length, fit.stride, jitter=True)
    unseen = SubclipDataset(held_out, net.clip_length, fit.stride)
    if fold is None:
        return normal, unseen
    size = net.config
    abnormal = abnormal_clips(
        folder, fold, height=size.height, width=size.width, fps=size.fps, length=net.clip_length
    )
    return TripletDataset(normal, abnormal, net.clip_length), unseen


def run_fit(
    trainer: lightning.Trainer,
    module: ModelModule,
    training: Examples[Batch],
    unseen: Examples[Batch],
    fit: FitConfig,
    resume_from: Path | None = None,
) -> None:
    """Fit on `training`, judged on `unseen`. Raises as `train_model` does."""
    with quiet_lightning(), _memory_told(module, training, fit):
        try:
            trainer.fit(
                module,
                DataLoader(training, fit.batch_size, shuffle=True),
                DataLoader(unseen, fit.batch_size),
                ckpt_path=None if resume_from is None else str(resume_from),
                weights_only=True,
            )
        except SystemExit as stopped:  # what Lightning makes of Ctrl-C
            raise KeyboardInterrupt from stopped
        except RuntimeError as error:
            if was_told_to_end(trainer):  # and so was another process of the fit, which has
                raise KeyboardInterrupt from error
            raise


def _doubts(names: Sequence[str], frames: Sequence[NDArray[np.uint8]], fps: float, where: Path) -> list[str]:
    """What is doubtful about footage. Raises DataError where it is useless."""
    findings = judge(measure_footage(names, frames, fps))
    for finding in findings:
        if finding.kind == "fault":
            raise DataError(finding.text, where=str(where), fix=finding.fix)
        _log.warning("%s; %s", finding.text, finding.fix)
    return [finding.text for finding in findings]


def _origin(
    folder: Dataset, fit: FitConfig, fitted: Sequence[str], held_out: Sequence[str], fold: Fold | None
) -> dict[str, Any]:
    return {
        "name": folder.name,
        "synthetic": folder.synthetic,
        "fingerprint": folder.fingerprint,
        "fitted_clips": list(fitted),
        "fitted_footage": [fingerprint(clip) for clip in folder.training if clip.name in fitted],
        "held_out_clips": [name for name in held_out if name not in fitted],
        "versions": {name: version(name) for name in ("vad-edge", "torch", "lightning")},
        "fit": asdict(fit),
        "fold": str(fold) if fold else None,
    }


def _check_kind(kind: type[Model], fold: Fold | None) -> None:
    card = kind.card
    if kind.needs_teachers:
        raise ConfigError(
            f"{card.name} learns from other systems",
            where="model",
            fix="train a student, then: vad-edge distill --student out/train/best.ckpt --teacher ...",
        )
    if card.one_class and fold is not None:
        raise ConfigError(
            f"{card.name} learns from normal footage alone", where="fold", fix="leave --fold out"
        )
    if not card.one_class and fold is None:
        raise ConfigError(
            f"{card.name} learns from labelled anomalies too",
            where="fold",
            fix="say which part of them it may see, such as --fold 1/5; the others are for the test",
        )


def _check_same(last: Path, facts: dict[str, Any]) -> None:
    """Refuse to go on from a checkpoint of another model, of other footage, or fitted otherwise."""
    stored = read_checkpoint(last)["hyper_parameters"]
    before, now = stored["data"], facts["data"]
    same = {
        "model": stored["model"] == facts["model"],
        "configuration": _plain(stored["config"]) == _plain(facts["config"]),
        "footage": before["fingerprint"] == now["fingerprint"],
        "fold": before["fold"] == now["fold"],
        "fit": {**before["fit"], "epochs": 0} == {**now["fit"], "epochs": 0},
    }
    changed = [name for name, kept in same.items() if not kept]
    if changed:
        raise ConfigError(
            f"cannot go on: {', '.join(changed)} changed since this checkpoint",
            where=str(last),
            fix="give the settings it began with (more epochs are fine), or another output folder",
        )


def _plain(config: dict[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in config.items()}


def _sample(clips: Sequence[NDArray[np.uint8]], count: int) -> Tensor:
    """At most `count` frames, evenly over the clips."""
    places = [(clip, place) for clip, frames in enumerate(clips) for place in range(len(frames))]
    every = -(-len(places) // count)
    return torch.from_numpy(np.stack([clips[clip][place] for clip, place in places[::every]]))


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Without what Lightning says of things done on purpose, and of its own insides."""
    with warnings.catch_warnings():
        # Our loaders read memory-mapped arrays: worker processes would cost more than they give.
        warnings.filterwarnings("ignore", message=".*does not have many workers")
        warnings.filterwarnings("ignore", message=".*exists and is not empty")
        warnings.filterwarnings("ignore", message=".*number of training batches")
        warnings.filterwarnings("ignore", message="The dirpath has changed")
        warnings.filterwarnings("ignore", message=r"`isinstance\(treespec, LeafSpec\)`")
        yield


@contextmanager
def _memory_told(module: ModelModule, training: Examples[Batch], fit: FitConfig) -> Iterator[None]:
    """Turn a GPU's want of memory into an error that names the batch size that fits."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        turn = module.model.phases()[-1].turns[0].name
        example = each(training[0], lambda part: part.unsqueeze(0).to(module.device))
        module.zero_grad(set_to_none=True)
        attempt = attempt_step(lambda batch: module.losses(batch, turn)["loss"], example)
        fitting = largest_batch(attempt, fit.batch_size)
        raise out_of_memory(fit.batch_size, fitting, str(module.device)) from error
