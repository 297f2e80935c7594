"""Examples made of what a student sees and what its teachers make of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.support.tiny_models import TINY
from torch import Tensor

from vad_edge_training.distill.examples import EVERY, ExampleMaker, listen
from vad_edge_training.distill.teachers import Frames, Inner, Maps, Offer
from vad_edge_training.fit.progress import silent
from vad_edge_training.models.distilled import INPUTS, DistilledConfig, DistilledStudent
from vad_edge_training.models.insight import GivesInsight
from vad_edge_training.models.registry import build

WARMUP = 9
PIECE = np.random.default_rng(0).integers(0, 256, (50, 32, 48, 3)).astype(np.uint8)


class Brightness:
    """A teacher that finds bright places unusual, and knows features and prototypes from elsewhere."""

    name = "brightness"
    warmup = 0

    def __init__(self, inner: Inner | None) -> None:
        self.inner = inner

    def maps(self, frames: Frames) -> Maps:
        return np.asarray(frames.mean(axis=3)[:, ::8, ::8], np.float32)


@pytest.fixture(scope="module")
def inner() -> Inner:
    torch.manual_seed(0)
    model = build("mnad", TINY["mnad"]).eval()
    assert isinstance(model, GivesInsight)
    return Inner(model, model.step_module().spec, torch.device("cpu"))


@pytest.fixture(scope="module")
def net() -> DistilledStudent:
    torch.manual_seed(0)
    return DistilledStudent(DistilledConfig(**TINY["distilled"])).eval()


def examples(net: DistilledStudent, teachers: list[Brightness], *match: str) -> list[Tensor]:
    heard = [listen(teacher, [PIECE], WARMUP, match) for teacher in teachers]
    examples = ExampleMaker(net, heard, WARMUP).of([PIECE], "examples", silent)
    parts = zip(*(examples[place] for place in range(len(examples))), strict=True)
    return [torch.stack(part) for part in parts]


@pytest.mark.parametrize(
    ("match", "offer"),
    [
        (("maps", "features", "prototypes"), Offer(16, 4)),
        (("maps", "features"), Offer(16, 0)),
        (("prototypes",), Offer(0, 4)),
    ],
)
def test_only_what_is_asked_for_is_learned_beside_maps(
    inner: Inner, match: tuple[str, ...], offer: Offer
) -> None:
    inward = listen(Brightness(inner), [PIECE], WARMUP, match).inward
    assert inward is not None
    assert inward.offer == offer
    assert inward.told(PIECE).shape == (50, 4, 6, sum(offer))
    assert inward.prior.shape == (4, 6, offer.prototypes)


def test_of_a_teacher_of_maps_nothing_else_is_learned(inner: Inner) -> None:
    assert listen(Brightness(None), [PIECE], WARMUP, ["features"]).inward is None
    assert listen(Brightness(inner), [PIECE], WARMUP, ["maps"]).inward is None


def test_what_is_learned_beside_maps_changes_nothing_of_them(net: DistilledStudent, inner: Inner) -> None:
    (plain,) = examples(net, [Brightness(inner)], "maps")
    seen, _ = examples(net, [Brightness(inner)], "maps", "features", "prototypes")
    assert plain.shape == (2 * len(range(WARMUP, 50, EVERY)), 8, 12, INPUTS + 1)
    torch.testing.assert_close(seen, plain)


def test_features_and_prototypes_of_each_teacher_follow_at_its_own_size(
    net: DistilledStudent, inner: Inner
) -> None:
    teachers = [Brightness(inner), Brightness(None), Brightness(inner)]
    _, first, second = examples(net, teachers, "features", "prototypes")
    assert first.shape[1:] == (4, 6, 16 + 4 + 4)
    torch.testing.assert_close(first, second)
    shares, prior = first[..., 16:20], first[..., 20:]
    torch.testing.assert_close(shares.sum(dim=3), torch.ones_like(shares[..., 0]), atol=2e-3, rtol=0.0)
    assert (prior < 0).all()
    torch.testing.assert_close(prior[0], prior[-1])
