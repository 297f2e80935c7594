"""One idea for a model, measured over several seeds: a row of a table that ideas are compared by."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vad_edge.bundle.archive import read_bundle
from vad_edge.common.explain import first_problem
from vad_edge.errors import ConfigError
from vad_edge.inference.benchmark import Case, benchmark
from vad_edge.pipeline import score_recording
from vad_edge_export.experiments.variant_table import VariantRow, draw_table, read_table, row_of, write_table
from vad_edge_export.footage import unseen_footage
from vad_edge_export.package import export_bundle
from vad_edge_training.datasets.layouts import open_dataset
from vad_edge_training.evaluate.evaluate import Evaluation, evaluate_bundle
from vad_edge_training.fit.checkpoint import load_model, read_checkpoint
from vad_edge_training.fit.fit import train_model
from vad_edge_training.fit.progress import Progress, silent
from vad_edge_training.fit.schedule import FitConfig
from vad_edge_training.models.cost import cost_of
from vad_edge_training.models.registry import config_of, fit_of

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TABLE: Final = "variants.csv"
PICTURE: Final = "variants.png"
_RESULT: Final = "result.json"
_TIMED_STEPS: Final = 100

FloatArray = NDArray[np.float64]


class Variant(BaseModel):
    """A model with its settings, and the seeds it is trained with."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, pattern=r"^[A-Za-z0-9._-]+$")
    model: str = "student"
    seeds: list[int] = Field(default=[0, 1, 2], min_length=1)
    config: dict[str, Any] = {}
    fit: dict[str, Any] = {}

    def fit_config(self, seed: int) -> FitConfig:
        """The model's own fit with this variant's changes."""
        return fit_of(self.model, {**self.fit, "seed": seed})


def read_variant(path: Path) -> Variant:
    """A variant from its TOML file. Raises ConfigError for a file, key or value that is not one's."""
    try:
        variant = Variant.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        config_of(variant.model, variant.config)
        variant.fit_config(0)
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=str(path)) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"not valid TOML: {error}", where=str(path)) from error
    except ValidationError as error:
        raise ConfigError(first_problem(error), where=str(path)) from error
    return variant


def try_variant(
    variant: Variant,
    data: Path,
    output: Path,
    *,
    cache: Path | None = None,
    on_progress: Progress | None = None,
) -> VariantRow:
    """Train, export and measure a variant with each of its seeds, and add its row to the table in `output`.

    A seed that is finished is not done again. output gets a folder for each seed, ``variants.csv`` with a row
    for each variant and dataset, and ``variants.png``. The test clips are read once for each seed: what is
    chosen, is chosen on held-out normal clips. Raises what training, export and evaluation raise.
    """
    report = on_progress or silent
    dataset = open_dataset(data).name
    results = []
    for done, seed in enumerate(variant.seeds):
        report(f"{variant.name} on {dataset}", done, len(variant.seeds))
        folder = output / dataset.replace("/", "-") / variant.name / str(seed)
        if not (folder / _RESULT).exists():
            _measure(variant, seed, data, folder, cache, report)
        results.append(json.loads((folder / _RESULT).read_text(encoding="utf-8")))
    report(f"{variant.name} on {dataset}", len(variant.seeds), len(variant.seeds))
    row = row_of(dataset, variant.name, results)
    rows = [old for old in read_table(output / TABLE) if (old.dataset, old.name) != (dataset, variant.name)]
    write_table([*rows, row], output / TABLE)
    draw_table([*rows, row], output / PICTURE)
    return row


def event_recall(
    normal: Sequence[FloatArray], tested: Sequence[FloatArray], truth: Sequence[NDArray[np.bool_]], fps: float
) -> tuple[float, float]:
    """Share of labelled events found at one false alarm an hour of normal life, and the hours there are.

    normal and tested hold each clip's scores, (T,), NaN where a frame has none. The threshold is the highest
    score of normal footage that no more than one frame an hour exceeds.
    """
    scores = np.concatenate(normal)
    scores = np.sort(scores[np.isfinite(scores)])
    hours = len(scores) / fps / 3600.0
    threshold = scores[-1 - min(math.floor(hours), len(scores) - 1)]
    found = [
        bool(np.nanmax(np.where(np.isfinite(clip[begin:end]), clip[begin:end], -np.inf)) > threshold)
        for clip, flags in zip(tested, truth, strict=True)
        for begin, end in _events(flags)
    ]
    return (float(np.mean(found)) if found else math.nan), hours


def _measure(
    variant: Variant, seed: int, data: Path, folder: Path, cache: Path | None, report: Progress
) -> None:
    train_model(
        data,
        folder,
        variant.model,
        variant.config,
        variant.fit_config(seed),
        resume=True,
        cache=cache,
        progress_bar=False,
        on_progress=report,
    )
    path = folder / "model.vadb"
    exported = export_bundle(folder / "best.ckpt", path, data=data)
    found = evaluate_bundle(path, data)
    recall, hours = _recall(path, folder / "best.ckpt", data, found)
    cost = cost_of(load_model(folder / "best.ckpt"))
    (timed,) = benchmark(path, [Case("onnxruntime", "fp32", 1)], steps=_TIMED_STEPS)
    training = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    result = {
        **asdict(cost),
        **found.auc.to_dict(),
        "trial": exported.chosen.auc if exported.chosen else math.nan,
        "average_precision": found.average_precision,
        "ms": timed.p50_ms,
        "recall": recall,
        "hours": hours,
        "minutes": sum(epoch["seconds"] for epoch in training["losses"]) / 60.0,
    }
    (folder / _RESULT).write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def _recall(path: Path, checkpoint: Path, data: Path, found: Evaluation) -> tuple[float, float]:
    bundle, dataset = read_bundle(path), open_dataset(data)
    origin = read_checkpoint(checkpoint)["hyper_parameters"]["data"]
    footage = unseen_footage(dataset.training, origin.get("fitted_clips"))
    normal = []
    for clip in footage.clips:
        surprise = score_recording(bundle, clip, fps=dataset.fps).surprise
        normal.append(surprise[round(len(surprise) * footage.skip) :])
    return event_recall(normal, found.scores, found.truth, bundle.manifest.clock.fps)


def _events(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(flags.astype(np.int8), prepend=0, append=0))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
