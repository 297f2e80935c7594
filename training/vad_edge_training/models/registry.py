"""The models there are, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from pydantic import TypeAdapter, ValidationError

from vad_edge.errors import ConfigError
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


def model_type(name: str) -> type[Model]:
    """The model of that name. Raises ConfigError for one there is not."""
    if name not in MODELS:
        raise ConfigError(f"there is no model {name!r}", where="model", fix=f"one of {', '.join(MODELS)}")
    return MODELS[name]


def config_of(name: str, values: Mapping[str, Any]) -> Any:
    """A model's configuration from plain values, as JSON and TOML give them.

    Raises ConfigError for an unknown model, key or value.
    """
    try:
        return TypeAdapter(model_type(name).config_type).validate_python(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        known = [each.name for each in fields(model_type(name).config_type)]
        raise ConfigError(
            f"{key}: {first['msg']}", where=f"model {name!r}", fix=f"its settings are {', '.join(known)}"
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
        first = error.errors(include_url=False)[0]
        raise ConfigError(f"fit of {name}: {first['loc'][0]}: {first['msg']}") from error


def build(name: str, values: Mapping[str, Any]) -> Model:
    """An untrained model from its name and plain configuration values; raises as `config_of`."""
    kind: Any = model_type(name)
    model: Model = kind(config_of(name, values))
    return model
