from __future__ import annotations

from pathlib import Path

import pytest

from vad_edge.errors import ConfigError
from vad_edge_export.experiments.recipe import read_recipe

RECIPES = Path(__file__).parents[3] / "training" / "recipes"

GOOD = """
dataset = "hall"
reduced = true

[[run]]
model = "mnad"
config = { height = 64, width = 96, widths = [4, 8] }
fit = { epochs = 3 }
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "recipe.toml"
    path.write_text(text)
    return path


def test_a_run_takes_what_it_does_not_say_from_the_model(tmp_path: Path) -> None:
    recipe = read_recipe(write(tmp_path, GOOD))
    (run,) = recipe.runs
    assert (recipe.dataset, recipe.reduced, run.model) == ("hall", True, "mnad")
    assert (run.fit_config.epochs, run.fit_config.learning_rate) == (3, 2e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("mnad", "oracle"), "there is no model 'oracle'"),
        (("height = 64", "height = 60"), "height and width must be multiples of 8"),
        (("height = 64", "hight = 64"), "hight: Unexpected keyword argument"),
        (("epochs = 3", "epoch = 3"), "fit of mnad: there is no epoch; one of epochs, batch_size"),
        (("epochs = 3", "epochs = 0"), "epochs: 0 is not above 0"),
        (("epochs = 3", 'epochs = "many"'), "epochs: Input should be a valid integer"),
        (("dataset", "data"), "dataset: Field required"),
        (("[[run]]", "[run"), "not valid TOML"),
    ],
)
def test_a_recipe_with_a_mistake_says_what_and_where(
    tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    path = write(tmp_path, GOOD.replace(*change))
    with pytest.raises(ConfigError, match=message.replace("[", r"\[")):
        read_recipe(path)


def test_a_missing_recipe_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such recipe; see training/recipes/"):
        read_recipe(tmp_path / "none.toml")


@pytest.mark.parametrize("path", sorted(RECIPES.glob("ped2*.toml")), ids=lambda path: path.stem)
def test_the_sweeps_that_come_along_can_be_read(path: Path) -> None:
    assert read_recipe(path).runs
