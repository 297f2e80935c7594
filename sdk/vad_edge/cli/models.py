"""`vad-edge models`."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vad_edge.cli.options import training_precision_option
from vad_edge.cli.types import DATA_FOLDER, OUTPUT_FOLDER

if TYPE_CHECKING:
    from rich.table import Table


@click.group(name="models")
def command() -> None:
    """The models there are: students for boards, teachers from publications."""


@command.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="One JSON array on standard output.")
def show(as_json: bool) -> None:
    """List the models with their papers' figures, their costs and what was measured here.

    \b
    vad-edge models list
    vad-edge models list --json
    """
    listings = importlib.import_module("vad_edge_training.models.catalogue").catalogue()
    values = [listing.to_dict() for listing in listings]
    if as_json:
        click.echo(json.dumps(values))
    else:
        _show(values)


@command.command(name="sweep")
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("--data", required=True, type=DATA_FOLDER, help="The recipe's dataset.")
@click.option("--output", required=True, type=OUTPUT_FOLDER, help="Folder for all results.")
@click.option(
    "--max-minutes", type=click.FloatRange(min=0, min_open=True), help="Train this long, to go on later."
)
@training_precision_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def sweep(
    recipe: Path, data: Path, output: Path, max_minutes: float | None, precision: str, as_json: bool
) -> None:
    """Train, export and measure every model of a recipe.

    The same command goes on where it was interrupted; what is finished is not done again.

    \b
    vad-edge models sweep training/recipes/ped2.toml --data ped2 --output out/sweep
    """
    from vad_edge.cli.output import progress_bars

    sweeping = importlib.import_module("vad_edge_export.experiments.sweep")
    recipes = importlib.import_module("vad_edge_export.experiments.recipe")
    hardware = importlib.import_module("vad_edge_training.fit.hardware")
    with progress_bars() as report:
        results = sweeping.sweep(
            recipes.read_recipe(recipe),
            data,
            output,
            max_minutes=max_minutes,
            hardware=hardware.Hardware(precision=precision),
            on_progress=report,
        )
    if as_json:
        click.echo(json.dumps(results))
        return
    for model, by_dataset in results.items():
        for dataset, result in by_dataset.items():
            auc = ", ".join(f"{name} {_figure(value)}" for name, value in result["auc"].items())
            click.echo(f"{model} on {dataset}: {auc}")


@command.command(name="try")
@click.argument("variant", type=click.Path(path_type=Path))
@click.option("--data", required=True, multiple=True, type=DATA_FOLDER, help="A dataset; once for each.")
@click.option("--output", required=True, type=OUTPUT_FOLDER, help="Folder of the table.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def try_(variant: Path, data: tuple[Path, ...], output: Path, as_json: bool) -> None:
    """Measure an idea: train, export and evaluate a variant with each of its seeds.

    Adds a row for each dataset to OUTPUT/variants.csv and draws variants.png: how many variants were tried
    stays in sight. Seeds that are finished are not done again.

    \b
    vad-edge models try training/recipes/student.toml --data ped2 --data scene --output out/variants
    """
    from vad_edge.cli.output import progress_bars

    variants = importlib.import_module("vad_edge_export.experiments.variant")
    wanted = variants.read_variant(variant)
    with progress_bars() as report:
        rows = [variants.try_variant(wanted, folder, output, on_progress=report) for folder in data]
    if as_json:
        click.echo(json.dumps({"rows": [row.to_dict() for row in rows]}))
        return
    for row in rows:
        click.echo(
            f"{row.name} on {row.dataset}, {row.seeds} seeds: trial {row.trial:.4f},"
            f" online {row.micro_online:.4f} (deviation {row.micro_online_sd:.4f}),"
            f" per-clip {row.micro_per_clip:.4f}, macro {row.macro:.4f},"
            f" {row.ms:.1f} ms, {row.minutes:.1f} minutes"
        )


def _show(values: list[dict[str, Any]]) -> None:
    from rich.console import Console

    console = Console()
    console.print(
        _table([value for value in values if value["one_class"]], "learn from normal footage alone")
    )
    console.print(
        _table([value for value in values if not value["one_class"]], "see labelled anomalies, too")
    )
    for value in values:
        console.print(f"{value['name']}: {value['summary']}", highlight=False)
    console.print("Ped2, Avenue and STC are the papers' own AUC in percent, after min-max within each clip;")
    console.print("measured is online AUC: raw scores of all clips in one ROC. Compare within a table only.")


def _table(values: list[dict[str, Any]], title: str) -> Table:
    from rich.table import Table

    papers = {"ped2": "Ped2", "avenue": "Avenue", "shanghaitech": "STC"}
    table = Table("model", *papers.values(), "parameters", "GMACs", "measured", title=title)
    for value in values:
        table.add_row(
            value["name"],
            *(f"{value['paper_auc'][name]:.1f}" if name in value["paper_auc"] else "-" for name in papers),
            f"{value['parameters'] / 1e6:.2f} M",
            f"{value['gmacs']:.2f}",
            "\n".join(_measured(dataset, found) for dataset, found in value["measured"].items()) or "-",
        )
    return table


def _measured(dataset: str, found: dict[str, Any]) -> str:
    reduced = ", reduced" if found["reduced"] else ""
    return f"{dataset} {_figure(found['auc']['micro_online'])} ({found['resolution']}{reduced})"


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
