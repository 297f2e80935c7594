from __future__ import annotations

import json
import signal
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import lightning
import numpy as np
import pytest
import torch
from tests.support.footage import write_video
from tests.support.tiny_models import TINY as TINY_MODELS
from tests.training.conftest import MakeData

from vad_edge.errors import ConfigError, DataError, DeviceError
from vad_edge_training.datasets.folds import Fold
from vad_edge_training.fit.checkpoint import load_model, read_checkpoint
from vad_edge_training.fit.fit import Trained, train_model
from vad_edge_training.fit.schedule import FitConfig, Phase, Turn
from vad_edge_training.models.mnad import Mnad
from vad_edge_training.models.registry import MODELS
from vad_edge_training.models.streaming_predictor import StreamingPredictor, StreamingPredictorConfig

TINY: dict[str, Any] = {"height": 16, "width": 24, "channels": 4}
MNAD = {"widths": (4, 4, 8), "items": 4}
SIZE = {"height": 16, "width": 24}
FIT = FitConfig(epochs=1, batch_size=4, stride=3)


def fitted(data: Path, output: Path, model: str = "predictor", **options: Any) -> Trained:
    options = {"config": TINY, "fit": FIT, **options}
    return train_model(data, output, model, cache=data.parent / "cache", progress_bar=False, **options)


def train(data: Path, output: Path, **options: Any) -> Path:
    return fitted(data, output, **options).best


def losses(output: Path) -> list[dict[str, float]]:
    found: list[dict[str, float]] = json.loads((output / "training.json").read_text())["losses"]
    return found


def weights(checkpoint: Path) -> dict[str, torch.Tensor]:
    return load_model(checkpoint).state_dict()


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(value, other[name]) for name, value in one.items())


def test_training_leaves_a_model_its_losses_and_a_picture(make_data: MakeData, tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    best = train(make_data(), tmp_path / "out", on_progress=lambda *at: seen.append(at))

    student = load_model(best)
    assert isinstance(student, StreamingPredictor)
    assert student.config == StreamingPredictorConfig(**TINY)
    assert not student.training
    assert 90 < float(student.initial_background.mean()) < 110
    summary = json.loads((tmp_path / "out" / "training.json").read_text())
    assert summary["data"]["fitted_clips"] == ["01.mkv", "02.mkv"]
    assert summary["data"]["held_out_clips"] == ["03.mkv"]
    assert summary["losses"][0].keys() >= {"epoch", "train_loss", "val_loss", "val_mse"}
    assert (tmp_path / "out" / "loss.png").read_bytes().startswith(b"\x89PNG")
    assert seen[-1] == ("fitting", 1, 1)


def test_training_makes_the_prediction_better(make_data: MakeData, tmp_path: Path) -> None:
    train(make_data(), tmp_path / "out", fit=FitConfig(epochs=4, batch_size=2, stride=2))
    first, *_, last = losses(tmp_path / "out")
    assert last["val_loss"] < first["val_loss"]


def test_the_same_seed_trains_the_same_model(make_data: MakeData, tmp_path: Path) -> None:
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


def test_a_training_is_not_begun_over_another(make_data: MakeData, tmp_path: Path) -> None:
    data, output = make_data(), tmp_path / "out"
    done = train(data, output).read_bytes()
    with pytest.raises(ConfigError, match=r"there is a training already; go on with --resume"):
        train(data, output)
    assert (output / "best.ckpt").read_bytes() == done


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
    real = StreamingPredictor.training_loss

    def loss(student: StreamingPredictor, batch: torch.Tensor, turn: str) -> dict[str, torch.Tensor]:
        return real(student, batch, turn) if student.training else {"loss": torch.tensor(next(held_out))}

    monkeypatch.setattr(StreamingPredictor, "training_loss", loss)
    best = train(make_data(), tmp_path / "out", fit=replace(FIT, epochs=3, batch_size=8))
    assert [row["val_loss"] for row in losses(tmp_path / "out")] == [3.0, 1.0, 2.0]
    assert read_checkpoint(best)["epoch"] == 1
    assert read_checkpoint(tmp_path / "out" / "last.ckpt")["epoch"] == 2


@pytest.mark.parametrize("terminated", [False, True])
def test_an_interrupted_fit_says_so_and_goes_on_after_its_last_whole_epoch(
    make_data: MakeData, tmp_path: Path, terminated: bool
) -> None:
    def interrupt(what: str, done: int, total: int) -> None:
        if (what, done) == ("fitting", 2):
            if not terminated:
                raise KeyboardInterrupt
            signal.raise_signal(signal.SIGTERM)

    handler = signal.getsignal(signal.SIGTERM)
    data, longer = make_data(), replace(FIT, epochs=3)
    with pytest.raises(KeyboardInterrupt):
        train(data, tmp_path / "out", fit=longer, on_progress=interrupt)
    assert signal.getsignal(signal.SIGTERM) is handler
    assert read_checkpoint(tmp_path / "out" / "last.ckpt")["epoch"] == 0
    train(data, tmp_path / "out", fit=longer, resume=True)
    assert [row["epoch"] for row in losses(tmp_path / "out")] == [0, 1, 2]


def test_a_fit_resumed_before_it_ever_began_just_begins(make_data: MakeData, tmp_path: Path) -> None:
    assert train(make_data(), tmp_path / "out", resume=True).exists()


@pytest.mark.parametrize(
    ("options", "changed"),
    [
        ({"config": {**TINY, "channels": 8}}, "configuration"),
        ({"fit": replace(FIT, learning_rate=0.1)}, "fit"),
        ({"model": "mnad", "config": {**MNAD, **SIZE}}, "model, configuration"),
    ],
)
def test_resuming_with_other_settings_is_refused(
    make_data: MakeData, tmp_path: Path, options: dict[str, Any], changed: str
) -> None:
    data = make_data()
    train(data, tmp_path / "out")
    with pytest.raises(ConfigError, match=f"cannot go on: {changed} changed since this checkpoint"):
        train(data, tmp_path / "out", resume=True, **options)


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
    with pytest.raises(ConfigError, match="epochs: 0 is not above 0; leave it out for the model's own"):
        FitConfig(epochs=0)
    with pytest.raises(ConfigError, match="there is no model 'oracle'; one of student, distilled"):
        train(make_data(), tmp_path / "out", model="oracle")
    with pytest.raises(ConfigError, match="model 'predictor': wings: Unexpected keyword argument"):
        train(make_data(), tmp_path / "out", config={"wings": 2})


class Staged(StreamingPredictor):
    """A predictor that learns its encoder first, then by turns."""

    begun: ClassVar[list[str]] = []

    def phases(self) -> tuple[Phase, ...]:
        return (
            Phase("encoder", (Turn("all", ("encoder.",)),), share=0.5),
            Phase("turns", (Turn("all", ("encoder.",)), Turn("all", ("predictor.",))), share=0.5),
        )

    def begin(self, phase: str, clips: Iterable[torch.Tensor]) -> None:
        self.begun.append(phase)
        assert next(iter(clips)).shape[1:] == (6, 16, 24, 3)
        assert self.training
        assert not torch.is_grad_enabled()


@pytest.fixture
def staged(monkeypatch: pytest.MonkeyPatch) -> str:
    Staged.begun = []
    monkeypatch.setitem(MODELS, "staged", Staged)
    return "staged"


def moved(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> set[str]:
    return {name.partition(".")[0] for name, value in before.items() if not torch.equal(value, after[name])}


def test_a_phase_moves_only_what_its_turns_may_move(staged: str, make_data: MakeData, tmp_path: Path) -> None:
    data = make_data()
    options = {"fit": replace(FIT, epochs=2), "model": staged}
    lightning.seed_everything(0, verbose=False)
    untrained = Staged(StreamingPredictorConfig(**TINY)).state_dict()

    def stop(what: str, done: int, total: int) -> None:
        if (what, done) == ("fitting", 2):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(data, tmp_path / "out", on_progress=stop, **options)
    half = weights(tmp_path / "out" / "last.ckpt")
    assert moved(untrained, half) - {"initial_background", "initial_blocks"} == {"encoder"}
    assert not (tmp_path / "out" / "best.ckpt").exists()
    whole = weights(train(data, tmp_path / "out", resume=True, **options))
    assert moved(half, whole) == {"encoder", "predictor"}


def test_each_phase_is_begun_once_also_where_a_fit_is_resumed(
    staged: str, make_data: MakeData, tmp_path: Path
) -> None:
    data = make_data()
    options = {"fit": replace(FIT, epochs=4), "model": staged}
    for _ in range(4):
        fitted(data, tmp_path / "out", resume=True, max_minutes=1e-6, **options)
    assert Staged.begun == ["encoder", "turns"]


def test_too_few_epochs_for_a_schedule_are_refused(staged: str, make_data: MakeData, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="epochs: 1 are too few for 2 phases of training; give 2 or more"):
        train(make_data(), tmp_path / "out", model=staged)


def test_a_fit_whose_time_is_over_ends_with_a_whole_epoch_and_goes_on(
    make_data: MakeData, tmp_path: Path
) -> None:
    data, fit = make_data(), replace(FIT, epochs=2)
    first = fitted(data, tmp_path / "out", fit=fit, max_minutes=1e-6)
    assert (first.epochs, first.finished) == (1, False)
    second = fitted(data, tmp_path / "out", fit=fit, max_minutes=1e-6, resume=True)
    assert (second.epochs, second.finished) == (2, True)


def test_losses_are_left_for_tensorboard_and_as_csv(make_data: MakeData, tmp_path: Path) -> None:
    train(make_data(), tmp_path / "out")
    assert "val_loss" in (tmp_path / "out" / "metrics.csv").read_text().splitlines()[0]
    assert list((tmp_path / "out").glob("events.out.tfevents.*"))


def test_a_memory_model_is_fitted_as_a_predictor_is(make_data: MakeData, tmp_path: Path) -> None:
    best = train(make_data(), tmp_path / "out", model="mnad", config={**MNAD, **SIZE})
    assert isinstance(load_model(best), Mnad)


def test_a_gpu_without_memory_says_which_batch_size_fits(
    make_data: MakeData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = StreamingPredictor.training_loss

    def loss(student: StreamingPredictor, batch: torch.Tensor, turn: str) -> dict[str, torch.Tensor]:
        if len(batch) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(student, batch, turn)

    monkeypatch.setattr(StreamingPredictor, "training_loss", loss)
    message = (
        "ran out of memory with batches of 4; --batch-size 1 fits; with --accumulate 4 it trains much alike"
    )
    with pytest.raises(DeviceError, match=message):
        train(make_data(), tmp_path / "out")


def test_a_model_of_labelled_anomalies_is_fitted_on_one_fold_of_them(
    make_data: MakeData, tmp_path: Path
) -> None:
    config = {**TINY_MODELS["smdnet"], **SIZE}
    data = make_data()
    best = train(data, tmp_path / "out", model="smdnet", config=config, fold=Fold(1, 2))
    facts = read_checkpoint(best)["hyper_parameters"]
    assert facts["data"]["fold"] == "1/2"
    with pytest.raises(ConfigError, match="cannot go on: fold changed since this checkpoint"):
        train(data, tmp_path / "out", model="smdnet", config=config, fold=Fold(2, 2), resume=True)


def test_a_fold_belongs_to_models_of_labelled_anomalies_alone(make_data: MakeData, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="predictor learns from normal footage alone; leave --fold out"):
        train(make_data(), tmp_path / "out", fold=Fold(1, 2))
    with pytest.raises(ConfigError, match="fold: smdnet learns from labelled anomalies too; say which part"):
        train(tmp_path / "data", tmp_path / "out", model="smdnet")


def test_a_model_for_boards_takes_size_and_rate_from_its_footage(make_data: MakeData, tmp_path: Path) -> None:
    best = train_model(
        make_data(),
        tmp_path / "out",
        config={"pictures": 2},
        fit=FIT,
        cache=tmp_path / "c",
        progress_bar=False,
    ).best
    config = read_checkpoint(best)["hyper_parameters"]["config"]
    assert (config["height"], config["width"], config["fps"]) == (48, 64, 10.0)


def test_doubts_about_the_footage_are_kept_in_the_checkpoint(make_data: MakeData, tmp_path: Path) -> None:
    best = train(make_data(), tmp_path / "out")
    assert "learned from 7 s of footage" in read_checkpoint(best)["hyper_parameters"]["data"]["doubts"][0]


def test_footage_of_a_black_screen_is_refused(tmp_path: Path) -> None:
    black = [np.zeros((48, 64, 3), np.uint8)] * 60
    write_video(tmp_path / "data" / "training" / "a.mkv", black)
    with pytest.raises(DataError, match="100% of the frames are black; check lens cap, light and exposure"):
        train(tmp_path / "data", tmp_path / "out")
