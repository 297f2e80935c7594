"""The training shell around a student; the student itself knows nothing of it."""

from __future__ import annotations

import math
from typing import Any

import lightning
import torch
from torch import Tensor

from vad_edge.errors import DataError
from vad_edge_training.models.student import Student, StudentConfig


class StudentModule(lightning.LightningModule):
    """Minimises a student's own loss; student and data are plain values that end in the checkpoint."""

    def __init__(self, student: dict[str, Any], data: dict[str, Any], learning_rate: float) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.student = Student(student_config(student))
        self._learning_rate = learning_rate

    def training_step(self, clip: Tensor, index: int) -> Tensor:
        """Loss of one batch, mirrored half of the time."""
        return self._loss(clip.flip(3) if torch.rand(()) < 0.5 else clip, "train")

    def validation_step(self, clip: Tensor, index: int) -> None:
        """Loss on held-out normal footage."""
        self._loss(clip, "val")

    def configure_optimizers(self) -> Any:
        """AdamW under a cosine that ends with the last step, also where a resumed fit has more epochs."""
        optimizer = torch.optim.AdamW(self.student.parameters(), self._learning_rate)
        steps = max(int(self.trainer.estimated_stepping_batches), 1)
        cosine = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: 0.5 + 0.5 * math.cos(math.pi * min(step / steps, 1.0))
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": cosine, "interval": "step"}}

    def _loss(self, clip: Tensor, part: str) -> Tensor:
        losses = self.student.loss(clip)
        if not torch.isfinite(losses["loss"]):
            raise DataError(
                f"the loss became {losses['loss'].item()} in epoch {self.current_epoch + 1}",
                fix="lower the learning rate, and look at the clips for broken frames",
            )
        for name, value in losses.items():
            self.log(f"{part}_{name}", value, prog_bar=name == "loss", on_step=False, on_epoch=True)
        return losses["loss"]


def student_config(values: dict[str, Any]) -> StudentConfig:
    """A configuration from the plain values a checkpoint holds."""
    return StudentConfig(**{**values, "error_windows": tuple(values["error_windows"])})
