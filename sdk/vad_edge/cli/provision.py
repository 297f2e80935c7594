"""`vad-edge provision`."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vad_edge.cli.types import ALARM_BUDGET, DURATION

if TYPE_CHECKING:
    from vad_edge.budget import AlarmBudget

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(name="provision")
@click.argument("target", metavar="[USER@]HOST")
@click.option("--config", type=_FILE, help="Site file the board is to watch by.")
@click.option("--bundle", type=_FILE, help="The model, NAME.vadb; the site file's by default.")
@click.option(
    "--wheelhouse",
    type=click.Path(file_okay=False, path_type=Path),
    help="Packages for the board, from `vad-edge devices wheelhouse`.",
)
@click.option("--trust", type=_FILE, multiple=True, help="Public key bundles must be signed by from now on.")
@click.option(
    "--calibrate",
    type=DURATION,
    metavar="TIME",
    help="Let the board calibrate its own cameras on so much of what they see: 24h, 7d.",
)
@click.option(
    "--alarm-budget", type=ALARM_BUDGET, default="1/week", show_default=True, help="For --calibrate."
)
@click.option("--rollback", is_flag=True, help="Go back to the release before.")
@click.option("--ssh-config", type=_FILE, help="OpenSSH configuration instead of your own.")
@click.option("--prefix", default="/opt/vad-edge", show_default=True, help="Where releases lie on the board.")
@click.option("--dry-run", is_flag=True, help="Show what would be done, and do nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@click.pass_context
def command(
    context: click.Context,
    target: str,
    config: Path | None,
    bundle: Path | None,
    wheelhouse: Path | None,
    trust: tuple[Path, ...],
    calibrate: float | None,
    alarm_budget: AlarmBudget,
    rollback: bool,
    ssh_config: Path | None,
    prefix: str,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Bring packages, site file and model to a board that runs, over SSH, and start watching.

    \b
    vad-edge provision ann@192.168.55.1 --config site.toml --bundle my.vadb --wheelhouse wheels
    vad-edge provision ann@192.168.55.1 --config site.toml --wheelhouse wheels --calibrate 24h
    vad-edge provision ann@192.168.55.1 --rollback

    Doing it again changes nothing; cut off, it goes on where it was. Keys, ports and known hosts are those of
    your OpenSSH client. A release that gives no score within a minute gives way to the one before.
    """
    from pydantic import ValidationError

    from vad_edge.cli.output import progress_bars
    from vad_edge.config.site import LearningConfig
    from vad_edge.errors import ConfigError, DeviceError

    planning = importlib.import_module("vad_edge_devices.provision.plan")
    running = importlib.import_module("vad_edge_devices.provision.run")
    connecting = importlib.import_module("vad_edge_devices.provision.ssh")
    if not prefix.startswith("/") or "'" in prefix:
        raise ConfigError(f"{prefix!r} is no absolute path", where="--prefix")

    def say(line: str) -> None:
        click.echo(line, err=True)

    if rollback:
        with connecting.Ssh(target, ssh_config) as ssh:
            state = running.look(ssh, prefix, "releases/-")
            running.roll_back(ssh, state, prefix, say)
        return
    if wheelhouse is None:
        raise ConfigError("no packages are given", where="--wheelhouse", fix="`vad-edge devices wheelhouse`")
    learning = None
    if calibrate is not None:
        if config is None:
            raise ConfigError("which cameras are to be calibrated?", where="--calibrate", fix="give --config")
        try:
            learning = LearningConfig(hours=calibrate / 3600.0, alarm_budget=str(alarm_budget))
        except ValidationError as error:
            what = f"{calibrate / 86400.0:g} days are not a time to calibrate on"
            raise ConfigError(what, where="--calibrate", fix="give 24h, 7d, at most 365d") from error
    release = importlib.import_module("vad_edge_devices.release").build_release(
        wheelhouse, site=config, bundle=bundle, trust=trust, prefix=prefix, learning=learning
    )
    with connecting.Ssh(target, ssh_config) as ssh:
        state = running.look(ssh, prefix, release.folder)
        verdict = planning.can_take(state, release)
        if not verdict.ok:
            raise DeviceError(verdict.reason, where=target, fix=verdict.fix)
        plan = planning.plan_provision(state, release, trust)
        _show(plan, as_json)
        if dry_run or not plan.needed:
            context.exit(0)
        if not yes and not click.confirm(f"Do this on {target}?", err=True):
            raise DeviceError("not confirmed; nothing was changed", where=target)
        with progress_bars() as report:
            running.provision(ssh, state, plan, release, prefix, report, say)


def _show(plan: Any, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(plan.to_dict()))
        return
    for step in plan.steps:
        mark = click.style("do  " if step.needed else "done", fg="yellow" if step.needed else "green")
        click.echo(f"{mark} {step.name}: {step.text}")
    for line in plan.diff:
        click.echo(f"  {line}")
