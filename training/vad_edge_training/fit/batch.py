"""Batches: one tensor, or several of which each has its own part of every example."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from torch import Tensor

Batch: TypeAlias = "Tensor | Sequence[Tensor]"
"""The first axis of each tensor counts the examples; the last two are width and channels."""


def each(batch: Batch, change: Callable[[Tensor], Tensor]) -> Batch:
    """The batch with every tensor of it changed."""
    return change(batch) if isinstance(batch, Tensor) else [change(part) for part in batch]


def first(batch: Batch) -> Tensor:
    """The batch, or its first tensor."""
    return batch if isinstance(batch, Tensor) else batch[0]
