"""What a fit runs on, and what to do when a GPU's memory is too small for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import torch
from torch import Tensor

from vad_edge.errors import DeviceError
from vad_edge_training.fit.batch import Batch, each, first

AUTO: Final = "auto"
FULL_PRECISION: Final = "32-true"


@dataclass(frozen=True, slots=True)
class Hardware:
    """Where a fit runs, in Lightning's own words; a CUDA GPU is used where there is one.

    strategy "auto" means one process for one device and DistributedDataParallel for more; precision "auto"
    the quickest that is as good.
    """

    devices: int = 1
    nodes: int = 1
    strategy: str = "auto"
    precision: str = AUTO

    @property
    def lightning_strategy(self) -> str:
        """The strategy's name for Lightning; a turn of a schedule may leave parameters without a gradient."""
        several = self.devices * self.nodes > 1
        return "ddp_find_unused_parameters_true" if several and self.strategy == "auto" else self.strategy

    def settled(self, *, mixes: bool) -> Hardware:
        """The same with a precision that Lightning knows; mixes says whether bfloat16 is as good."""
        if self.precision != AUTO:
            return self
        return replace(self, precision=quickest_precision() if mixes else FULL_PRECISION)


ONE_DEVICE = Hardware()


def quickest_precision() -> str:
    """Lightning's name of what a fit is quickest in here: bfloat16 beside float32 where a chip multiplies it.

    A CPU needs AMX for it; one that has to convert it is slower than in float32.
    """
    if torch.cuda.is_available():
        multiplies = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        told: Mapping[str, object] = getattr(torch.cpu, "get_capabilities", dict)()  # older ones cannot tell
        multiplies = bool(told.get("amx_bf16"))
    return "bf16-mixed" if multiplies else FULL_PRECISION


def quickest_device() -> torch.device:
    """The first CUDA GPU, the CPU where there is none."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


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


def attempt_step(loss: Callable[[Batch], Tensor], example: Batch) -> Callable[[int], None]:
    """A forward and backward pass over copies of one example, for `largest_batch`; gradients are left."""

    def attempt(size: int) -> None:
        try:
            torch.autograd.backward(loss(each(example, lambda part: part.expand(size, *part.shape[1:]))))
        finally:
            if first(example).is_cuda:
                torch.cuda.empty_cache()

    return attempt
