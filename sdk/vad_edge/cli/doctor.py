"""`vad-edge doctor`."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import click

from vad_edge.cli.options import broker_options
from vad_edge.cli.output import show_findings
from vad_edge.cli.types import OUTPUT_FILE


@click.command(name="doctor")
@click.option("--config", type=click.Path(path_type=Path), help="Also check all this site file names.")
@click.option("--bundle", type=click.Path(path_type=Path), help="Also check this model.")
@click.option(
    "--parity",
    type=click.IntRange(min=1),
    metavar="CAMERAS",
    help="Also hold the engine for so many cameras against the reference; compiles it where it must.",
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="The --output of the run that is looked at, or the service's state folder of the site.",
)
@broker_options
@click.option("--engine", is_flag=True, help="Try every engine, and write a report to send back.")
@click.option(
    "--report",
    type=OUTPUT_FILE,
    metavar="FILE",
    help="Where --engine writes it; vad-edge-engine-report.json by default.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def command(
    config: Path | None,
    bundle: Path | None,
    parity: int | None,
    output: Path | None,
    broker: str | None,
    broker_password_file: Path | None,
    engine: bool,
    report: Path | None,
    as_json: bool,
) -> None:
    """Check what this machine has and what is missing; exit code 1 if something needed is.

    With --config everything from camera to broker to clock: each camera is opened and its frames are
    counted, its calibration is held against the graph that will run, sensors are listened for, the broker
    is talked to. Stop the service first where it holds the cameras.

    With --engine: compile, load, run and time the model with every engine there is, beside full precision on
    synthetic frames. That takes minutes on a board. What fails ends nothing. The report says what the machine
    is, and nothing of whose it is: no names, serial numbers or paths. Without a bundle the demo's is used.

    \b
    vad-edge doctor
    vad-edge doctor --bundle my.vadb --broker mqtt://localhost
    vad-edge doctor --config site.toml --json
    vad-edge doctor --config /opt/vad-edge/current/site.toml --output /var/lib/vad-edge/home
    vad-edge doctor --engine
    vad-edge doctor --engine --bundle my.vadb --report report.json
    """
    if engine:
        if broker is not None or config is not None or output is not None:
            raise click.UsageError("--engine checks no site and no broker; give them one after the other")
        if parity is not None:
            raise click.UsageError("--engine compares every engine anyway; leave --parity out")
        _check_engines(bundle, report or Path("vad-edge-engine-report.json"), as_json)
        return
    if report is not None:
        raise click.UsageError("--report is for --engine")
    from vad_edge.cli.site_options import with_broker
    from vad_edge.config.load import checked, load_site
    from vad_edge.config.site import BrokerConfig
    from vad_edge.diagnostics.doctor import examine

    site = None
    if config is not None:
        site = with_broker(load_site(config), broker, broker_password_file)
        bundle = bundle or site.bundle
    if parity is not None and bundle is None:
        raise click.UsageError("--parity needs a model; give --bundle NAME.vadb")
    if site is not None:
        found = examine(bundle=bundle, site=site, output=output, parity=parity or 0)
    else:
        given = {"url": broker, "password_file": broker_password_file}
        asked = None if broker is None else checked(BrokerConfig, **given)
        found = examine(bundle=bundle, broker=asked, output=output, parity=parity or 0)
    show_findings(found, as_json=as_json)


def _check_engines(bundle: Path | None, output: Path, as_json: bool) -> None:
    from rich.console import Console
    from rich.progress import Progress

    import vad_edge.demo
    from vad_edge.cli.run_output import exit_on_signals
    from vad_edge.diagnostics.engines.run import check_engines

    with exit_on_signals(), Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("")
        report = check_engines(
            bundle or Path(vad_edge.demo.__file__).parent / "scene.vadb",
            output,
            on_begin=lambda step, done, steps: progress.update(
                bar, description=step.title, completed=done, total=steps
            ),
        )
    if as_json:
        click.echo(json.dumps(report))
    else:
        _show(report)
        click.echo(f"{output} can be sent back: it has what is above, and nothing that tells whose it is.")
    if report["summary"]["failed"]:
        sys.exit(1)


def _show(report: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    colours = {"ok": "green", "failed": "red"}
    table = Table("", Column("step"), Column("seconds", justify="right"), Column("found"), box=None)
    skipped = Counter(step["text"] for step in report["steps"] if step["state"] == "skipped")
    for step in report["steps"]:
        if step["state"] == "skipped":
            continue
        which = f"{step['engine']} {step['precision']}".strip()
        cameras = f", {step['cameras']} cameras" if step["cameras"] > 1 else ""
        title = f"{which}{cameras}: {step['check']}" if which else step["check"]
        found = step["text"] + (f"; {step['fix']}" if step["fix"] else "")
        mark = Text(step["state"], style=colours[step["state"]])
        table.add_row(mark, Text(title), f"{step['seconds']:.1f}", Text(found))
    machine = report["machine"]
    console = Console()
    # A step that failed found nothing out, and that of the machine may have failed, too.
    facts = (machine.get("board") or machine.get("system"), machine.get("architecture"))
    console.print(", ".join(filter(None, facts)) or "an unknown machine", highlight=False)
    console.print(table)
    for reason, count in skipped.items():
        console.print(f"skipped, {count} of them: {reason}", style="yellow", highlight=False)
    console.print(", ".join(f"{count} {state}" for state, count in report["summary"].items()))
