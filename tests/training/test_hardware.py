from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from vad_edge_training.hardware import Hardware, attempt_step, largest_batch, out_of_memory


@pytest.mark.parametrize(
    ("hardware", "strategy"),
    [
        (Hardware(), "auto"),
        (Hardware(devices=2), "ddp_find_unused_parameters_true"),
        (Hardware(nodes=2), "ddp_find_unused_parameters_true"),
        (Hardware(devices=2, strategy="fsdp"), "fsdp"),
    ],
)
def test_several_devices_train_side_by_side_unless_told_otherwise(hardware: Hardware, strategy: str) -> None:
    assert hardware.lightning_strategy == strategy


def memory_for(examples: int) -> Callable[[int], None]:
    def attempt(size: int) -> None:
        if size > examples:
            raise torch.OutOfMemoryError

    return attempt


@pytest.mark.parametrize(("room", "below", "found"), [(3, 16, 2), (8, 16, 8), (0, 16, 0), (5, 1, 0)])
def test_the_batch_that_fits_is_found_by_halving(room: int, below: int, found: int) -> None:
    assert largest_batch(memory_for(room), below) == found


def test_an_attempt_is_a_forward_and_a_backward_pass_over_that_many_examples() -> None:
    seen = []
    weight = torch.ones((), requires_grad=True)

    def loss(batch: torch.Tensor) -> torch.Tensor:
        seen.append(tuple(batch.shape))
        return (batch * weight).sum()

    attempt_step(loss, torch.ones(1, 2, 3))(4)
    assert seen == [(4, 2, 3)]
    assert weight.grad == 24


def test_a_gpu_on_which_nothing_fits_says_so() -> None:
    assert str(out_of_memory(8, 0, "cuda:0")) == (
        "cuda:0 ran out of memory with batches of 8; not even one example fits; give a smaller --size"
    )
