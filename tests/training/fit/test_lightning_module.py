from __future__ import annotations

import math

import pytest
import torch

from vad_edge.errors import DataError
from vad_edge_training.fit.lightning_module import ModelModule
from vad_edge_training.fit.schedule import FitConfig
from vad_edge_training.models.streaming_predictor import StreamingPredictor, StreamingPredictorConfig


@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_a_loss_that_is_no_number_says_when_and_what_to_do(broken: float) -> None:
    config = StreamingPredictorConfig(height=16, width=24, channels=4, error_windows=(3,))
    net = StreamingPredictor(config)
    with torch.no_grad():
        for weights in net.parameters():
            weights.fill_(broken)
    clip = torch.zeros(1, 6, 16, 24, 3, dtype=torch.uint8)
    with pytest.raises(DataError) as refusal:
        ModelModule(net, FitConfig(), {}).validation_step(clip, 0)
    assert str(refusal.value) == (
        "the loss became nan in epoch 1; lower the learning rate, and look at the clips for broken frames"
    )
