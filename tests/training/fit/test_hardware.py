from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from vad_edge.errors import ConfigError
from vad_edge_training.fit.hardware import (
    Hardware,
    attempt_step,
    largest_batch,
    out_of_memory,
    quickest_device,
    quickest_precision,
)
from vad_edge_training.fit.schedule import FitConfig
from vad_edge_training.fit.trainer import make_trainer


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


@pytest.mark.parametrize(("multiplies", "precision"), [(True, "bf16-mixed"), (False, "32-true")])
def test_a_cpu_is_asked_whether_it_multiplies_bfloat16(
    multiplies: bool, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": multiplies}, raising=False)
    assert quickest_precision() == precision
    assert quickest_device().type == "cpu"


def test_an_older_torch_that_cannot_tell_fits_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert quickest_precision() == "32-true"


@pytest.mark.parametrize("as_told", [True, False])
def test_a_gpu_is_asked_too(as_told: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: as_told)
    assert quickest_precision() == ("bf16-mixed" if as_told else "32-true")
    assert quickest_device().type == "cuda"


def test_precision_is_left_to_the_machine_only_where_it_does_not_matter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("vad_edge_training.fit.hardware.quickest_precision", lambda: "bf16-mixed")
    assert Hardware().settled(mixes=True).precision == "bf16-mixed"
    assert Hardware().settled(mixes=False).precision == "32-true"
    assert Hardware(precision="16-mixed").settled(mixes=False).precision == "16-mixed"


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


@pytest.mark.parametrize("hardware", [Hardware(strategy="fastest"), Hardware(precision="8-maybe")])
def test_hardware_that_lightning_does_not_know_is_the_user_s_mistake(
    hardware: Hardware, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"Lightning refuses this hardware: .*; change --devices"):
        make_trainer(tmp_path, FitConfig(), hardware, [], None, progress_bar=False)
