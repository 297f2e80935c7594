"""What a model costs: parameters, and multiply-accumulates for each frame it scores."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from vad_edge_training.models.model import Model


@dataclass(frozen=True, slots=True)
class ModelCost:
    """parameters counts what training moves; gmacs are 10^9 multiply-accumulates a step of one camera."""

    parameters: int
    gmacs: float


@torch.no_grad()
def cost_of(model: Model) -> ModelCost:
    """Count one step of the model's graph on its own device, convolutions and matrix products only."""
    step = model.step_module().eval()
    spec = step.spec
    device = next(model.parameters()).device
    frame = torch.zeros(1, spec.height, spec.width, 3, dtype=torch.uint8, device=device)
    weight = torch.ones(1, spec.map_height, spec.map_width, device=device)
    yes = torch.ones(1, dtype=torch.bool, device=device)
    with FlopCounterMode(display=False) as counter:
        step(frame, weight, yes, ~yes, *step.initial_state(1))
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return ModelCost(parameters, counter.get_total_flops() / 2e9)
