"""The table that variants of models are compared by: as CSV, and as a picture."""

from __future__ import annotations

import csv
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter


@dataclass(frozen=True, slots=True)
class VariantRow:
    """What a variant reached on a dataset: means over its seeds, and of the AUCs the standard deviations.

    trial is the AUC on held-out footage with synthetic anomalies, which variants are chosen by; NaN for a
    model that does not choose its cues by it. recall is the share of labelled events with a frame above the
    highest score of an hour of held-out normal footage, or of all there is where that is less: hours says how
    much it was. ms is a step's of the fp32 graph on this machine, minutes one training's.
    """

    dataset: str
    name: str
    seeds: int
    parameters: int
    gmacs: float
    ms: float
    trial: float
    micro_online: float
    micro_online_sd: float
    micro_per_clip: float
    micro_per_clip_sd: float
    macro: float
    macro_sd: float
    average_precision: float
    recall: float
    hours: float
    minutes: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values for machines; what is undefined is null."""
        return {
            name: None if isinstance(value, float) and math.isnan(value) else value
            for name, value in asdict(self).items()
        }


def row_of(dataset: str, name: str, results: Sequence[Mapping[str, float]]) -> VariantRow:
    """The row of a variant from what each seed gave."""
    values: dict[str, Any] = {
        field.name: statistics.fmean(result[field.name] for result in results)
        for field in fields(VariantRow)
        if field.name in results[0]
    }
    for protocol in ("micro_online", "micro_per_clip", "macro"):
        found = [result[protocol] for result in results]
        values[f"{protocol}_sd"] = statistics.stdev(found) if len(found) > 1 else math.nan
    values["parameters"] = int(values["parameters"])
    return VariantRow(dataset=dataset, name=name, seeds=len(results), **values)


def read_table(path: Path) -> list[VariantRow]:
    """The rows of a table; none where there is no file."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as stream:
        return [TypeAdapter(VariantRow).validate_python(row) for row in csv.DictReader(stream)]


def write_table(rows: Sequence[VariantRow], path: Path) -> None:
    """Write rows as CSV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, [field.name for field in fields(VariantRow)])
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)


def draw_table(rows: Sequence[VariantRow], path: Path) -> None:
    """Draw each dataset's variants: online AUC with its spread over what a step takes."""
    from matplotlib.figure import Figure

    datasets = list(dict.fromkeys(row.dataset for row in rows))
    figure = Figure(figsize=(5 * len(datasets), 4), layout="constrained")
    for axes, dataset in zip(figure.subplots(1, len(datasets), squeeze=False)[0], datasets, strict=True):
        for row in (row for row in rows if row.dataset == dataset):
            spread = row.micro_online_sd if math.isfinite(row.micro_online_sd) else 0.0
            axes.errorbar(row.ms, row.micro_online, yerr=spread, marker="o", capsize=3)
            axes.annotate(row.name, (row.ms, row.micro_online), xytext=(5, 4), textcoords="offset points")
        axes.set(xlabel="ms a frame, fp32", ylabel="AUC, online", title=dataset)
    figure.savefig(path, dpi=100)
