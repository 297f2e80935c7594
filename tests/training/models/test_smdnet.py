from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tests.support.tiny_models import TINY
from torch import Tensor

from vad_edge_training.models.model import clip_images, negative_psnr, squared_error
from vad_edge_training.models.smdnet import Smdnet, SmdnetConfig, margin_loss


def smdnet(**changes: Any) -> Smdnet:
    torch.manual_seed(0)
    return Smdnet(SmdnetConfig(**{**TINY["smdnet"], **changes}))


def triplets() -> Tensor:
    return torch.randint(0, 256, (2, 3, 5, 32, 48, 3), generator=torch.Generator().manual_seed(1)).byte()


def test_the_margin_follows_the_distances_between_1_and_one_and_a_half() -> None:
    """Eqs 17 to 19, triplet by triplet; the distances cover all three cases."""
    torch.manual_seed(0)
    anchor, positive, negative = (F.normalize(torch.randn(50, 4), dim=1) for _ in range(3))
    negative[0] = -anchor[0]
    positive[0] = anchor[0]
    expected, margins = [], []
    for a, p, n in zip(anchor.numpy(), positive.numpy(), negative.numpy(), strict=True):
        near, far = np.linalg.norm(a - p), np.linalg.norm(a - n)
        margins.append(1.5 if far - near > 1.5 else far - near if far - near > 1 else 1.0)
        expected.append(max(0.0, near**2 - far**2 + margins[-1]))
    assert {1.0, 1.5} < set(np.round(margins, 6).tolist()) or len(set(margins)) > 2
    assert float(margin_loss(anchor, positive, negative)) == pytest.approx(np.mean(expected), rel=1e-4)


def test_no_gradient_goes_through_the_margin() -> None:
    anchor = F.normalize(torch.tensor([[1.0, 0.2]]), dim=1)
    positive = F.normalize(torch.tensor([[0.2, 1.0]]), dim=1)
    negative = F.normalize(torch.tensor([[0.5, 0.6]]), dim=1).requires_grad_()
    loss = margin_loss(anchor, positive, negative)
    loss.backward()  # type: ignore[no-untyped-call]
    assert negative.grad is not None
    torch.testing.assert_close(negative.grad, 2.0 * (anchor - negative.detach()))


def test_only_normal_clips_write_the_memory_unless_told() -> None:
    batch = triplets()
    other = batch.clone()
    other[:, 2] = 255 - other[:, 2]

    def items(batch: Tensor, **changes: Any) -> Tensor:
        model = smdnet(**changes)
        model.encoder.eval()  # batch normalisation would let the negatives reach the others
        model.decoder.eval()
        model.training_loss(batch, "all")
        return model.memory.items

    assert torch.equal(items(batch), items(other))
    assert not torch.equal(
        items(batch, abnormal_updates_memory=True), items(other, abnormal_updates_memory=True)
    )


def test_held_out_clips_are_judged_by_their_prediction_alone() -> None:
    model = smdnet().eval()
    normal = triplets()[:, 0]
    with torch.no_grad():
        losses = model.training_loss(normal, "all")
    assert losses.keys() == {"loss", "prediction"}


def test_features_kept_as_state_give_the_score_of_the_whole_clip() -> None:
    model = smdnet().eval()
    clip = triplets()[:, 0]
    images = clip_images(clip)
    with torch.no_grad():
        features = torch.stack([model.encode(images[:, frame]) for frame in range(4)], dim=1)
        predicted, _, _ = model.predict(features)
        error = squared_error(predicted, images[:, 4])
        score, where = model.score(clip)
    torch.testing.assert_close(score[:, 0], negative_psnr(error, torch.ones_like(error)))
    torch.testing.assert_close(where, error)


def test_its_spec_says_that_four_frames_come_before_a_score() -> None:
    spec = smdnet().step_module().spec
    assert (spec.warmup_frames, spec.delay_frames) == (4, 0)
    assert spec.states == {"features": (4 * 8, 8, 12)}
