"""Checkpoints of a training: read as plain data, and turned into models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from vad_edge.errors import ConfigError, DataError
from vad_edge_training.models.model import Model
from vad_edge_training.models.registry import build, config_of

FIX = "give best.ckpt of `vad-edge train`"


def load_model(checkpoint: Path) -> Model:
    """The model of a checkpoint, ready to score. Raises DataError when the file is none of ours."""
    stored = read_checkpoint(checkpoint)
    facts = stored["hyper_parameters"]
    model = build(facts["model"], facts["config"])
    weights = {
        name.removeprefix("model."): value
        for name, value in stored["state_dict"].items()
        if name.startswith("model.")
    }
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise DataError(
            f"its weights do not fit the {facts['model']} it describes{_made_by(facts)}",
            where=str(checkpoint),
            fix=FIX,
        ) from error
    return model.eval()


def read_checkpoint(checkpoint: Path) -> dict[str, Any]:
    """The plain content of a checkpoint: hyper_parameters (model, config, data), state_dict, epoch.

    Raises DataError when the file is none of ours, or of a model or settings this version does not know.
    """
    if not checkpoint.exists():
        raise DataError("no such checkpoint", where=str(checkpoint), fix="give best.ckpt of a training")
    try:
        stored: dict[str, Any] = torch.load(checkpoint, map_location="cpu", weights_only=True)
        facts = stored["hyper_parameters"]
        stored["state_dict"]
        name, config, _ = facts["model"], dict(facts["config"]), dict(facts["data"])
    except Exception as error:  # torch raises whatever its unpickler meets
        raise DataError(
            f"not a checkpoint of a model ({type(error).__name__})", where=str(checkpoint), fix=FIX
        ) from error
    try:
        config_of(name, config)
    except ConfigError as error:
        raise DataError(
            f"a checkpoint this version cannot read{_made_by(facts)}: {error}", where=str(checkpoint), fix=FIX
        ) from error
    return stored


def _made_by(facts: dict[str, Any]) -> str:
    version = facts["data"].get("versions", {}).get("vad-edge")
    return f" (made by vad-edge {version})" if version else ""
