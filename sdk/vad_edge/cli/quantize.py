"""`vad-edge quantize`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from vad_edge.cli.types import DATA_FOLDER, EXISTING_FILE, OUTPUT_FILE


@click.command(name="quantize")
@click.option("--bundle", required=True, type=EXISTING_FILE, help="A bundle of `vad-edge export`.")
@click.option(
    "--data",
    required=True,
    type=DATA_FOLDER,
    help="The scene's footage: scales, judgement and calibration come from it.",
)
@click.option("--output", required=True, type=OUTPUT_FILE, help="The bundle, NAME.vadb.")
@click.option(
    "--max-auc-drop",
    type=click.FloatRange(min=0.0, max=1.0),
    default=0.003,
    show_default=True,
    help="How much AUC a graph may lose; above it, layers stay in fp32, worst first.",
)
@click.option(
    "--fine-tune",
    metavar="CHECKPOINT",
    type=EXISTING_FILE,
    help="The checkpoint the bundle was made from, fitted on in INT8's steps where INT8 loses too much.",
)
@click.option("--epochs", type=click.IntRange(min=1), help="Of fine-tuning; 3 by default.")
@click.option("--sensitivity", is_flag=True, help="Also say what each layer costs alone.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def command(
    bundle: Path,
    data: Path,
    output: Path,
    max_auc_drop: float,
    fine_tune: Path | None,
    epochs: int | None,
    sensitivity: bool,
    as_json: bool,
) -> None:
    """Add fp16 and INT8 graphs to a bundle, without those that lose too much.

    INT8 comes twice, as ONNX Runtime on a CPU and as TensorRT want it. Each graph is judged on held-out
    normal clips with synthetic anomalies, then on the labelled clips of --data where there are any, and gets
    a score calibration of its own.

    A graph that loses too much is refused with the reason, and the bundle goes without it; where all are
    refused, nothing is written and the exit code is 1.

    Where INT8 loses too much, layers stay in fp32; with --fine-tune the model first learns to bear INT8's
    rounding, and the bundle is of the new weights, fp32 graph included, if that helps. Their checkpoint is
    left beside the bundle.

    \b
    vad-edge quantize --bundle my.vadb --data data --output my-int8.vadb
    vad-edge quantize --bundle my.vadb --data data --output my-int8.vadb --sensitivity
    vad-edge quantize --bundle my.vadb --data data --output my-int8.vadb --fine-tune out/train/best.ckpt
    """
    import importlib

    from vad_edge.cli.output import progress_bars

    if epochs is not None and fine_tune is None:
        raise click.UsageError("--epochs are those of a fine-tuning: give --fine-tune CHECKPOINT too")
    quantize = importlib.import_module("vad_edge_export.quantize.quantize")
    with progress_bars() as report_progress:
        found = quantize.quantize_bundle(
            bundle,
            output,
            data=data,
            max_auc_drop=max_auc_drop,
            sensitivity=sensitivity,
            fine_tune=fine_tune,
            epochs=epochs or quantize.EPOCHS,
            on_progress=lambda what, share: report_progress(what, share, 1.0),
        )
    values = found.to_dict()
    if as_json:
        click.echo(json.dumps(values))
    else:
        _show(values)
    for graph in found.refused:
        click.echo(f"vad-edge: warning: {output} goes without {graph.title}", err=True)


_COLUMNS = ("graph", "for", "MB", "AUC", "lost", "correlation", "tested", "kept in fp32")


def _show(values: dict[str, Any]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console()
    table = Table(*_COLUMNS, box=box.SIMPLE_HEAD, pad_edge=False)
    tested = values["tested"] or {}
    table.add_row("fp32", "any", "", f"{values['trial_auc']:.4f}", "", "", _figure(tested), "all")
    for graph in values["graphs"]:
        cost = graph["cost"]
        table.add_row(
            graph["precision"],
            graph["backend"],
            f"{graph['bytes'] / 1e6:.2f}",
            f"{cost['auc']:.4f}",
            f"{cost['auc_drop']:.4f}",
            f"{cost['score_correlation']:.6f}",
            _figure(graph["tested"] or {}),
            ", ".join(graph["kept_fp32"]) or "none",
        )
    console.print(table)
    for graph in values["refused"]:
        console.print(f"Left out: {graph['reason']}; {graph['fix']}.", markup=False, highlight=False)
    if values["sensitivity"]:
        layers = Table("layer, alone in INT8", "lost", "correlation")
        for name, cost in values["sensitivity"].items():
            layers.add_row(name, f"{cost['auc_drop']:.4f}", f"{cost['score_correlation']:.6f}")
        console.print(layers)
    if values["fine_tuning"]:
        console.print(_told(values["fine_tuning"]))
    console.print("AUC, lost, correlation: held-out normal footage with synthetic anomalies.")
    if tested:
        console.print("tested: AUC online on the labelled clips; kept in fp32: layers that lost too much.")
    console.print(f"{values['path']} is written.")
    if values["checkpoint"]:
        console.print(f"{values['checkpoint']} holds its weights.")


def _told(tuning: dict[str, Any]) -> str:
    before = f"{tuning['int8_drop_before']:.4f}"
    if not tuning["needed"]:
        return f"Fine-tuning was not needed: with every layer in INT8 {before} is lost."
    losses = (
        f"held-out loss in INT8's steps {tuning['loss_before']:.5f} before, {tuning['loss_after']:.5f} after"
    )
    drops = (
        f"INT8 lost {before} before, {tuning['int8_drop_after']:.4f} after; fp32 {tuning['fp32_drop']:.4f}"
    )
    outcome = "" if tuning["kept"] else " It did not help: the bundle is of the weights it had."
    return f"Fine-tuned for {tuning['epochs']} epochs: {losses}. {drops}.{outcome}"


def _figure(tested: dict[str, float]) -> str:
    return f"{tested['micro_online']:.4f}" if tested else "-"
