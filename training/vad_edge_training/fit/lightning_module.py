"""The training shell around a model; the model itself knows nothing of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import lightning
import torch
from torch import Tensor

from vad_edge.errors import DataError
from vad_edge_training.fit.batch import Batch, each, first
from vad_edge_training.fit.schedule import FitConfig, Turn, first_epochs, phase_at, rate_at, turn_at
from vad_edge_training.models.model import Model


class ModelModule(lightning.LightningModule):
    """Minimises a model's own losses by its own schedule; facts are plain values for the checkpoint."""

    def __init__(self, model: Model, fit: FitConfig, facts: dict[str, Any]) -> None:
        super().__init__()
        self.model = model
        self._phases = model.phases()
        self._fit = fit
        self._facts = facts

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Say in the checkpoint what it is."""
        checkpoint["hyper_parameters"] = self._facts

    @property
    def in_last_phase(self) -> bool:
        """Whether what is learned now is the finished model."""
        return self._phase == len(self._phases) - 1

    def on_train_epoch_start(self) -> None:
        """Let the model set up a phase that begins with this epoch."""
        if self.current_epoch not in first_epochs(self._phases, self._epochs):
            return
        with torch.no_grad():
            self.model.begin(self._phases[self._phase].name, self._batches())
        if self.trainer.world_size > 1:  # each process saw other clips; all go on from the first one's
            self.model.load_state_dict(self.trainer.strategy.broadcast(self.model.state_dict()))

    def losses(self, batch: Batch, turn: str) -> dict[str, Tensor]:
        """The losses of one batch, "loss" among them: the model's own, where a fit adds none of its own."""
        return self.model.training_loss(first(batch), turn)

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """Loss of one batch, mirrored half of the time."""
        mirrored = torch.rand(()) < 0.5
        seen = each(batch, lambda part: part.flip(-2)) if mirrored else batch
        return self._loss(seen, self._turn.name, "train")

    def validation_step(self, batch: Batch, index: int) -> None:
        """Loss on held-out normal footage: the finished model's, in every phase."""
        self._loss(batch, self._phases[-1].turns[0].name, "val")

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Keep what this turn may not move where it is; an optimiser passes over what has no gradient."""
        turn = self._turn
        for name, parameter in self.model.named_parameters():
            if not turn.may_move(name):
                parameter.grad = None

    def configure_optimizers(self) -> Any:
        """AdamW under the schedule's rates, also where a resumed fit has more epochs."""
        optimizer = torch.optim.AdamW(
            self.parameters(), self._fit.learning_rate, weight_decay=self._fit.weight_decay
        )
        epochs = self._epochs
        steps = max(int(self.trainer.estimated_stepping_batches) // epochs, 1)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: rate_at(self._phases, step, steps, epochs)
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    @property
    def _epochs(self) -> int:
        return int(self.trainer.max_epochs or 1)

    @property
    def _phase(self) -> int:
        return phase_at(self._phases, self.current_epoch, self._epochs)

    @property
    def _turn(self) -> Turn:
        return turn_at(self._phases[self._phase], self.global_step)

    def _batches(self) -> Iterator[Tensor]:
        loader: Any = self.trainer.train_dataloader
        return (batch.to(self.device) for batch in loader)

    def _loss(self, batch: Batch, turn: str, part: str) -> Tensor:
        losses = self.losses(batch, turn)
        if not torch.isfinite(losses["loss"]):
            raise DataError(
                f"the loss became {losses['loss'].item()} in epoch {self.current_epoch + 1}",
                fix="lower the learning rate, and look at the clips for broken frames",
            )
        for name, value in losses.items():
            self.log(
                f"{part}_{name}",
                value,
                prog_bar=name == "loss",
                on_step=False,
                on_epoch=True,
                batch_size=len(first(batch)),
                sync_dist=True,
            )
        return losses["loss"]
