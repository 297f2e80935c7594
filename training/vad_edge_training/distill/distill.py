"""A student that learns one more cue from other systems: their error maps, features and prototypes."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final, Literal

import lightning
from torch import Tensor

from vad_edge.errors import ConfigError
from vad_edge_training.datasets.anomalies import MIN_FRAMES
from vad_edge_training.datasets.frames import load_frames
from vad_edge_training.datasets.layouts import open_dataset
from vad_edge_training.distill.adapters import Adapters
from vad_edge_training.distill.examples import ExampleMaker, Listening, cut_pieces, listen
from vad_edge_training.distill.teachers import Offer, Teacher, open_teacher
from vad_edge_training.fit.batch import Batch
from vad_edge_training.fit.checkpoint import load_model, read_checkpoint
from vad_edge_training.fit.finetune import check_footage
from vad_edge_training.fit.fit import run_fit
from vad_edge_training.fit.hardware import ONE_DEVICE
from vad_edge_training.fit.history import LossHistory
from vad_edge_training.fit.lightning_module import ModelModule
from vad_edge_training.fit.progress import Progress, silent
from vad_edge_training.fit.schedule import FitConfig
from vad_edge_training.fit.split import split_clips
from vad_edge_training.fit.trainer import make_trainer
from vad_edge_training.models.distilled import INPUTS, DistilledConfig, DistilledStudent, map_loss
from vad_edge_training.models.student import Student

PIECES: Final = 16
"""Pieces of normal footage that are learned from, each as it is and with a synthetic anomaly."""

Match = Literal["maps", "features", "prototypes"]

MATCHES: Final[tuple[Match, ...]] = ("maps", "features", "prototypes")
"""What can be learned of a teacher. Maps always are: the cue is one."""

AUXILIARY: Final = {"features": 0.1, "prototypes": 0.1}
"""Weights of what is learned beside maps, in a loss that maps should lead.

On Ped2 a network that always says the usual loses 0.08 by maps and, weighted, 0.02 by features and 0.01 by
prototypes; once the maps are learned, all three are about as much.
"""

_log = logging.getLogger(__name__)


def distill(
    student: Path,
    teachers: Sequence[str],
    data: Path,
    output: Path,
    *,
    match: Collection[Match] = (),
    fit: FitConfig | None = None,
    channels: int | None = None,
    cache: Path | None = None,
    on_progress: Progress | None = None,
) -> Path:
    """Teach a fitted student what `teachers` say of places, and give the checkpoint of the result.

    student is the checkpoint of a student fitted on `data`. Teachers are checkpoints, or names of
    `teachers.CLASSICAL`; their maps are logarithms of errors, turned into surprises by what each says of
    normal footage, and averaged. Features and prototypes are matched by adapters that the checkpoint does not
    have; match names what of `MATCHES` is learned, all that the teachers have where it is empty. The examples
    are pieces of the clips the student was fitted on, each as it is and with a synthetic anomaly. output gets
    ``best.ckpt``, ``metrics.csv`` and the like. Raises ConfigError for settings that contradict each other
    and for an output with a model in it, DataError for a checkpoint or footage that will not do,
    KeyboardInterrupt on Ctrl-C.
    """
    report = on_progress or silent
    if not teachers:
        raise ConfigError("there is no teacher", where="teacher", fix="name a teacher")
    if (output / "best.ckpt").exists():
        raise ConfigError("there is a model already", where=str(output), fix="give another --output")
    check_footage(student, data)
    facts = read_checkpoint(student)["hyper_parameters"]
    fit = fit or DistilledStudent.defaults
    lightning.seed_everything(fit.seed, workers=True, verbose=False)
    net = _new_student(student, channels)
    size = net.config
    folder = open_dataset(data)
    frames = load_frames(
        folder, height=size.height, width=size.width, fps=size.fps, cache=cache, on_progress=report
    )
    fitted, held_out = split_clips([clip.name for clip in folder.training], frames, net.clip_length)
    opened = [open_teacher(each, [clip for _, clip in fitted], size.fps) for each in teachers]
    _check_offers(opened, match)

    warmup = max([net.spec.warmup_frames, *(teacher.warmup for teacher in opened)])
    shortest = warmup + MIN_FRAMES
    pieces = cut_pieces(fitted, PIECES, shortest)
    heard = [listen(teacher, pieces[::2], warmup, match or MATCHES) for teacher in opened]
    for each in heard:
        _log.info("%s teaches %s", each.teacher.name, _taught(each))
    examples = ExampleMaker(net, heard, warmup)
    training = examples.of(pieces, "examples", report)
    unseen = examples.of(cut_pieces(held_out, PIECES // 4, shortest), "held-out examples", report)

    told = {"teachers": [teacher.name for teacher in opened], "learned": [_taught(each) for each in heard]}
    about = {"model": net.card.name, "config": asdict(size), "data": {**facts["data"], **told}}
    output.mkdir(parents=True, exist_ok=True)
    trainer = make_trainer(output, fit, ONE_DEVICE, [LossHistory(report)], None, progress_bar=False)
    adapters = Adapters(size.channels, [each.inward.offer for each in heard if each.inward is not None])
    run_fit(trainer, _Schooling(net.train(), adapters, fit, about), training, unseen, fit)
    return output / "best.ckpt"


class _Schooling(ModelModule):
    """Fits the network to its examples, and adapters beside it that stay out of the checkpoint."""

    model: DistilledStudent

    def __init__(
        self, net: DistilledStudent, adapters: Adapters, fit: FitConfig, facts: dict[str, Any]
    ) -> None:
        super().__init__(net, fit, facts)
        self.adapters = adapters

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the student alone."""
        super().on_save_checkpoint(checkpoint)
        state = checkpoint["state_dict"]
        checkpoint["state_dict"] = {name: state[name] for name in state if name.startswith("model.")}

    def losses(self, batch: Batch, turn: str) -> dict[str, Tensor]:
        """The student's own loss and the adapters'; held-out examples are judged by the maps alone."""
        seen, *told = (part.permute(0, 3, 1, 2) for part in batch)
        hidden, predicted = self.model.predict(seen[:, :INPUTS])
        maps = map_loss(predicted, seen[:, INPUTS:])
        beside = self.adapters(hidden, told)
        loss = maps
        if self.training:
            for name, each in beside.items():
                loss = loss + AUXILIARY[name] * each
        return {"loss": loss, "maps": maps, **beside}


def _new_student(checkpoint: Path, channels: int | None) -> DistilledStudent:
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


def _check_offers(teachers: Sequence[Teacher], match: Collection[Match]) -> None:
    """Refuse to match what none of the teachers has."""
    offers = [teacher.inner.offer for teacher in teachers if teacher.inner is not None]
    for wanted in Offer._fields:
        if wanted in match and not any(any(offer.only([wanted])) for offer in offers):
            raise ConfigError(
                f"none of the teachers has {wanted}",
                where="match",
                fix=f"leave {wanted} out, or name a teacher that has some",
            )


def _taught(heard: Listening) -> str:
    counts = {} if heard.inward is None else heard.inward.offer._asdict()
    return ", ".join(["maps", *(f"{count} {name}" for name, count in counts.items() if count)])
