"""Models that a plug-in brings: built, listed and named like our own."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.plugins import InstallPlugin
from tests.training.conftest import MakeData

from vad_edge.common.plugin_loader import MODELS as GROUP
from vad_edge.errors import ConfigError, PluginError
from vad_edge_training.fit.checkpoint import load_model
from vad_edge_training.fit.fit import train_model
from vad_edge_training.fit.schedule import FitConfig
from vad_edge_training.models.catalogue import catalogue
from vad_edge_training.models.registry import MODELS, all_models, build, model_type

TINY = """
from dataclasses import dataclass
import torch
from vad_edge.plugins import plugin
from vad_edge_training.models.model import Card, ClipModel, ModelConfig, negative_psnr, squared_error

@dataclass(frozen=True)
class LastConfig(ModelConfig):
    gain: float = 1.0

@plugin(api_version=1)
class Last(ClipModel):
    card = Card("last", "expects the next frame to be as the last one")
    config_type = LastConfig
    cues = ("error",)
    clip_length = 2

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.gain = torch.nn.Parameter(torch.tensor(config.gain))

    def score_clip(self, clip, weight):
        error = squared_error(clip[:, -1], clip[:, -2] * self.gain)
        return negative_psnr(error, weight)[:, None], error

    def training_loss(self, batch, turn):
        return {"loss": (self.gain - 1) ** 2}
"""


def test_a_plugins_model_is_built_with_its_settings_and_scores(install_plugin: InstallPlugin) -> None:
    install_plugin("last_model", {GROUP: {"last": "last_model:Last"}}, TINY)
    model = build("last", {"height": 16, "width": 24, "gain": 0.5})
    assert model.config.gain == 0.5
    assert model.step_module().spec.states == {"past": (3, 16, 24)}
    assert model_type("last").card.name == "last"


def test_a_plugins_model_is_trained_and_read_again(
    install_plugin: InstallPlugin, make_data: MakeData, tmp_path: Path
) -> None:
    install_plugin("last_model", {GROUP: {"last": "last_model:Last"}}, TINY)
    config = {"height": 16, "width": 24, "gain": 0.5}
    fit = FitConfig(epochs=1, batch_size=4, stride=3)
    trained = train_model(
        make_data(), tmp_path / "out", "last", config, fit, cache=tmp_path / "cache", progress_bar=False
    )
    model = load_model(trained.best)
    assert type(model).__name__ == "Last"
    assert model.config.gain == 0.5
    assert float(model.get_parameter("gain").detach()) > 0.5


def test_a_plugins_model_is_listed_beside_our_own(install_plugin: InstallPlugin) -> None:
    install_plugin("last_model", {GROUP: {"last": "last_model:Last"}}, TINY)
    listed = {listing.card.name: listing for listing in catalogue()}
    assert listed.keys() == {*MODELS, "last"}
    assert listed["last"].parameters == 1


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("import torch", "import torch, gone"), "No module named 'gone'; install what it needs"),
        (('Card("last"', 'Card("least"'), "its card calls it 'least'"),
        (
            ("class Last(ClipModel)", "class Last(_Like)"),
            "it is no subclass of vad_edge_training.models.model.Model",
        ),
    ],
)
def test_a_broken_model_is_named_and_left_out_and_an_error_where_it_is_asked_for(
    install_plugin: InstallPlugin, caplog: pytest.LogCaptureFixture, change: tuple[str, str], problem: str
) -> None:
    likeness = "\nclass _Like:\n    training_loss = step_module = None\n@plugin("
    install_plugin(
        "last_model",
        {GROUP: {"last": "last_model:Last"}},
        TINY.replace("\n@plugin(", likeness).replace(*change),
    )
    assert all_models() == MODELS
    assert problem in caplog.text
    assert "is skipped" in caplog.text
    with pytest.raises(PluginError, match=problem):
        model_type("last")


def test_a_model_that_cannot_be_built_does_not_hide_the_others(
    install_plugin: InstallPlugin, caplog: pytest.LogCaptureFixture
) -> None:
    source = TINY.replace("super().__init__()", "raise RuntimeError('no memory')")
    install_plugin("last_model", {GROUP: {"last": "last_model:Last"}}, source)
    assert {listing.card.name for listing in catalogue()} == set(MODELS)
    assert "model last of a plug-in is left out: it cannot be built: RuntimeError('no memory')" in caplog.text


def test_an_unknown_model_is_refused_with_the_names_there_are(install_plugin: InstallPlugin) -> None:
    install_plugin("last_model", {GROUP: {"last": "last_model:Last"}}, TINY)
    with pytest.raises(ConfigError, match=r"no model 'lost'; one of student, .*, last"):
        model_type("lost")
