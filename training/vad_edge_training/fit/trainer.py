"""Lightning's trainer as our fits want it."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import lightning
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Callback, ModelCheckpoint, RichProgressBar
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

from vad_edge.errors import ConfigError
from vad_edge_training.fit.hardware import Hardware
from vad_edge_training.fit.lightning_module import ModelModule
from vad_edge_training.fit.schedule import FitConfig

KEPT = "{epoch:03d}"
"""What a kept epoch's checkpoint is called; Lightning writes ``epoch-007`` for it."""

_EACH_EPOCH: dict[str, Any] = {"save_on_train_epoch_end": True, "enable_version_counter": False}


class _OfLastPhase(ModelCheckpoint):
    """Looks only at epochs that make the finished model."""

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        if isinstance(pl_module, ModelModule) and pl_module.in_last_phase:
            super().on_train_epoch_end(trainer, pl_module)


class _StopAfter(Callback):
    """Ends a fit with the epoch in which its time runs out."""

    def __init__(self, minutes: float) -> None:
        self._end = time.monotonic() + 60.0 * minutes

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        trainer.should_stop |= time.monotonic() >= self._end


class _EndOnTerm(Callback):
    """Ends a fit on SIGTERM as on Ctrl-C.

    Lightning's own handler speaks to the other processes of a fit from the middle of whatever it interrupts;
    where they were told to end, too, as by systemd, each may wait for the other for ever. Its teardown puts
    back what was there before the fit. told says that the signal has come.
    """

    told = False

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._end)

    def _end(self, number: int, frame: FrameType | None) -> None:
        self.told = True
        raise KeyboardInterrupt


def was_told_to_end(trainer: lightning.Trainer) -> bool:
    """Whether SIGTERM has come during the fit, whatever came of it."""
    return any(isinstance(each, _EndOnTerm) and each.told for each in trainer.callbacks)  # type: ignore[attr-defined]


def make_trainer(
    output: Path,
    fit: FitConfig,
    hardware: Hardware,
    callbacks: Sequence[Callback],
    max_minutes: float | None,
    keep_every: int | None = None,
    *,
    progress_bar: bool,
) -> lightning.Trainer:
    """A trainer that leaves ``best.ckpt``, ``last.ckpt``, ``metrics.csv`` and TensorBoard's events in output.

    max_minutes ends the fit with the epoch in which they run out. keep_every also leaves a checkpoint of
    every so many epochs of the last phase, ``epoch-001.ckpt`` and so on. Raises ConfigError for hardware that
    Lightning does not know or find.
    """
    # One for each: Lightning's own save_last keeps the last epoch that was better, not the last one.
    best = _OfLastPhase(output, "best", monitor="val_loss", **_EACH_EPOCH)
    last = ModelCheckpoint(output, "last", **_EACH_EPOCH)
    every: list[Callback] = [*callbacks, best, last, _EndOnTerm()]
    if keep_every is not None:
        kept = _OfLastPhase(output, KEPT, save_top_k=-1, every_n_epochs=keep_every, **_EACH_EPOCH)
        kept.CHECKPOINT_EQUALS_CHAR = "-"
        every.append(kept)
    if max_minutes is not None:
        every.append(_StopAfter(max_minutes))
    if progress_bar:
        every.append(RichProgressBar())
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    precision: Any = hardware.settled(mixes=False).precision
    try:
        return lightning.Trainer(
            max_epochs=fit.epochs,
            accelerator="auto",
            devices=hardware.devices,
            num_nodes=hardware.nodes,
            strategy=hardware.lightning_strategy,
            precision=precision,
            accumulate_grad_batches=fit.accumulate,
            callbacks=every,
            logger=[CSVLogger(output, name="", version=""), TensorBoardLogger(output, name="", version="")],
            gradient_clip_val=1.0,
            deterministic="warn",
            enable_progress_bar=progress_bar,
            enable_model_summary=False,
            log_every_n_steps=1,
            num_sanity_val_steps=0,
        )
    except (MisconfigurationException, ValueError) as error:
        said = str(error).partition("\n")[0]
        raise ConfigError(
            f"Lightning refuses this hardware: {said}",
            fix="change --devices, --nodes, --strategy or --precision",
        ) from error
