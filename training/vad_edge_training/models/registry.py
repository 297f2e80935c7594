"""The models there are, by name."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from pydantic import TypeAdapter, ValidationError

from vad_edge.common.explain import first_problem
from vad_edge.common.plugin_loader import MODELS as PLUGINS
from vad_edge.common.plugin_loader import load, names, usable
from vad_edge.errors import ConfigError, PluginError
from vad_edge_training.fit.schedule import FitConfig
from vad_edge_training.models.clustering import Clustering
from vad_edge_training.models.dissociation import Dissociation
from vad_edge_training.models.distilled import DistilledStudent
from vad_edge_training.models.dlan_ac import DlanAc
from vad_edge_training.models.fusion_stream import FusionStream
from vad_edge_training.models.mnad import Mnad
from vad_edge_training.models.model import Model
from vad_edge_training.models.smdnet import Smdnet
from vad_edge_training.models.streaming_predictor import StreamingPredictor
from vad_edge_training.models.student import Student

_log = logging.getLogger(__name__)

_KINDS: tuple[type[Model], ...] = (
    Student,
    DistilledStudent,
    StreamingPredictor,
    Mnad,
    Clustering,
    Dissociation,
    DlanAc,
    Smdnet,
    FusionStream,
)

MODELS = {kind.card.name: kind for kind in _KINDS}
"""Our own models; plug-ins bring others."""


def model_type(name: str) -> type[Model]:
    """The model of that name, of our own or of a plug-in.

    Raises ConfigError for one there is not, PluginError for a plug-in that cannot be used.
    """
    if name in MODELS:
        return MODELS[name]
    kind = load(PLUGINS, name)
    if kind is None:
        known = ", ".join([*MODELS, *names(PLUGINS)])
        raise ConfigError(f"there is no model {name!r}", where="model", fix=f"one of {known}")
    problem = _problem(name, kind)
    if problem:
        raise PluginError(problem, where=f"plug-in {name} ({PLUGINS})", fix="ask its author")
    foreign: type[Model] = kind
    return foreign


def all_models() -> dict[str, type[Model]]:
    """Every model by name; a plug-in that cannot be used is named in the log and left out."""
    models = dict(MODELS)
    for name, kind in usable(PLUGINS):
        problem = _problem(name, kind)
        if problem:
            _log.warning("plug-in %s (%s) is skipped: %s", name, PLUGINS, problem)
        else:
            models[name] = kind
    return models


def _problem(name: str, kind: object) -> str:
    """Why this is no model of that name; empty where it is."""
    if not (isinstance(kind, type) and issubclass(kind, Model)):
        return "it is no subclass of vad_edge_training.models.model.Model"
    if kind.card.name != name:
        return f"its card calls it {kind.card.name!r}"
    return ""


def config_of(name: str, values: Mapping[str, Any]) -> Any:
    """A model's configuration from plain values, as JSON and TOML give them.

    Raises ConfigError for an unknown model, key or value.
    """
    try:
        return TypeAdapter(model_type(name).config_type).validate_python(values)
    except ValidationError as error:
        known = [each.name for each in fields(model_type(name).config_type)]
        raise ConfigError(
            first_problem(error), where=f"model {name!r}", fix=f"its settings are {', '.join(known)}"
        ) from error


def fit_of(name: str, values: Mapping[str, Any]) -> FitConfig:
    """A model's own fit with some values changed, as JSON and TOML give them.

    Raises ConfigError for an unknown model, key or value.
    """
    unknown = [key for key in values if key not in FitConfig.__dataclass_fields__]
    if unknown:
        raise ConfigError(
            f"fit of {name}: there is no {unknown[0]}",
            fix=f"one of {', '.join(FitConfig.__dataclass_fields__)}",
        )
    adapter = TypeAdapter(FitConfig)
    try:
        return adapter.validate_python({**adapter.dump_python(model_type(name).defaults), **values})
    except ValidationError as error:
        raise ConfigError(f"fit of {name}: {first_problem(error)}") from error


def build(name: str, values: Mapping[str, Any]) -> Model:
    """An untrained model from its name and plain configuration values; raises as `config_of`."""
    kind: Any = model_type(name)
    model: Model = kind(config_of(name, values))
    return model
