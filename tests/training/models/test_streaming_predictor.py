"""The predictor obeys the step contract, stays inside its budget, and learns."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from vad_edge.errors import ConfigError
from vad_edge_training.models.flow import GRAY_OF_BGR, HALF
from vad_edge_training.models.model import CELL
from vad_edge_training.models.predictor import GREY_LEVELS, PatchFold
from vad_edge_training.models.streaming_predictor import (
    StreamingPredictor,
    StreamingPredictorConfig,
)

TINY = StreamingPredictorConfig(height=32, width=48, channels=8)


@pytest.fixture
def predictor() -> StreamingPredictor:
    torch.manual_seed(0)
    predictor = StreamingPredictor(TINY).eval()
    predictor.prepare(_frames(5, seed=1), seconds=0.5)
    return predictor


def _frames(count: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 255, (count, 32, 48, 3), generator=generator, dtype=torch.uint8)


def _step(
    predictor: StreamingPredictor,
    frame: Tensor,
    state: tuple[Tensor, ...],
    *,
    active: bool = True,
    reset: bool = False,
) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
    weight = torch.ones(len(frame), 8, 12)
    flags = torch.full((len(frame),), active), torch.full((len(frame),), reset)
    with torch.no_grad():
        score, error_map, *after = predictor(frame, weight, *flags, *state)
    return score, error_map, tuple(after)


def test_outputs_have_the_shapes_the_spec_promises(predictor: StreamingPredictor) -> None:
    score, error_map, after = _step(predictor, _frames(2, seed=2), predictor.initial_state(2))
    assert score.shape == (2, len(predictor.spec.cues))
    assert error_map.shape == (2, predictor.spec.map_height, predictor.spec.map_width)
    assert [tuple(t.shape[1:]) for t in after] == list(predictor.spec.states.values())


def test_an_inactive_camera_keeps_its_state(predictor: StreamingPredictor) -> None:
    state = predictor.initial_state(1)
    _, _, state = _step(predictor, _frames(1, seed=3), state)
    _, _, after = _step(predictor, _frames(1, seed=4), state, active=False)
    for before, now in zip(state, after, strict=True):
        assert torch.equal(before, now)


def test_a_reset_camera_scores_as_a_new_one(predictor: StreamingPredictor) -> None:
    frame = _frames(1, seed=5)
    fresh, _, _ = _step(predictor, frame, predictor.initial_state(1))
    _, _, used = _step(predictor, _frames(1, seed=6), predictor.initial_state(1))
    again, _, _ = _step(predictor, frame, used, reset=True)
    assert torch.equal(fresh, again)


def test_a_place_of_weight_zero_is_ignored_by_every_cue(predictor: StreamingPredictor) -> None:
    state = predictor.initial_state(1)
    flags = torch.tensor([True]), torch.tensor([False])
    with torch.no_grad():
        for frame in _frames(4, seed=7).split(1):
            score, error_map, *after = predictor(frame, torch.zeros(1, 8, 12), *flags, *state)
            state = tuple(after)
    assert score.abs().max() == 0.0
    assert error_map.abs().max() < 0.01


def test_the_background_starts_as_the_median_of_the_training_frames(predictor: StreamingPredictor) -> None:
    median = _frames(5, seed=1).median(dim=0).values
    _, _, after = _step(predictor, median.unsqueeze(0), predictor.initial_state(1))
    background = dict(zip(predictor.spec.states, after, strict=True))["background"]
    cells = F.avg_pool2d(median.permute(2, 0, 1).float(), CELL)
    torch.testing.assert_close(background[0], cells)


def test_a_thing_that_appears_raises_the_background_cue(predictor: StreamingPredictor) -> None:
    median = _frames(5, seed=1).median(dim=0).values.unsqueeze(0)
    calm, _, state = _step(predictor, median, predictor.initial_state(1))
    strange = median.clone()
    strange[:, 8:24, 8:24] = 255
    score, _, _ = _step(predictor, strange, state)
    column = predictor.spec.cues.index("background")
    assert score[0, column] > calm[0, column] + 100


def test_a_folded_frame_is_the_frame_unshuffled() -> None:
    pixels = _frames(2, seed=9).permute(0, 3, 1, 2).float()
    assert torch.equal(PatchFold()(pixels), F.pixel_unshuffle(pixels / GREY_LEVELS, CELL))


def test_grey_levels_of_blocks_are_those_of_the_frame_at_half_its_size(predictor: StreamingPredictor) -> None:
    pixels = _frames(2, seed=10).permute(0, 3, 1, 2).float()
    gray = (pixels * torch.tensor(GRAY_OF_BGR).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)
    torch.testing.assert_close(predictor.half_gray(predictor.fold(pixels)), F.avg_pool2d(gray, HALF))


def test_what_moves_fast_before_the_background_raises_the_motion_cue(predictor: StreamingPredictor) -> None:
    median = _frames(5, seed=1).median(dim=0).values.unsqueeze(0)
    column = predictor.spec.cues.index("motion")

    def peak_speed(pixels_a_frame: int) -> float:
        state, fastest = predictor.initial_state(1), 0.0
        texture = _frames(1, seed=11)
        for step in range(6):
            frame = median.clone()
            frame[:, 8:24, 8:32] = torch.roll(texture, pixels_a_frame * step, dims=2)[:, 8:24, 8:32]
            score, _, state = _step(predictor, frame, state)
            fastest = max(fastest, float(score[0, column]))
        return fastest

    assert peak_speed(1) > peak_speed(0) + 0.1


def test_training_steps_lower_the_loss() -> None:
    torch.manual_seed(0)
    predictor = StreamingPredictor(TINY)
    clip = _frames(1, seed=8).unsqueeze(1).expand(-1, 6, -1, -1, -1)
    optimizer = torch.optim.Adam(predictor.parameters(), 1e-3)
    losses = []
    for _ in range(15):
        loss = predictor.training_loss(clip, "all")["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


def test_the_default_student_is_small_and_cheap() -> None:
    predictor = StreamingPredictor(StreamingPredictorConfig(height=256, width=256)).eval()
    inputs = (
        torch.zeros(1, 256, 256, 3, dtype=torch.uint8),
        torch.ones(1, 64, 64),
        torch.tensor([True]),
        torch.tensor([False]),
    )
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        predictor(*inputs, *predictor.initial_state(1))
    assert counter.get_total_flops() / 2 < 1e9
    assert sum(p.numel() for p in predictor.parameters()) < 1_000_000


def test_a_size_that_does_not_fold_is_refused() -> None:
    with pytest.raises(ConfigError, match="100x98: height and width must be multiples of 8; 96x96 is near"):
        StreamingPredictorConfig(height=100, width=98)


def test_one_frame_is_no_history() -> None:
    with pytest.raises(ConfigError, match="history: 1 is no history to predict from; give 2 frames or more"):
        StreamingPredictorConfig(height=32, width=48, history=1)


def test_the_last_frames_features_are_made_of_it_and_not_carried(predictor: StreamingPredictor) -> None:
    state = predictor.initial_state(1)
    frames = _frames(3, seed=12)
    for frame in frames.split(1):
        _, _, state = _step(predictor, frame, state)
    carried = dict(zip(predictor.spec.states, state, strict=True))["features"]
    with torch.no_grad():
        of_two = predictor.encoder(predictor.fold(frames[:2].permute(0, 3, 1, 2).float())).flatten(0, 1)
    torch.testing.assert_close(carried[0], of_two)
