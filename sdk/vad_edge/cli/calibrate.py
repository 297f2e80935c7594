"""`vad-edge calibrate`."""

from __future__ import annotations

import json
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vad_edge.cli.types import ALARM_BUDGET, DURATION, ENGINE, OUTPUT_FILE, PRECISION, SINCE

if TYPE_CHECKING:
    from vad_edge.budget import AlarmBudget
    from vad_edge.bundle.pack import CameraPack


@click.command(name="calibrate")
@click.option(
    "--source",
    "sources",
    multiple=True,
    metavar="FILE|FOLDER|CAMERA",
    help="Normal life of one camera: a video, a folder of clips, a camera or URL. May be given repeatedly.",
)
@click.option(
    "--scores",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Instead of --source: what a run with [learning] in its site file has kept.",
)
@click.option("--bundle", required=True, type=click.Path(path_type=Path), help="The model, NAME.vadb.")
@click.option(
    "--alarm-budget",
    type=ALARM_BUDGET,
    default="1/week",
    show_default=True,
    help="False alarms you can live with, per site and armed time: 1/week, 2/day, 1/hour.",
)
@click.option("--output", required=True, type=OUTPUT_FILE, help="The camera pack, NAME.vadc.")
@click.option("--camera", help="The camera's name; that of the site file's only one, or camera.")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="Site file, for the camera's ignore masks, how many cameras share the budget, and the sensors:"
    " recorded beside the footage, they join the risk that levels are set for.",
)
@click.option(
    "--cameras",
    type=click.IntRange(min=1),
    help="How many cameras of the site share the budget; those of the site file, or 1.",
)
@click.option("--duration", type=DURATION, help="How long a live source is watched: 30m, 24h, 7d.")
@click.option("--fps", type=click.FloatRange(1, 240), help="Frame rate of image folders.")
@click.option(
    "--model-fps",
    type=click.FloatRange(0.1, 240),
    help="Run the model at a lower rate than its own: makes a `slow_calibration`.",
)
@click.option("--all-normal", is_flag=True, help="Leave nothing out: whatever looks abnormal is normal here.")
@click.option(
    "--store",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="The folder given to run --output: incidents answered as false count as normal life.",
)
@click.option(
    "--false-alarms",
    is_flag=True,
    help="The same, from the store of the site file's site in your state folder.",
)
@click.option("--since", type=SINCE, help="Only false alarms of the last 7d, or since 2026-03-01.")
@click.option("--engine", type=ENGINE, default="auto", show_default=True, help="Inference backend.")
@click.option("--precision", type=PRECISION, help="The fastest the bundle has by default.")
@click.option("--plot", type=OUTPUT_FILE, help="Also draw the fit: a PNG, SVG or PDF.")
@click.option(
    "--recorded-scores",
    type=OUTPUT_FILE,
    metavar="FILE",
    help="Also write the scores and sensors that were learned from, for `simulate`: an .npz file.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def command(
    sources: tuple[str, ...],
    scores: Path | None,
    bundle: Path,
    alarm_budget: AlarmBudget,
    output: Path,
    camera: str | None,
    config: Path | None,
    duration: float | None,
    store: Path | None,
    false_alarms: bool,
    since: datetime | None,
    plot: Path | None,
    recorded_scores: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Learn one camera's normal life and the levels that keep an alarm budget.

    Give footage that the model was not trained on and that shows normal life only, as much as there is: one
    alarm a day takes half a day of it, one a week three and a half days. Where it is too little, the camera
    keeps the smallest budget it can answer for, and is told how much more is needed. Ctrl-C while a camera is
    watched calibrates on what it has shown.

    \b
    vad-edge calibrate --source normal/ --bundle my.vadb --alarm-budget 1/day --output door.vadc
    vad-edge calibrate --source normal/ --bundle my.vadb --output door.vadc --store out/door
    vad-edge calibrate --source 0 --duration 24h --bundle my.vadb --output door.vadc --plot fit.png
    vad-edge calibrate --source normal/ --bundle my.vadb --model-fps 5 --output door-slow.vadc
    vad-edge calibrate --source normal/ --config site.toml --camera door --bundle my.vadb --output d.vadc
    vad-edge run --source 0 --bundle my.vadb --calibration door.vadc
    """
    from vad_edge import calibrate, load_bundle, load_site
    from vad_edge.calibration.calibrate import camera_to_calibrate
    from vad_edge.cli.app import need
    from vad_edge.cli.output import progress_bars
    from vad_edge.cli.run_output import stop_on_signals

    if bool(sources) == (scores is not None):
        raise click.UsageError("give --source, or --scores")
    if since is not None and store is None and not false_alarms:
        raise click.UsageError("--since belongs to --store or --false-alarms")
    need("scipy")
    site = None if config is None else load_site(config)
    own = camera_to_calibrate(site, camera)
    model = load_bundle(bundle)
    false_alarm_risks: list[float] = []
    if store is not None or false_alarms:
        from vad_edge.calibration.false_alarms import false_alarms as find_false_alarms
        from vad_edge.cli.events import opened

        with opened(store, "home" if site is None else site.site) as events:
            cues = model.manifest.cues
            false_alarm_risks = [each.risk for each in find_false_alarms(events, own.name, cues, since)]
    # What a camera has shown is not lost to Ctrl-C; recordings can be scored again.
    watched = scores is None and duration is not None
    with progress_bars() as report, stop_on_signals() if watched else nullcontext() as stop:
        found = calibrate(
            sources,
            bundle=model,
            budget=alarm_budget,
            site=site,
            camera=camera,
            scores=scores,
            duration_s=duration,
            stop=stop,
            false_alarm_risks=false_alarm_risks,
            on_progress=report,
            **options,
        )
    _keep(output, found.pack)
    if plot is not None:
        from vad_edge.calibration.plot import plot_levels

        plot_levels(found.learned.fit, found.learned.levels, plot)
    if recorded_scores is not None:
        from vad_edge.calibration.recorded_scores import write_recorded_scores

        write_recorded_scores(recorded_scores, found.recorded)
    values = {"pack": str(output), **found.to_json()}
    if as_json:
        click.echo(json.dumps(values))
    else:
        _show(values)


def _keep(output: Path, pack: CameraPack) -> None:
    """Write the pack, or where that fails beside temporary files: a camera may have been watched for days."""
    import tempfile

    from vad_edge.bundle.pack import write_pack
    from vad_edge.errors import BundleError

    try:
        write_pack(output, pack)
    except BundleError as error:
        rescued = Path(tempfile.mkdtemp(prefix="vad-edge-")) / output.name
        write_pack(rescued, pack)
        raise BundleError(
            error.what, where=error.where, fix=f"the pack lies in {rescued}: move it"
        ) from error


def _show(values: dict[str, Any]) -> None:
    click.echo(f"{values['pack']}: levels {values['watch']:.2f} watch, {values['warning']:.2f} warning,")
    click.echo(f"  {values['alarm']:.2f} alarm, for a budget of {values['budget_kept']} on this camera")
    cameras = "1 camera" if values["cameras"] == 1 else f"{values['cameras']} cameras"
    click.echo(f"  (asked: {values['budget_asked']} for {cameras})")
    click.echo(
        f"  {values['footage_hours']:.2f} h of normal life behind it,"
        f" {values['footage_hours_needed']:.2f} h are needed for the budget asked"
    )
    if values["sensors"]:
        click.echo(f"  with the sensors {', '.join(values['sensors'])}")
    for note in values["notes"]:
        click.echo(f"  note: {note}")
