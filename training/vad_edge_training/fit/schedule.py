"""Training schedules as plain data: phases, the turns within them, and what a step of them is allowed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from vad_edge.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Turn:
    """One kind of optimiser step.

    name tells a model's `training_loss` which loss is meant. moves holds the beginnings of the names of the
    parameters that the step may move, all where empty. rate is relative to the fit's learning rate.
    """

    name: str
    moves: tuple[str, ...] = ()
    rate: float = 1.0

    def may_move(self, parameter: str) -> bool:
        """Whether a step of this turn may change the parameter of that name."""
        return not self.moves or parameter.startswith(self.moves)


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of a training whose turns alternate step by step.

    share is its part of all epochs; the shares of a schedule add up to one.
    """

    name: str
    turns: tuple[Turn, ...]
    share: float = 1.0


JOINT = (Phase("joint", (Turn("all"),)),)
"""The schedule of a model that is trained in one go."""


@dataclass(frozen=True, slots=True)
class FitConfig:
    """How a model is fitted: an example for every `stride` frames of a clip, `batch_size` of them at a time.

    accumulate batches make one optimiser step. Raises ConfigError for a value that is not positive.
    """

    epochs: int = 8
    batch_size: int = 8
    stride: int = 4
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    accumulate: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "stride", "learning_rate", "accumulate"):
            value = getattr(self, name)
            if not value > 0:
                raise ConfigError(f"{name}: {value} is not above 0", fix="leave it out for the model's own")


def first_epochs(phases: Sequence[Phase], epochs: int) -> list[int]:
    """The epoch each phase begins with; every phase gets at least one.

    Raises ConfigError for fewer epochs than phases.
    """
    if epochs < len(phases):
        raise ConfigError(
            f"epochs: {epochs} are too few for {len(phases)} phases of training",
            fix=f"give {len(phases)} or more: {', '.join(phase.name for phase in phases)}",
        )
    begins = [0]
    for count, phase in enumerate(phases[:-1], start=1):
        wanted = begins[-1] + max(round(phase.share * epochs), 1)
        begins.append(min(wanted, epochs - (len(phases) - count)))
    return begins


def phase_at(phases: Sequence[Phase], epoch: int, epochs: int) -> int:
    """Which phase an epoch belongs to; epochs after the last one belong to the last phase."""
    begins = first_epochs(phases, epochs)
    return max(place for place, begin in enumerate(begins) if begin <= epoch)


def turn_at(phase: Phase, step: int) -> Turn:
    """The turn of an optimiser step, counted from the beginning of the training."""
    return phase.turns[step % len(phase.turns)]


def rate_at(phases: Sequence[Phase], step: int, steps_an_epoch: int, epochs: int) -> float:
    """The learning rate of an optimiser step, relative to the fit's: its turn's, under its phase's cosine."""
    epoch = min(step // steps_an_epoch, epochs - 1)
    place = phase_at(phases, epoch, epochs)
    begins = [*first_epochs(phases, epochs), epochs]
    begin, end = begins[place] * steps_an_epoch, begins[place + 1] * steps_an_epoch
    done = min((step - begin) / (end - begin), 1.0)
    return turn_at(phases[place], step).rate * (0.5 + 0.5 * math.cos(math.pi * done))
