"""What every model promises, whatever it is."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest
import torch
from tests.support.tiny_models import TINY, examples
from torch import Tensor

from vad_edge.errors import ConfigError
from vad_edge_training.models.model import Model
from vad_edge_training.models.registry import MODELS, build, config_of, model_type


@pytest.fixture(params=sorted(MODELS))
def model(request: pytest.FixtureRequest) -> Model:
    torch.manual_seed(0)
    return build(request.param, TINY[request.param])


def frames(model: Model, *shape: int, seed: int = 1) -> Tensor:
    size = (*shape, model.config.height, model.config.width, 3)
    return torch.randint(0, 256, size, generator=torch.Generator().manual_seed(seed)).byte()


def contents(model: Model) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def changed(before: dict[str, Tensor], after: dict[str, Tensor]) -> list[str]:
    return [name for name, value in before.items() if not torch.equal(value, after[name])]


def run(model: Model) -> None:
    """Go through the schedule's beginnings, as a fit does."""
    with torch.no_grad():
        for phase in model.phases():
            model.begin(phase.name, [examples(model)] * 3)


def test_nothing_is_learned_where_a_model_scores_or_is_held_out(model: Model) -> None:
    run(model)
    model.eval()
    before = contents(model)
    clip = frames(model, 2, model.clip_length)
    with torch.no_grad():
        model.score(clip)
        held_out = examples(model) if model.needs_teachers else clip
        model.training_loss(held_out, model.phases()[-1].turns[0].name)
    assert changed(before, model.state_dict()) == []


def test_cameras_of_a_batch_know_nothing_of_each_other(model: Model) -> None:
    run(model)
    model.eval()
    clip = frames(model, 2, model.clip_length + 1)
    with torch.no_grad():
        together, where = model.score(clip)
        alone = [model.score(clip[camera : camera + 1]) for camera in range(2)]
    assert torch.isfinite(together).all()
    torch.testing.assert_close(together, torch.cat([score for score, _ in alone]), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(where, torch.cat([part for _, part in alone]), rtol=1e-4, atol=1e-4)


def test_a_place_of_weight_zero_does_not_count(model: Model) -> None:
    """Half of the image is ignored; what happens there moves no prediction cue far away from it."""
    model.eval()
    spec = model.step_module().spec
    weight = torch.zeros(1, spec.map_height, spec.map_width)
    with torch.no_grad():
        _, where = model.score(frames(model, 1, model.clip_length), weight)
    assert float(where.abs().max()) < 1e-2


def test_every_turn_learns_what_it_may_move(model: Model) -> None:
    run(model)
    model.train()
    for phase in model.phases():
        for turn in phase.turns:
            model.zero_grad()
            losses = model.training_loss(examples(model), turn.name)
            assert all(torch.isfinite(value) for value in losses.values())
            losses["loss"].backward()  # type: ignore[no-untyped-call]
            moved = [
                name
                for name, parameter in model.named_parameters()
                if turn.may_move(name) and parameter.grad is not None and parameter.grad.abs().sum() > 0
            ]
            assert moved, (phase.name, turn.name)
            assert {
                beginning for beginning in turn.moves if any(n.startswith(beginning) for n in moved)
            } == set(turn.moves)


def test_a_step_of_every_schedule_makes_its_own_loss_smaller(model: Model) -> None:
    run(model)
    model.train()
    turn = model.phases()[-1].turns[0]
    batch = examples(model)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    losses = []
    for _ in range(12):
        optimizer.zero_grad()
        loss = model.training_loss(batch, turn.name)["loss"]
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(float(loss.detach()))
    assert min(losses[-3:]) < losses[0]


# The CPU's bfloat16 convolution of a single channel reads memory that nothing wrote (torch 2.13 on AMX).
SEVERAL_CHANNELS = {"clustering": {"channels": 24}}


@pytest.mark.parametrize("name", sorted(MODELS))
def test_mixed_precision_gives_numbers_too(name: str) -> None:
    torch.manual_seed(0)
    model = build(name, {**TINY[name], **SEVERAL_CHANNELS.get(name, {})})
    run(model)
    model.train()
    with torch.autocast("cpu", torch.bfloat16):
        losses = [
            model.training_loss(examples(model), turn.name)["loss"]
            for phase in model.phases()
            for turn in phase.turns
        ]
    assert all(torch.isfinite(loss) for loss in losses)


def test_a_configuration_survives_its_way_through_json(model: Model) -> None:
    values = json.loads(json.dumps(asdict(model.config)))
    assert config_of(model.card.name, values) == model.config


def test_the_papers_mixture_is_of_cues_there_are(model: Model) -> None:
    assert set(model.card.paper_score) <= set(model.step_module().spec.cues)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"items": "many"}, "model 'mnad': items: Input should be a valid integer"),
        (
            {"wings": 2},
            "model 'mnad': wings: Unexpected keyword argument; its settings are height",
        ),
        ({"height": 250}, "size: 250x256: height and width must be multiples of 8; 248x256 is near"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config_of("mnad", values)


def test_a_model_there_is_not_is_refused() -> None:
    with pytest.raises(ConfigError, match="there is no model 'oracle'; one of student, distilled"):
        model_type("oracle")
