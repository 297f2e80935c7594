from __future__ import annotations

import math
from dataclasses import asdict

import pytest
import torch

from vad_edge.errors import DataError
from vad_edge_training.models.student import StudentConfig
from vad_edge_training.shell import StudentModule, student_config

TINY = StudentConfig(height=16, width=24, channels=4, error_windows=(3,))


def test_a_configuration_survives_its_way_through_plain_values() -> None:
    values = asdict(TINY)
    assert student_config({**values, "error_windows": list(values["error_windows"])}) == TINY


@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_a_loss_that_is_no_number_says_when_and_what_to_do(broken: float) -> None:
    module = StudentModule(asdict(TINY), {}, learning_rate=1e-3)
    with torch.no_grad():
        for weights in module.student.parameters():
            weights.fill_(broken)
    clip = torch.zeros(1, 4, 16, 24, 3, dtype=torch.uint8)
    with pytest.raises(DataError) as refusal:
        module.training_step(clip, 0)
    assert str(refusal.value) == (
        "the loss became nan in epoch 1; lower the learning rate, and look at the clips for broken frames"
    )
