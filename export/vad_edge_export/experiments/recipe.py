"""A recipe: which models are trained on a dataset, and how."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vad_edge.common.explain import first_problem
from vad_edge.errors import ConfigError
from vad_edge_training.datasets.folds import Fold
from vad_edge_training.fit.schedule import FitConfig
from vad_edge_training.models.registry import config_of, fit_of

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


class Run(BaseModel):
    """One training: a model, values of its configuration, and those of its fit that are not its own.

    fold, such as 1/5, belongs to models that see labelled anomalies.
    """

    model_config = ConfigDict(extra="forbid")

    model: str
    config: dict[str, Any] = {}
    fit: dict[str, Any] = {}
    fold: str | None = None

    @property
    def fit_config(self) -> FitConfig:
        """The model's own fit with this run's changes."""
        return fit_of(self.model, self.fit)


class Recipe(BaseModel):
    """What one sweep trains and measures.

    dataset is the name figures are listed under. reduced says that sizes or schedules are below the papers'.
    oracle_every also measures every so many epochs on the test set, to show apart what choosing there, as
    several papers do, would have given.
    """

    model_config = ConfigDict(extra="forbid")

    dataset: str
    reduced: bool
    oracle_every: int | None = Field(default=None, ge=1)
    runs: list[Run] = Field(alias="run", min_length=1)


def read_recipe(path: Path) -> Recipe:
    """A recipe from its TOML file. Raises ConfigError for a file, key or value that is not one's."""
    try:
        recipe = Recipe.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        for run in recipe.runs:
            config_of(run.model, run.config)
            _ = run.fit_config
            if run.fold is not None:
                Fold.parse(run.fold)
    except FileNotFoundError as error:
        raise ConfigError("no such recipe", where=str(path), fix="see training/recipes/") from error
    except ValidationError as error:
        raise ConfigError(first_problem(error), where=str(path)) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"not valid TOML: {error}", where=str(path)) from error
    return recipe
