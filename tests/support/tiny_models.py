"""Every model at a size that tests can afford."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from vad_edge_training.models.distilled import INPUTS, DistilledStudent
from vad_edge_training.models.model import Model

TINY: dict[str, dict[str, Any]] = {
    "student": {"height": 32, "width": 48, "pictures": 3, "components": 2},
    "distilled": {"height": 32, "width": 48, "pictures": 3, "components": 2, "channels": 4},
    "predictor": {"height": 32, "width": 48, "channels": 8},
    "mnad": {"height": 32, "width": 48, "widths": (4, 8, 8, 16), "items": 4},
    "clustering": {
        "height": 32,
        "width": 64,
        "channels": 12,
        "depths": (2, 2),
        "heads": (2, 3),
        "side": 4,
        "clusters": 6,
        "maps": 3,
    },
    "dissociation": {"height": 32, "width": 48, "widths": (4, 8, 8, 16), "clusters": 4},
    "dlan_ac": {"height": 32, "width": 48, "widths": (4, 8, 8), "side": 3, "updates": 50},
    "smdnet": {"height": 32, "width": 48, "widths": (4, 8, 8), "items": 4},
    "fusion_stream": {"height": 32, "width": 48, "widths": (8, 8, 16), "items": 4},
}


def examples(model: Model, seed: int = 1) -> Tensor:
    """Two examples of chance, as the model's `training_loss` takes them."""
    chance = torch.Generator().manual_seed(seed)
    if isinstance(model, DistilledStudent):
        spec = model.spec
        return torch.rand(2, spec.map_height, spec.map_width, INPUTS + 1, generator=chance)
    triplet = () if model.card.one_class else (3,)
    size = (2, *triplet, model.clip_length, model.config.height, model.config.width, 3)
    return torch.randint(0, 256, size, generator=chance).byte()
