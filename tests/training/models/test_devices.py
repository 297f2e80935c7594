"""Models leave the CPU with all that they own: seen on torch's device without memory, no GPU needed."""

from __future__ import annotations

import pytest
import torch
from tests.support.tiny_models import TINY, examples

from vad_edge_training.models.density import MixtureDensity
from vad_edge_training.models.model import Model
from vad_edge_training.models.registry import MODELS, build

ELSEWHERE = "meta"


@pytest.fixture(params=sorted(MODELS))
def model(request: pytest.FixtureRequest) -> Model:
    return build(request.param, TINY[request.param]).to(ELSEWHERE)


def test_a_step_runs_where_the_model_is(model: Model) -> None:
    step = model.step_module().eval()
    spec = step.spec
    frame = torch.empty(2, spec.height, spec.width, 3, dtype=torch.uint8, device=ELSEWHERE)
    weight = torch.ones(2, spec.map_height, spec.map_width, device=ELSEWHERE)
    active = torch.ones(2, dtype=torch.bool, device=ELSEWHERE)
    given = step(frame, weight, active, ~active, *step.initial_state(2))
    assert {part.device.type for part in given} == {ELSEWHERE}


def test_losses_and_their_gradients_are_where_the_model_is(model: Model) -> None:
    batch = examples(model).to(ELSEWHERE)
    turns = {turn.name for phase in model.phases() for turn in phase.turns}
    for turn in turns:
        loss = model.train().training_loss(batch, turn)["loss"]
        torch.autograd.backward(loss)
    moved = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    assert {gradient.device.type for gradient in moved} == {ELSEWHERE}


def test_a_mixture_elsewhere_is_fitted_to_samples_on_the_cpu() -> None:
    density = MixtureDensity(2, 2).to(ELSEWHERE)
    density.fit(torch.randn(50, 2, generator=torch.Generator().manual_seed(0)))
    assert density.whiten.weight.device.type == ELSEWHERE
