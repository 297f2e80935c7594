"""A student learns another system's maps, and keeps what it knew."""

from __future__ import annotations

import csv
from contextlib import nullcontext
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from numpy.typing import NDArray
from tests.support.tiny_models import TINY

from vad_edge.cli import main
from vad_edge.errors import ConfigError, DataError
from vad_edge_training.distill.distill import distill
from vad_edge_training.distill.teachers import open_teacher
from vad_edge_training.fit.checkpoint import load_model, read_checkpoint
from vad_edge_training.fit.finetune import fine_tune
from vad_edge_training.fit.fit import train_model
from vad_edge_training.fit.schedule import FitConfig
from vad_edge_training.models.distilled import DistilledStudent

FIT = FitConfig(epochs=2, batch_size=8, stride=8, learning_rate=2e-3)
FPS = 10.0


def walk(count: int, seed: int) -> NDArray[np.uint8]:
    """A bright block that walks over texture: (count, 32, 48, 3)."""
    random = np.random.default_rng(seed)
    ground = np.random.default_rng(5).integers(60, 120, (32, 48, 3))
    frames = ground + random.integers(-3, 4, (count, 32, 48, 3))
    for index in range(count):
        left = (seed + index) % 40
        frames[index, 10:22, left : left + 6] = 220
    return np.clip(frames, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three normal clips of 130 images each."""
    root = tmp_path_factory.mktemp("data")
    for clip in range(3):
        folder = root / "training" / f"{clip:02d}"
        folder.mkdir(parents=True)
        for number, image in enumerate(walk(130, seed=7 * clip)):
            cv2.imwrite(str(folder / f"{number:03d}.png"), image)
    return root


@pytest.fixture(scope="module")
def student(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("student")
    config = {**TINY["student"], "fps": FPS}
    return train_model(
        data, folder, "student", config, FitConfig(epochs=1), cache=folder, progress_bar=False
    ).best


@pytest.fixture(scope="module")
def distilled(data: Path, student: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("distilled")
    return distill(student, ["foreground_speed"], data, folder, fit=FIT, channels=4, cache=student.parent)


@pytest.fixture(scope="module")
def mnad(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A teacher with 16 features and 4 prototypes."""
    folder = tmp_path_factory.mktemp("mnad")
    fit = FitConfig(epochs=1, stride=16)
    return train_model(data, folder, "mnad", TINY["mnad"], fit, cache=folder, progress_bar=False).best


@pytest.fixture(scope="module")
def matched(data: Path, student: Path, mnad: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of two teachers, one of which has maps alone."""
    folder = tmp_path_factory.mktemp("matched")
    teachers = [str(mnad), "foreground_speed"]
    return distill(student, teachers, data, folder, fit=FIT, channels=4, cache=student.parent)


def columns(folder: Path) -> dict[str, list[float]]:
    """The losses of each epoch by name, as ``metrics.csv`` has them."""
    with (folder / "metrics.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: [float(row[name]) for row in rows if row[name]] for name in rows[0]}


@torch.no_grad()
def scores(checkpoint: Path, frames: NDArray[np.uint8]) -> torch.Tensor:
    step = load_model(checkpoint).step_module()
    state = step.initial_state(1)
    weight = torch.ones(1, step.spec.map_height, step.spec.map_width)
    rows = []
    for frame in frames:
        score, _, state = step.advance(torch.from_numpy(frame)[None].float(), weight, *state)
        rows.append(score[0])
    return torch.stack(rows)


def test_the_students_own_cues_stay_as_they_were(student: Path, distilled: Path) -> None:
    frames = walk(30, seed=3)
    torch.testing.assert_close(scores(distilled, frames)[:, :3], scores(student, frames))


def test_the_loss_on_lessons_falls(data: Path, student: Path, tmp_path: Path) -> None:
    distill(student, ["background_distance"], data, tmp_path, fit=FIT, channels=4, cache=student.parent)
    first, *_, last = columns(tmp_path)["val_loss"]
    assert last < first


def test_the_checkpoint_names_its_teachers(distilled: Path) -> None:
    facts = read_checkpoint(distilled)["hyper_parameters"]
    assert facts["model"] == "distilled"
    assert facts["data"]["teachers"] == ["foreground_speed"]
    assert facts["data"]["learned"] == ["maps"]
    assert facts["data"]["fitted_clips"] == ["00", "01"]


def test_features_and_prototypes_come_nearer_to_the_teachers(matched: Path) -> None:
    losses = columns(matched.parent)
    for name in ("val_features", "val_prototypes"):
        first, *_, last = losses[name]
        assert last < first


def test_held_out_lessons_are_judged_by_their_maps_alone(matched: Path) -> None:
    losses = columns(matched.parent)
    assert losses["val_loss"] == losses["val_maps"]
    assert losses["train_loss"][0] == pytest.approx(
        losses["train_maps"][0] + 0.1 * losses["train_features"][0] + 0.1 * losses["train_prototypes"][0],
        rel=1e-4,
    )


def test_what_was_matched_leaves_nothing_in_the_checkpoint(matched: Path, distilled: Path) -> None:
    with_adapters, without = (read_checkpoint(each)["state_dict"] for each in (matched, distilled))
    assert {name: value.shape for name, value in with_adapters.items()} == {
        name: value.shape for name, value in without.items()
    }


def test_the_checkpoint_says_what_was_learned_of_each_teacher(matched: Path) -> None:
    facts = read_checkpoint(matched)["hyper_parameters"]["data"]
    assert facts["learned"] == ["maps, 16 features, 4 prototypes", "maps"]


def test_matching_what_no_teacher_has_is_refused(data: Path, student: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="none of the teachers has prototypes"):
        distill(student, ["foreground_speed"], data, tmp_path, match=["prototypes"], cache=student.parent)


def test_a_fitted_model_teaches_by_the_logarithm_of_its_error(student: Path) -> None:
    teacher = open_teacher(str(student), [], FPS)
    maps = teacher.maps(walk(20, seed=1))
    assert maps.shape == (20, 8, 12)
    assert np.isfinite(maps).all()
    assert teacher.name.startswith("student")


def test_what_a_network_sees_is_mirrored_with_the_picture() -> None:
    torch.manual_seed(0)
    net = DistilledStudent(DistilledStudent.config_type(**TINY["distilled"])).eval()
    frames = torch.from_numpy(walk(12, seed=0))
    seen, mirrored = net.views(frames), net.views(frames.flip(2))
    # Not quite: motion is measured at every second place, counted from the left.
    assert (mirrored[-1] - seen[-1].flip(1)).abs().mean() < 0.05 * seen[-1].abs().mean()


@pytest.mark.parametrize(
    ("teachers", "text"),
    [
        ([], "there is no teacher"),
        (["nobody.ckpt"], "there is no teacher 'nobody.ckpt'"),
    ],
)
def test_a_teacher_there_is_not_is_refused(
    data: Path, student: Path, tmp_path: Path, teachers: list[str], text: str
) -> None:
    with pytest.raises(ConfigError, match=text):
        distill(student, teachers, data, tmp_path, cache=student.parent)


def test_a_teacher_of_another_frame_rate_is_refused(student: Path) -> None:
    with pytest.raises(ConfigError, match="it watches 10 frames a second, the student 5"):
        open_teacher(str(student), [], 5.0)


def test_a_student_is_not_taught_over_itself(data: Path, student: Path) -> None:
    fitted = student.read_bytes()
    with pytest.raises(ConfigError, match="there is a model already; give another --output"):
        distill(student, ["foreground_speed"], data, student.parent, cache=student.parent)
    assert student.read_bytes() == fitted


def test_only_a_student_can_be_taught(data: Path, distilled: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a distilled cannot be taught"):
        distill(distilled, ["foreground_speed"], data, tmp_path)


def test_footage_the_student_was_not_fitted_on_is_refused(student: Path, tmp_path: Path) -> None:
    clip = tmp_path / "data" / "training" / "00"
    clip.mkdir(parents=True)
    cv2.imwrite(str(clip / "000.png"), walk(1, seed=0)[0])
    with pytest.raises(DataError, match="it was fitted on other clips"):
        distill(student, ["foreground_speed"], tmp_path / "data", tmp_path)


def test_a_distilled_student_is_not_fitted_on_without_its_teachers(
    data: Path, distilled: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="a distilled is fitted to its teachers' maps"):
        fine_tune(distilled, data, tmp_path, epochs=1, around=lambda model: nullcontext(), told={})


def test_train_sends_whoever_wants_a_distilled_student_to_distill(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="distilled learns from other systems") as refusal:
        train_model(data, tmp_path, "distilled")
    assert "vad-edge distill" in str(refusal.value)


def test_the_command_says_where_the_checkpoint_is(
    data: Path, student: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    options = ["--student", str(student), "--teacher", "foreground_speed", "--data", str(data)]
    small = ["--output", str(tmp_path), "--channels", "4", "--epochs", "1"]
    result = CliRunner().invoke(main, ["distill", *options, *small])
    assert result.exit_code == 0, result.output
    assert Path(result.stdout.splitlines()[-1]) == tmp_path / "best.ckpt"
    assert (tmp_path / "best.ckpt").exists()
    assert "foreground_speed teaches maps" in caplog.messages
