from __future__ import annotations

import pytest

from vad_edge_training.models.catalogue import catalogue
from vad_edge_training.models.cost import cost_of
from vad_edge_training.models.registry import MODELS, build


def test_every_model_is_listed_with_its_paper_and_its_cost() -> None:
    listed = {value["name"]: value for value in (listing.to_dict() for listing in catalogue())}
    assert listed.keys() == MODELS.keys()
    for value in listed.values():
        assert value.keys() == {
            "name", "summary", "paper", "paper_auc", "one_class", "measured", "parameters", "gmacs",
        }  # fmt: skip
        assert value["parameters"] > 0
        assert value["gmacs"] > 0


def test_the_yardstick_costs_what_is_known_of_it() -> None:
    """Measured apart, with torch's own counter on the published form: 15.65 M and 46.48 GMACs."""
    cost = cost_of(build("mnad", {}))
    assert cost.parameters == pytest.approx(15.65e6, rel=1e-3)
    assert cost.gmacs == pytest.approx(46.48, rel=1e-3)
