"""The student obeys the step contract, stays inside its budget, and learns what is normal."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from vad_edge.errors import ConfigError
from vad_edge_training.models.cost import cost_of
from vad_edge_training.models.student import Student, StudentConfig

TINY = StudentConfig(height=64, width=96, pictures=3, components=3)


def footage(count: int, *, step: int = 1, first: int = 0, seed: int = 0) -> Tensor:
    """A textured block that walks `step` pixels a frame over a still, textured ground."""
    ground = np.random.default_rng(7).integers(60, 120, (64, 96, 3))
    block = np.random.default_rng(8).integers(150, 250, (16, 12, 3))
    noise = np.random.default_rng(seed)
    frames = np.empty((count, 64, 96, 3), np.uint8)
    for index in range(count):
        frame = ground + noise.integers(-2, 3, ground.shape)
        left = (first + step * index) % 80
        frame[24:40, left : left + 12] = block
        frames[index] = np.clip(frame, 0, 255)
    return torch.from_numpy(frames)


@pytest.fixture(scope="module")
def student() -> Student:
    torch.manual_seed(0)
    student = Student(TINY)
    walk = footage(160)
    student.prepare(walk, seconds=16.0)
    length = student.clip_length
    clips = torch.stack([walk[begin : begin + length] for begin in range(0, 160 - length, 6)])
    student.begin("joint", clips.split(8))
    return student.eval()


@torch.no_grad()
def watch(student: Student, frames: Tensor) -> tuple[Tensor, Tensor]:
    """Scores (T, K) and error maps (T, h, w) of one camera from the start."""
    state = student.initial_state(1)
    weight = torch.ones(1, student.spec.map_height, student.spec.map_width)
    yes = torch.ones(1, dtype=torch.bool)
    scores, maps = [], []
    for index, frame in enumerate(frames):
        score, where, *after = student(frame[None], weight, yes, torch.tensor([index == 0]), *state)
        state = tuple(after)
        scores.append(score[0])
        maps.append(where[0])
    return torch.stack(scores), torch.stack(maps)


def test_scores_count_after_a_frame_to_compare_with_and_two_time_constants_of_motion() -> None:
    assert Student(StudentConfig(height=64, width=96, fps=10.0)).spec.warmup_frames == 7
    assert Student(StudentConfig(height=64, width=96, fps=5.0)).spec.warmup_frames == 5


def test_who_runs_is_more_unusual_than_who_walks(student: Student) -> None:
    walking, _ = watch(student, footage(25, first=5, seed=1))
    running, _ = watch(student, footage(25, first=5, step=3, seed=1))
    speed = student.spec.cues.index("speed")
    assert running[15:, speed].min() > walking[15:, speed].max()


def test_what_stays_where_nothing_stood_raises_the_background_cue(student: Student) -> None:
    life = footage(30, seed=2)
    left_behind = life.clone()
    left_behind[:, 4:20, 70:90] = 240
    background = student.spec.cues.index("background")
    assert watch(student, left_behind)[0][-1, background] > 1.5 * watch(student, life)[0][-1, background]


def test_the_map_shows_where_something_is(student: Student) -> None:
    still = footage(30, step=0, first=200, seed=2)
    changed = still.clone()
    changed[:, 48:60, 20:40] = 160
    _, maps = watch(student, changed)
    row, column = divmod(int((maps[-1] - watch(student, still)[1][-1]).argmax()), maps.shape[2])
    assert 44 <= 4 * row < 62
    assert 16 <= 4 * column < 42


def test_pictures_of_the_scene_outlast_a_reset(student: Student) -> None:
    state = list(student.initial_state(1))
    place = list(student.spec.states).index("pictures")
    state[place] = state[place] + 10.0
    frame, weight = footage(1), torch.ones(1, student.spec.map_height, student.spec.map_width)
    yes = torch.ones(1, dtype=torch.bool)
    with torch.no_grad():
        _, _, *after = student(frame, weight, yes, yes, *state)
    assert torch.equal(after[place], state[place])


def test_a_scene_in_which_nothing_moves_is_learned_too() -> None:
    student = Student(TINY)
    still = footage(60, step=0)
    student.prepare(still, seconds=6.0)
    student.begin("joint", still[: 5 * student.clip_length].unflatten(0, (5, -1)).split(2))
    scores, _ = watch(student.eval(), footage(25, step=2))
    quiet, _ = watch(student, still[:25])
    assert torch.isfinite(scores).all()
    assert scores[-1, 0] > quiet[-1, 0] + 1  # pixels a frame
    assert scores[-1, 1] > quiet[-1, 1] + 3


def test_more_footage_gives_more_pictures_up_to_the_models_own() -> None:
    student = Student(TINY)
    lights = torch.stack([torch.full((64, 96, 3), level, dtype=torch.uint8) for level in (30, 90, 200)] * 5)
    for seconds, different in ((60.0, 1), (600.0, 2), (36000.0, 3)):
        student.prepare(lights, seconds)
        assert len(student.initial_pictures.flatten(1).unique(dim=0)) == different


def test_it_is_small_and_cheap() -> None:
    cost = cost_of(Student(StudentConfig(height=256, width=256)))
    assert cost.parameters < 1_000_000
    assert cost.gmacs < 1.0


def test_a_size_that_does_not_fold_is_refused() -> None:
    with pytest.raises(ConfigError, match="height and width must be multiples of 8"):
        StudentConfig(height=100, width=98)


def test_it_takes_its_size_and_rate_from_the_footage() -> None:
    assert Student.follows_footage
