"""What a fit runs on, and what to do when a GPU's memory is too small for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from vad_edge.errors import DeviceError


@dataclass(frozen=True, slots=True)
class Hardware:
    """Where a fit runs, in Lightning's own words; a CUDA GPU is used where there is one.

    strategy "auto" means one process for one device and DistributedDataParallel for more.
    """

    devices: int = 1
    nodes: int = 1
    strategy: str = "auto"
    precision: str = "32-true"

    @property
    def lightning_strategy(self) -> str:
        """The strategy's name for Lightning; a turn of a schedule may leave parameters without a gradient."""
        several = self.devices * self.nodes > 1
        return "ddp_find_unused_parameters_true" if several and self.strategy == "auto" else self.strategy


ONE_DEVICE = Hardware()


def largest_batch(attempt: Callable[[int], None], below: int) -> int:
    """The largest halving of `below` that `attempt` has memory for; 0 where not even one example fits."""
    size = below // 2
    while size:
        try:
            attempt(size)
        except torch.OutOfMemoryError:
            size //= 2
        else:
            return size
    return 0


def out_of_memory(batch_size: int, fitting: int, device: str) -> DeviceError:
    """The error of a fit whose batches are too large, with the batch size that fits."""
    what = f"{device} ran out of memory with batches of {batch_size}"
    if not fitting:
        return DeviceError(what, fix="not even one example fits; give a smaller --size")
    accumulate = -(-batch_size // fitting)
    return DeviceError(
        what, fix=f"--batch-size {fitting} fits; with --accumulate {accumulate} it trains much alike"
    )


def attempt_step(loss: Callable[[Tensor], Tensor], example: Tensor) -> Callable[[int], None]:
    """A forward and backward pass over copies of one example, for `largest_batch`; gradients are left."""

    def attempt(size: int) -> None:
        try:
            torch.autograd.backward(loss(example.expand(size, *example.shape[1:])))
        finally:
            if example.is_cuda:
                torch.cuda.empty_cache()

    return attempt
