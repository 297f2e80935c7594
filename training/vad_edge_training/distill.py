"""A student that learns one more cue from the error maps of other systems."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

import cv2
import lightning
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset as Examples

from vad_edge.bundle.calibration import Tail
from vad_edge.errors import ConfigError, DataError
from vad_edge.scoring.tail import fit_tail, tail_surprise
from vad_edge_training.checkpoint import load_model, read_checkpoint
from vad_edge_training.datasets.anomalies import KINDS, MIN_FRAMES, with_anomaly
from vad_edge_training.datasets.frames import load_frames
from vad_edge_training.datasets.layouts import open_dataset
from vad_edge_training.finetune import check_footage
from vad_edge_training.fit import run_fit
from vad_edge_training.hardware import ONE_DEVICE
from vad_edge_training.history import LossHistory
from vad_edge_training.models.distilled import DistilledConfig, DistilledStudent
from vad_edge_training.models.student import Student
from vad_edge_training.progress import Progress, silent
from vad_edge_training.schedule import FitConfig
from vad_edge_training.shell import ModelModule
from vad_edge_training.split import Clips, split_clips, spread
from vad_edge_training.teachers import Frames, Maps, Teacher, open_teacher
from vad_edge_training.trainer import make_trainer

PIECES: Final = 16
"""Pieces of normal footage that are learned from, each as it is and with a synthetic anomaly."""

PIECE_FRAMES: Final = 80
EVERY: Final = 2
"""Of a piece every so manyth frame is an example: neighbours show the same."""

SUREST: Final = 6.0
"""Surprise above which a teacher is simply sure; the network need not tell more."""

_SAMPLES: Final = 200_000


def distill(
    student: Path,
    teachers: Sequence[str],
    data: Path,
    output: Path,
    *,
    fit: FitConfig | None = None,
    channels: int | None = None,
    cache: Path | None = None,
    on_progress: Progress | None = None,
) -> Path:
    """Teach a fitted student what `teachers` say of places, and give the checkpoint of the result.

    student is the checkpoint of a student fitted on `data`. Teachers are checkpoints, or names of
    `teachers.CLASSICAL`; their maps are logarithms of errors, turned into surprises by what each says of
    normal footage, and averaged. The examples are pieces of the clips the student was fitted on, each as it
    is and with a synthetic anomaly. output gets ``best.ckpt``, ``metrics.csv`` and the like. Raises
    ConfigError for settings that contradict each other, DataError for a checkpoint or footage that will not
    do, KeyboardInterrupt on Ctrl-C.
    """
    report = on_progress or silent
    if not teachers:
        raise ConfigError("there is nobody to learn from", where="teacher", fix="name a teacher")
    check_footage(student, data)
    facts = read_checkpoint(student)["hyper_parameters"]
    fit = fit or DistilledStudent.defaults
    lightning.seed_everything(fit.seed, workers=True, verbose=False)
    net = _pupil(student, channels)
    size = net.config
    folder = open_dataset(data)
    frames = load_frames(
        folder, height=size.height, width=size.width, fps=size.fps, cache=cache, on_progress=report
    )
    fitted, held_out = split_clips([clip.name for clip in folder.training], frames, net.clip_length)
    opened = [open_teacher(each, [clip for _, clip in fitted], size.fps) for each in teachers]

    warmup = max([net.spec.warmup_frames, *(teacher.warmup for teacher in opened)])
    shortest = warmup + MIN_FRAMES
    pieces = _pieces(fitted, PIECES, shortest)
    tails = [_tail_of(teacher, pieces[::2], warmup) for teacher in opened]
    lessons = _Lessons(net, opened, tails, warmup)
    training = lessons.of(pieces, "lessons", report)
    unseen = lessons.of(_pieces(held_out, PIECES // 4, shortest), "held-out lessons", report)

    told = {"teachers": [teacher.name for teacher in opened]}
    about = {"model": net.card.name, "config": asdict(size), "data": {**facts["data"], **told}}
    output.mkdir(parents=True, exist_ok=True)
    trainer = make_trainer(output, fit, ONE_DEVICE, [LossHistory(report)], None, progress_bar=False)
    run_fit(trainer, ModelModule(net.train(), fit, about), training, unseen, fit)
    return output / "best.ckpt"


def _pupil(checkpoint: Path, channels: int | None) -> DistilledStudent:
    """A student that still has to learn, with all that the fitted one knows."""
    fitted = load_model(checkpoint)
    if type(fitted) is not Student:
        raise ConfigError(
            f"a {fitted.card.name} cannot be taught", where=str(checkpoint), fix="give best.ckpt of a student"
        )
    config = DistilledConfig(**asdict(fitted.config))
    net = DistilledStudent(config if channels is None else replace(config, channels=channels))
    net.load_state_dict(fitted.state_dict(), strict=False)
    return net.eval()


class _Lessons:
    """Turns pieces of footage into examples: what the network sees, and what the teachers say of it."""

    def __init__(
        self, net: DistilledStudent, teachers: Sequence[Teacher], tails: Sequence[Tail], warmup: int
    ) -> None:
        self._net = net
        self._teachers = teachers
        self._tails = tails
        self._warmup = warmup

    def of(self, pieces: Sequence[Frames], stage: str, report: Progress) -> Examples[Tensor]:
        """Examples, float32 (h, w, channels + 1) each."""
        examples: list[NDArray[np.float16]] = []
        for done, frames in enumerate(_as_it_is_and_spoiled(pieces)):
            report(stage, done, 2 * len(pieces))
            seen = self._net.views(torch.from_numpy(frames)).numpy()
            said = self._said(frames)[..., None]
            both = np.concatenate((seen, said), axis=-1)[self._warmup :: EVERY]
            examples.extend(both.astype(np.float16))
        report(stage, 2 * len(pieces), 2 * len(pieces))
        return _Examples(examples)

    def _said(self, frames: Frames) -> Maps:
        """The mean surprise of the teachers, (T, h, w) of the student's map."""
        spec = self._net.spec
        heard = []
        for teacher, tail in zip(self._teachers, self._tails, strict=True):
            surprise = np.minimum(tail_surprise(tail, teacher.maps(frames)), SUREST).astype(np.float32)
            heard.append(
                [
                    cv2.resize(each, (spec.map_width, spec.map_height), interpolation=cv2.INTER_LINEAR)
                    for each in surprise
                ]
            )
        return np.asarray(np.mean(heard, axis=0), np.float32)


class _Examples(Examples[Tensor]):
    def __init__(self, examples: Sequence[NDArray[np.float16]]) -> None:
        self._examples = examples

    def __len__(self) -> int:
        return len(self._examples)

    def __getitem__(self, place: int) -> Tensor:
        return torch.from_numpy(self._examples[place].astype(np.float32))


def _tail_of(teacher: Teacher, pieces: Sequence[Frames], warmup: int) -> Tail:
    """What the places of a teacher's maps hold in normal footage."""
    values = np.concatenate([teacher.maps(piece)[warmup:].ravel() for piece in pieces])
    return fit_tail(values[:: max(len(values) // _SAMPLES, 1)])


def _pieces(clips: Clips, most: int, shortest: int) -> list[Frames]:
    """At most `most` pieces, spread evenly over clips; all that there are where they are few."""
    places = [
        frames[start : start + PIECE_FRAMES]
        for _, frames in clips
        for start in range(0, max(len(frames) - shortest + 1, 0), PIECE_FRAMES)
    ]
    if not places:
        raise DataError(f"no clip has {shortest} frames", fix="give longer clips of the scene's normal life")
    return [np.array(places[place]) for place in spread(len(places), most)]


def _as_it_is_and_spoiled(pieces: Sequence[Frames]) -> Iterator[Frames]:
    for kind, piece in enumerate(pieces):
        yield piece
        yield with_anomaly(piece, kind % KINDS)[0]
