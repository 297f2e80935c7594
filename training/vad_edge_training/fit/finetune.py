"""A fitted model fitted on for a little, under conditions that it was not fitted for, such as rounding."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import lightning
from lightning.pytorch.callbacks import Callback
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.data import DataLoader

from vad_edge.errors import ConfigError, DataError
from vad_edge_training.datasets.folds import Fold
from vad_edge_training.datasets.frames import load_frames
from vad_edge_training.datasets.layouts import open_dataset
from vad_edge_training.fit.checkpoint import load_model, read_checkpoint
from vad_edge_training.fit.fit import make_examples, quiet_lightning, run_fit
from vad_edge_training.fit.hardware import ONE_DEVICE
from vad_edge_training.fit.lightning_module import ModelModule
from vad_edge_training.fit.progress import Progress, silent
from vad_edge_training.fit.schedule import FitConfig
from vad_edge_training.fit.split import split_clips
from vad_edge_training.fit.trainer import make_trainer
from vad_edge_training.models.model import Model

RATE: Final = 0.1
"""Learning rate beside that of the fit which gave the checkpoint."""


@dataclass(frozen=True, slots=True)
class FineTuned:
    """A checkpoint of the epoch with the lowest held-out loss, and that loss before and after.

    Both losses are under the conditions of the fine-tuning.
    """

    best: Path
    loss_before: float
    loss_after: float


def fine_tune(
    checkpoint: Path,
    data: Path,
    output: Path,
    *,
    epochs: int,
    around: Callable[[Model], AbstractContextManager[object]],
    told: dict[str, Any],
    cache: Path | None = None,
    on_progress: Progress | None = None,
) -> FineTuned:
    """Go on fitting a checkpoint's model with the losses of its last phase, at a tenth of its learning rate.

    data is the folder it was fitted on: the clips that were held out still are. around gives what the fit
    runs in, for the model. told goes into the new checkpoint beside what the old one says of its data.
    Normalisation keeps the statistics it has, as in the graph. output gets ``best.ckpt`` and logs. Raises
    ConfigError for a model that was fitted by `distill`, DataError for other footage or a loss that is no
    number, and else as `train_model`.
    """
    report = on_progress or silent
    facts = read_checkpoint(checkpoint)["hyper_parameters"]
    origin = facts["data"]
    folder = open_dataset(data)
    check_footage(checkpoint, data)
    net = load_model(checkpoint)
    if net.needs_teachers:
        raise ConfigError(
            f"a {net.card.name} is fitted to its teachers' maps, which are not kept",
            where=str(checkpoint),
            fix="leave --fine-tune out, or fine-tune the student and distil again",
        )
    size = net.config
    frames = load_frames(
        folder, height=size.height, width=size.width, fps=size.fps, cache=cache, on_progress=report
    )
    first = FitConfig(**origin["fit"])
    fit = replace(first, epochs=epochs, learning_rate=RATE * first.learning_rate)
    split = split_clips([clip.name for clip in folder.training], frames, net.clip_length)
    fold = Fold.parse(origin["fold"]) if origin.get("fold") else None
    training, unseen = make_examples(net, folder, split, fit, fold)
    lightning.seed_everything(fit.seed, workers=True, verbose=False)
    module = _Tuned(net, fit, {**facts, "data": {**origin, **told}})
    output.mkdir(parents=True, exist_ok=True)
    trainer = make_trainer(output, fit, ONE_DEVICE, [_Told(report)], None, progress_bar=False)
    with around(net):
        with quiet_lightning():
            (before,) = trainer.validate(module, DataLoader(unseen, fit.batch_size), verbose=False)
        module.train()
        run_fit(trainer, module, training, unseen, fit)
    best = trainer.checkpoint_callback
    after = None if best is None else getattr(best, "best_model_score", None)
    if after is None:
        raise DataError("no epoch of the fine-tuning came to an end", where=str(checkpoint))
    return FineTuned(output / "best.ckpt", before["val_loss"], float(after))


def check_footage(checkpoint: Path, data: Path) -> None:
    """Raise DataError where a checkpoint was fitted on other clips than those of `data`."""
    origin = read_checkpoint(checkpoint)["hyper_parameters"]["data"]
    if origin["fingerprint"] != open_dataset(data).fingerprint:
        raise DataError(
            f"it was fitted on other clips than those of {data}: which of these were held out is not known",
            where=str(checkpoint),
            fix="give the folder it was fitted on",
        )


class _Tuned(ModelModule):
    """The last phase alone, of a model that is set up already."""

    def __init__(self, model: Model, fit: FitConfig, facts: dict[str, Any]) -> None:
        super().__init__(model, fit, facts)
        self._phases = (replace(model.phases()[-1], share=1.0),)

    def on_train_epoch_start(self) -> None:
        """Learn, but leave the statistics of normalisation: the graph has them folded into its weights."""
        for part in self.model.modules():
            if isinstance(part, _BatchNorm):
                part.eval()


class _Told(Callback):
    """Tells how many batches are done."""

    def __init__(self, report: Progress) -> None:
        self._report = report

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: Any) -> None:
        done = trainer.fit_loop.total_batch_idx + 1
        self._report("fine-tuning", done, int(trainer.num_training_batches) * (trainer.max_epochs or 1))
