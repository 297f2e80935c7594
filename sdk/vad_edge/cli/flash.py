"""`vad-edge flash`."""

from __future__ import annotations

import importlib
import json
import time
from pathlib import Path
from typing import Any

import click

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(name="flash")
@click.option("--board", required=True, help="Which board, as `vad-edge devices list` names it.")
@click.option(
    "--l4t",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="NVIDIA's Linux_for_Tegra folder, with the root file system unpacked and binaries applied.",
)
@click.option("--storage", type=click.Choice(["nvme", "emmc", "sd"]), help="The board's first by default.")
@click.option("--super", "super_mode", is_flag=True, help="The configuration with the higher power modes.")
@click.option("--config", type=_FILE, help="Site file the board is to watch by.")
@click.option("--bundle", type=_FILE, help="The model, NAME.vadb; the site file's by default.")
@click.option(
    "--wheelhouse",
    type=click.Path(file_okay=False, path_type=Path),
    help="Packages for the board, from `vad-edge devices wheelhouse`.",
)
@click.option("--trust", type=_FILE, multiple=True, help="Public key bundles must be signed by.")
@click.option("--user", help="The name of an account that may log in.")
@click.option("--ssh-key", type=_FILE, help="Their public SSH key.")
@click.option(
    "--network", type=_FILE, help="Connections it comes up with (TOML); DHCP on any cable otherwise."
)
@click.option("--hostname", default="vad-edge", show_default=True, help="The board's name in the network.")
@click.option(
    "--massflash",
    type=click.IntRange(min=2, max=32),
    metavar="N",
    help="Make the images once, then flash up to N boards of one kind at a time.",
)
@click.option("--log", type=_FILE, help="What the tools print; a file in the current folder by default.")
@click.option("--dry-run", is_flag=True, help="Show what would be done, and do nothing.")
@click.option("--yes", is_flag=True, help="Do not ask. The board's storage is overwritten.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@click.pass_context
def command(
    context: click.Context,
    board: str,
    l4t: Path,
    storage: Any,
    super_mode: bool,
    config: Path | None,
    bundle: Path | None,
    wheelhouse: Path | None,
    trust: tuple[Path, ...],
    user: str | None,
    ssh_key: Path | None,
    network: Path | None,
    hostname: str,
    massflash: int | None,
    log: Path | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Write a board with NVIDIA's own tools, so that it comes up watching.

    \b
    vad-edge flash --board orin-nano-devkit --l4t Linux_for_Tegra --storage nvme \\
        --config site.toml --bundle my.vadb --wheelhouse wheels --user ann --ssh-key ann.pub --dry-run

    Making the user accepts NVIDIA's licence for the software on the board. Nothing is tried twice: after a
    failure the message says what state the board is in, and the one next step.
    """
    planning = importlib.import_module("vad_edge_devices.flash.plan")
    preparing = importlib.import_module("vad_edge_devices.flash.prepare")
    registry = importlib.import_module("vad_edge_devices.registry").registry()
    host = importlib.import_module("vad_edge_devices.flash.facts").host_facts(registry)
    wanted = registry.board(board)
    request = planning.FlashRequest(
        board=wanted,
        storage=planning.method_for(wanted, storage),
        l4t=l4t,
        super_mode=super_mode,
        user=user,
        hostname=hostname,
        massflash=massflash or 0,
    )
    cargo = preparing.Cargo(wheelhouse, config, bundle, ssh_key, trust, network)
    plan = preparing.prepare(request, cargo, host, registry)
    if as_json:
        click.echo(json.dumps(plan.to_dict()))
    else:
        _show(plan)
    if dry_run:
        context.exit(0)
    _flash(plan, request, log or Path(time.strftime(f"flash-{board}-%Y%m%d-%H%M%S.log")), yes)
    if not as_json:
        click.echo(f"flashed; {plan.then}")


def _show(plan: Any) -> None:
    for check in plan.checks:
        mark = click.style("ok  " if check.ok else "fail", fg="green" if check.ok else "red")
        click.echo(f"{mark} {check.name}: {check.reason}{f'; {check.fix}' if check.fix else ''}")
    for run in plan.commands:
        if run.before:
            click.echo(f"you: {run.before}")
        click.echo(f"run: {' '.join(_quoted(part) for part in run.argv)}")
    for file in plan.files:
        click.echo(f"{file.action}: rootfs/{file.path}")


def _quoted(part: str) -> str:
    return f"'{part}'" if " " in part else part


def _flash(plan: Any, request: Any, log: Path, yes: bool) -> None:
    from rich.console import Console
    from rich.progress import Progress

    running = importlib.import_module("vad_edge_devices.flash.runner")
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("flash", total=None)

        def report(progress: Any) -> None:
            if progress.phase:
                bar.update(task, description=progress.phase, total=None, completed=0)
            if progress.share is not None:
                bar.update(task, total=1.0, completed=progress.share)

        def ask(question: str) -> bool:
            if yes:
                return True
            bar.stop()
            answer = click.confirm(question, err=True)
            bar.start()
            return answer

        running.flash(plan, request, log, report, ask)
