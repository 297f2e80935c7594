"""The models with their papers, costs and measured accuracy, for people and machines."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import Any

import torch

from vad_edge_training.models.cost import cost_of
from vad_edge_training.models.model import Card
from vad_edge_training.models.registry import MODELS, all_models, build

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Listing:
    """One model: what it is, what it costs at its default size, and what was measured.

    measured is by dataset what `vad-edge models sweep` found: AUC by protocol, and how it was trained.
    """

    card: Card
    parameters: int
    gmacs: float
    measured: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for machines."""
        card = asdict(self.card)
        return {
            **{key: card[key] for key in ("name", "summary", "paper", "paper_auc", "one_class")},
            "measured": self.measured,
            "parameters": self.parameters,
            "gmacs": round(self.gmacs, 3),
        }


def catalogue() -> list[Listing]:
    """Every model there is; costs are counted without allocating its weights."""
    measured = _measured()
    listings = []
    for name, kind in all_models().items():
        try:
            with torch.device("meta"):
                cost = cost_of(build(name, {}))
        except Exception as error:
            if name in MODELS:
                raise
            _log.warning("model %s of a plug-in is left out: it cannot be built: %r", name, error)
            continue
        listings.append(Listing(kind.card, cost.parameters, cost.gmacs, measured.get(name, {})))
    return listings


def _measured() -> dict[str, Any]:
    text = files("vad_edge_training.models").joinpath("measured.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found
