from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.training.conftest import MakeData

from vad_edge.errors import ConfigError, DataError
from vad_edge_training.fit import FitConfig, load_student, read_checkpoint, split_clips, train_student
from vad_edge_training.models.student import Student, StudentConfig

TINY = StudentConfig(height=16, width=24, channels=4)
FIT = FitConfig(epochs=1, batch_size=4, clip_length=5, stride=3)


def train(
    data: Path, output: Path, student: StudentConfig = TINY, fit: FitConfig = FIT, **options: Any
) -> Path:
    cache = data.parent / "cache"
    return train_student(data, output, student, fit, cache=cache, progress_bar=False, **options)


def losses(output: Path) -> list[dict[str, float]]:
    found: list[dict[str, float]] = json.loads((output / "training.json").read_text())["losses"]
    return found


def weights(checkpoint: Path) -> dict[str, torch.Tensor]:
    return load_student(checkpoint).state_dict()


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(value, other[name]) for name, value in one.items())


def test_training_leaves_a_student_its_losses_and_a_picture(make_data: MakeData, tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    best = train(make_data(), tmp_path / "out", on_progress=lambda *at: seen.append(at))

    student = load_student(best)
    assert student.config == TINY
    assert not student.training
    assert 90 < float(student.initial_background.mean()) < 110
    summary = json.loads((tmp_path / "out" / "training.json").read_text())
    assert summary["data"]["fitted_clips"] == ["01.mkv", "02.mkv"]
    assert summary["data"]["held_out_clips"] == ["03.mkv"]
    assert summary["losses"][0].keys() >= {"epoch", "train_loss", "val_loss", "val_mse"}
    assert (tmp_path / "out" / "loss.png").read_bytes().startswith(b"\x89PNG")
    assert seen[-1] == ("fitting", 1, 1)


def test_training_makes_the_prediction_better(make_data: MakeData, tmp_path: Path) -> None:
    train(make_data(), tmp_path / "out", fit=FitConfig(epochs=4, batch_size=2, clip_length=5, stride=2))
    first, *_, last = losses(tmp_path / "out")
    assert last["val_loss"] < first["val_loss"]


def test_the_same_seed_trains_the_same_student(make_data: MakeData, tmp_path: Path) -> None:
    data = make_data()
    first, again = (weights(train(data, tmp_path / name)) for name in ("one", "two"))
    other = weights(train(data, tmp_path / "three", fit=replace(FIT, seed=1)))
    assert same(first, again)
    assert not same(first, other)


def test_a_resumed_fit_goes_on_where_it_stopped(make_data: MakeData, tmp_path: Path) -> None:
    data = make_data()
    longer = replace(FIT, epochs=3)
    train(data, tmp_path / "out")
    before = losses(tmp_path / "out")
    train(data, tmp_path / "out", fit=longer, resume=True)
    after = losses(tmp_path / "out")
    assert after[:1] == before
    assert [row["epoch"] for row in after] == [0, 1, 2]
    assert read_checkpoint(tmp_path / "out" / "last.ckpt")["epoch"] == 2


def test_resuming_a_finished_fit_changes_nothing(make_data: MakeData, tmp_path: Path) -> None:
    data = make_data()
    before = weights(train(data, tmp_path / "out"))
    history = losses(tmp_path / "out")
    assert same(weights(train(data, tmp_path / "out", resume=True)), before)
    assert losses(tmp_path / "out") == history


def test_the_best_checkpoint_is_of_the_epoch_with_the_lowest_held_out_loss(
    make_data: MakeData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held_out = iter([3.0, 1.0, 2.0])
    fitted = Student.loss

    def loss(student: Student, clip: torch.Tensor) -> dict[str, torch.Tensor]:
        return fitted(student, clip) if student.training else {"loss": torch.tensor(next(held_out))}

    monkeypatch.setattr(Student, "loss", loss)
    best = train(make_data(), tmp_path / "out", fit=replace(FIT, epochs=3, batch_size=8))
    assert [row["val_loss"] for row in losses(tmp_path / "out")] == [3.0, 1.0, 2.0]
    assert read_checkpoint(best)["epoch"] == 1
    assert read_checkpoint(tmp_path / "out" / "last.ckpt")["epoch"] == 2


def test_an_interrupted_fit_says_so_and_goes_on_after_its_last_whole_epoch(
    make_data: MakeData, tmp_path: Path
) -> None:
    def interrupt(what: str, done: int, total: int) -> None:
        if (what, done) == ("fitting", 2):
            raise KeyboardInterrupt

    data, longer = make_data(), replace(FIT, epochs=3)
    with pytest.raises(KeyboardInterrupt):
        train(data, tmp_path / "out", fit=longer, on_progress=interrupt)
    assert read_checkpoint(tmp_path / "out" / "last.ckpt")["epoch"] == 0
    train(data, tmp_path / "out", fit=longer, resume=True)
    assert [row["epoch"] for row in losses(tmp_path / "out")] == [0, 1, 2]


def test_a_fit_resumed_before_it_ever_began_just_begins(make_data: MakeData, tmp_path: Path) -> None:
    assert train(make_data(), tmp_path / "out", resume=True).exists()


@pytest.mark.parametrize(
    ("student", "fit", "changed"),
    [
        (StudentConfig(height=16, width=24, channels=8), FIT, "student"),
        (TINY, replace(FIT, learning_rate=0.1), "fit"),
    ],
)
def test_resuming_with_other_settings_is_refused(
    make_data: MakeData, tmp_path: Path, student: StudentConfig, fit: FitConfig, changed: str
) -> None:
    data = make_data()
    train(data, tmp_path / "out")
    with pytest.raises(ConfigError, match=f"cannot go on: {changed} changed since this checkpoint"):
        train(data, tmp_path / "out", student, fit, resume=True)


def test_resuming_on_other_footage_is_refused(make_data: MakeData, tmp_path: Path) -> None:
    data = make_data()
    train(data, tmp_path / "out")
    (data / "training" / "01.mkv").unlink()
    with pytest.raises(ConfigError, match="cannot go on: footage changed"):
        train(data, tmp_path / "out", resume=True)


def test_a_loss_that_is_no_number_ends_the_fit_with_what_to_do(make_data: MakeData, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"the loss became .* in epoch \d+; lower the learning rate"):
        train(
            make_data(),
            tmp_path / "out",
            fit=replace(FIT, learning_rate=1e18, epochs=9),
        )


def test_settings_that_cannot_be_are_refused(make_data: MakeData, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="epochs: 0 is not above 0; the default is 8"):
        FitConfig(epochs=0)
    with pytest.raises(ConfigError, match="clip_length: 3 frames leave none to predict from 3"):
        train(make_data(), tmp_path / "out", fit=FitConfig(clip_length=3))


@pytest.mark.parametrize("content", [b"hello", b""])
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "best.ckpt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"best\.ckpt: not a checkpoint of a student"):
        load_student(path)


def test_a_checkpoint_of_something_else_and_a_missing_one_are_refused(tmp_path: Path) -> None:
    torch.save({"state_dict": {}}, tmp_path / "other.ckpt")
    with pytest.raises(DataError, match=r"not a checkpoint of a student \(KeyError\)"):
        load_student(tmp_path / "other.ckpt")
    with pytest.raises(DataError, match="no such checkpoint"):
        load_student(tmp_path / "none.ckpt")


@pytest.mark.parametrize(
    ("student", "message"),
    [
        (asdict(TINY), "its weights do not fit the student it describes"),
        ({**asdict(TINY), "wings": 2}, "not a checkpoint of a student (TypeError)"),
        ({**asdict(TINY), "width": 13}, "not a checkpoint of a student (ConfigError)"),
        (3, "not a checkpoint of a student (TypeError)"),
    ],
)
def test_a_checkpoint_of_another_student_is_refused(tmp_path: Path, student: object, message: str) -> None:
    path = tmp_path / "old.ckpt"
    torch.save({"hyper_parameters": {"student": student, "data": {}}, "state_dict": {}}, path)
    with pytest.raises(DataError) as refusal:
        load_student(path)
    assert str(refusal.value) == f"{path}: {message}; give best.ckpt of `vad-edge train`"


def test_a_checkpoint_may_not_run_code(tmp_path: Path) -> None:
    torch.save(Student(TINY), tmp_path / "module.ckpt")
    with pytest.raises(DataError, match=r"not a checkpoint of a student \(UnpicklingError\)"):
        load_student(tmp_path / "module.ckpt")


def clip(frames: int) -> np.ndarray:
    return np.zeros((frames, 2, 2, 3), np.uint8)


def test_the_last_fifth_of_the_clips_is_held_out() -> None:
    fitted, held_out = split_clips([str(n) for n in range(10)], [clip(20)] * 10, 6)
    assert [name for name, _ in fitted] == list("01234567")
    assert [name for name, _ in held_out] == ["8", "9"]


def test_short_clips_at_the_end_do_not_make_the_held_out_part_short() -> None:
    lengths = [100, 100, 100, 100, 3]
    fitted, held_out = split_clips([str(n) for n in range(5)], [clip(n) for n in lengths], 6)
    assert [len(frames) for _, frames in fitted] == [100, 100, 100]
    assert [len(frames) for _, frames in held_out] == [100, 3]


def test_an_only_clip_gives_its_last_fifth() -> None:
    ((_, fitted),), ((name, held_out),) = split_clips(["only"], [clip(100)], 6)
    assert (name, len(fitted), len(held_out)) == ("only", 80, 20)


@pytest.mark.parametrize(("lengths", "what"), [((10, 3), "hold out"), ((3, 10), "fit"), ((20,), "hold out")])
def test_clips_that_are_too_short_are_refused(lengths: tuple[int, ...], what: str) -> None:
    with pytest.raises(DataError, match=f"the clips to {what} have less than 6 frames"):
        split_clips([str(n) for n in lengths], [clip(n) for n in lengths], 6)
