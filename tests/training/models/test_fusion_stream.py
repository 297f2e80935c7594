from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tests.support.tiny_models import TINY

from vad_edge_training.models.fusion_stream import FusionStream, FusionStreamConfig, separation_loss
from vad_edge_training.models.model import clip_images


@pytest.fixture
def model() -> FusionStream:
    torch.manual_seed(0)
    return FusionStream(FusionStreamConfig(**TINY["fusion_stream"]))


def batch() -> torch.Tensor:
    return torch.randint(0, 256, (2, 6, 32, 48, 3), generator=torch.Generator().manual_seed(1)).byte()


def test_separation_is_the_quadruplet_loss() -> None:
    """Eq 10 with both hinges and squares, place by place."""
    torch.manual_seed(0)
    query, first, second, third = (F.normalize(torch.randn(1, 3, 2, 2), dim=1) for _ in range(4))
    expected = []
    for row, column in np.ndindex(2, 2):
        q, p1, p2, p3 = (part[0, :, row, column].numpy() for part in (query, first, second, third))
        near = np.sum((q - p1) ** 2)
        expected.append(
            max(0.0, near - np.sum((q - p2) ** 2) + 2.0) + max(0.0, near - np.sum((p3 - p2) ** 2) + 1.0)
        )
    assert float(separation_loss(query, first, second, third)) == pytest.approx(np.mean(expected), rel=1e-5)


def test_neither_stream_sees_the_frame_to_predict(model: FusionStream) -> None:
    model.eval()
    clip = clip_images(batch())
    other = clip.clone()
    other[:, -1] = 0.5
    weight = torch.ones(2, 8, 12)
    with torch.no_grad():
        (one, _), (two, _) = model.score_clip(clip, weight), model.score_clip(other, weight)
    memories = [model.cues.index(name) for name in ("spatial_memory", "temporal_memory")]
    torch.testing.assert_close(one[:, memories], two[:, memories])
    assert (one[:, 0] != two[:, 0]).all()


def test_the_targets_of_both_streams_add_up_to_the_frame(model: FusionStream) -> None:
    """Streams that hit their targets leave no error: I5 and I6 - I5."""
    clip = clip_images(batch())
    images = 2.0 * clip - 1.0
    similarity = torch.ones(2, 4, 8, 12)
    model.spatial.forward = lambda _: (images[:, 4], [], similarity)  # type: ignore[method-assign]
    model.temporal.forward = lambda _: (images[:, 5] - images[:, 4], [], similarity)  # type: ignore[method-assign]
    _, error = model.score_clip(clip, torch.ones(2, 8, 12))
    assert float(error.max()) < 1e-10


def test_every_level_has_a_memory_that_learns(model: FusionStream) -> None:
    names = [name for name, _ in model.named_buffers() if name.endswith("items")]
    assert len(names) == 2 * 3
    before = {name: model.get_buffer(name).clone() for name in names}
    model.training_loss(batch(), "all")
    assert not any(torch.equal(model.get_buffer(name), before[name]) for name in names)


def test_the_loss_is_half_of_each_stream(model: FusionStream) -> None:
    losses = model.training_loss(batch(), "all")
    torch.testing.assert_close(losses["loss"], losses["prediction"] + 0.1 * losses["separation"])
