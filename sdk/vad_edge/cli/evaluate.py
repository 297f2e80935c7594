"""`vad-edge evaluate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vad_edge.cli.options import labelled_data_option
from vad_edge.cli.types import ALARM_BUDGET, ENGINE, OUTPUT_FOLDER, PRECISION

if TYPE_CHECKING:
    from vad_edge.budget import AlarmBudget
    from vad_edge.bundle.manifest import Precision
    from vad_edge.config.site import SensorConfig


@click.command(name="evaluate")
@click.option("--bundle", required=True, type=click.Path(path_type=Path), help="The model, NAME.vadb.")
@labelled_data_option
@click.option(
    "--events", is_flag=True, help="Count incidents and alarms instead of frames; needs --calibration."
)
@click.option("--calibration", type=click.Path(path_type=Path), help="The camera's pack, NAME.vadc.")
@click.option(
    "--config", type=click.Path(path_type=Path), help="Site file: with --events, hear the pack's sensors too."
)
@click.option(
    "--sensor-fault",
    "faults",
    multiple=True,
    help="Spoil the sensors: delay:SECONDS, loss:SHARE, without:NAME, stuck:NAME or lie:NAME. Repeatable.",
)
@click.option("--alarm-budget", type=ALARM_BUDGET, help="Another budget than the pack was made for.")
@click.option("--baselines", is_flag=True, help="Score the same frames without any learning, too.")
@click.option("--output", type=OUTPUT_FOLDER, help="Folder for the numbers and each clip's curves.")
@click.option("--engine", type=ENGINE, default="auto", show_default=True, help="Inference backend.")
@click.option("--precision", type=PRECISION, help="The fastest the bundle has by default.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def command(
    bundle: Path,
    data: Path,
    events: bool,
    calibration: Path | None,
    config: Path | None,
    faults: tuple[str, ...],
    alarm_budget: AlarmBudget | None,
    baselines: bool,
    output: Path | None,
    engine: str,
    precision: Precision | None,
    as_json: bool,
) -> None:
    """Measure how well a bundle tells normal from abnormal frames.

    Areas under the ROC curve under named protocols. micro_online is what a live camera can do; the papers'
    micro_per_clip needs the whole clip. Where the data has pixel masks, it is also measured how well
    the error map shows the place.

    With --events, what a calibrated camera would have announced: incidents found and how soon, false alarms
    beside the budget. The lead time is from the first watch or warning to the alarm, beside the same on risks
    shuffled in time, since frequent watches lead by chance.

    \b
    vad-edge evaluate --bundle my.vadb --data data --baselines
    vad-edge evaluate --bundle my.vadb --data data --output out/evaluation
    vad-edge evaluate --bundle my.vadb --data data --events --calibration door.vadc --alarm-budget 1/hour
    vad-edge evaluate --bundle my.vadb --data data --events --calibration door.vadc --config site.toml
    """
    import importlib

    from vad_edge.bundle.pack import read_pack
    from vad_edge.cli.output import progress_bars
    from vad_edge.config.load import load_site

    if not events and (config is not None or faults or calibration is not None or alarm_budget is not None):
        given = "--calibration, --alarm-budget, --config and --sensor-fault"
        raise click.UsageError(f"{given} belong to --events")
    if events and precision is not None:
        raise click.UsageError("--precision does not go with --events: the pack says which graph it is for")
    if events and (baselines or output is not None):
        raise click.UsageError("--baselines and --output do not go with --events")
    if events:
        if calibration is None:
            raise click.UsageError("--events needs --calibration, a pack of `vad-edge calibrate`")
        sensors: tuple[SensorConfig, ...] = ()
        latency_s = 0.0
        if config is not None:
            from vad_edge.cameras.streams import with_camera_streams

            site = load_site(config)
            own = site.camera_named(read_pack(calibration).camera, where=str(config))
            sensors, latency_s = with_camera_streams(site).sensor, own.latency_s
        judged = importlib.import_module("vad_edge_training.evaluate.evaluate_events")
        with progress_bars() as report:
            values = judged.evaluate_events(
                bundle,
                data,
                calibration,
                alarm_budget,
                sensors=sensors,
                latency_s=latency_s,
                faults=faults,
                engine=engine,
                on_progress=report,
            ).to_json()
        click.echo(json.dumps(values)) if as_json else _show_events(values)
        return

    evaluate = importlib.import_module("vad_edge_training.evaluate.evaluate")
    with progress_bars() as report:
        found = evaluate.evaluate_bundle(
            bundle, data, with_baselines=baselines, engine=engine, precision=precision, on_progress=report
        )
    if output is not None:
        importlib.import_module("vad_edge_training.evaluate.curves").write_evaluation(found, output)
    values = found.to_json()
    if as_json:
        click.echo(json.dumps(values))
    else:
        _show(values)


def _show_events(values: dict[str, Any]) -> None:
    lead, chance = values["median_lead_time_s"], values["median_lead_time_shuffled_s"]
    rows = {
        "budget": f"{values['budget_kept']} kept, {values['budget_asked']} asked",
        "incidents found": f"{values['incidents_found']} of {values['incidents_total']}",
        "median delay": _seconds(values["median_delay_s"]),
        "median lead time": f"{_seconds(lead)} (shuffled in time: {_seconds(chance)})",
        "false alarms": f"{values['false_alarms']} in {values['normal_hours']:.3f} h of normal life,"
        f" {values['false_alarms_expected']:.2f} allowed",
    }
    for name, value in rows.items():
        click.echo(f"{name}: {value}")


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} s"


def _show(values: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("score", "micro online", "micro per clip", "macro", title=f"frame AUC on {values['data']}")
    rows = {"fused": values["auc"], **{f"cue {name}": auc for name, auc in values["cues"].items()}}
    rows |= {f"baseline {name}": auc for name, auc in values["baselines"].items()}
    for name, auc in rows.items():
        table.add_row(name, *("-" if value is None else f"{value:.4f}" for value in auc.values()))
    console = Console()
    console.print(table)
    console.print(
        f"{values['frames']} frames compared ({values['abnormal_frames']} abnormal),"
        f" {values['skipped_frames']} without a score; {values['clips_in_macro']} clips in the macro AUC"
    )
    figures = {
        "paper's score, per clip": values["paper"],
        "average precision": values["average_precision"],
        "equal error rate": values["equal_error_rate"],
        "regions found (RBDC)": values["rbdc"],
        "tracks found (TBDC)": values["tbdc"],
    }
    console.print(", ".join(f"{name} {value:.4f}" for name, value in figures.items() if value is not None))
    for name, ahead in values["ahead"].items():
        console.print(
            f"online, fused less {name}: {ahead['auc']:+.4f} ({ahead['low']:+.4f} to {ahead['high']:+.4f})",
            highlight=False,
        )
    if values["fold"]:
        console.print(
            f"The model has seen fold {values['fold']} of the labelled anomalies; {values['left_out_frames']}"
            " frames of them and near them are left out. Not comparable with one-class figures."
        )
    if values["synthetic"]:
        console.print("The footage is synthetic.")
