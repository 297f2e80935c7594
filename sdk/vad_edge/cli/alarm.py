"""`vad-edge alarm`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from vad_edge.cli.options import broker_options
from vad_edge.cli.types import TOPIC_NAME


@click.group(name="alarm")
def command() -> None:
    """Prove that an alarm arrives."""


@command.command(name="test")
@click.option("--config", type=click.Path(path_type=Path), help="Site file (TOML) with broker and cameras.")
@click.option("--site", type=TOPIC_NAME, help="The site's name, where there is no site file.")
@click.option(
    "--camera", type=TOPIC_NAME, metavar="NAME", help="Which camera; needed where the site has several."
)
@broker_options
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="The --output of the run whose store is tested.",
)
@click.option(
    "--state",
    type=click.Path(file_okay=False, path_type=Path),
    help="The --state of the bridges, where they have one.",
)
@click.option("--yes", is_flag=True, help="Do not ask first.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def test(
    camera: str | None,
    output: Path | None,
    state: Path | None,
    yes: bool,
    as_json: bool,
    **of_the_site: Any,
) -> None:
    """Drive a test incident through store, broker and bridges, and print each acknowledgement.

    Every event carries "test": true, and the state says alarm for two seconds: what listens to the state
    alone, such as a siren, sounds. Run it beside a running `vad-edge run` to test that very device, and
    beside the bridges whose tables the site file has. Exit code 1 if something did not arrive.

    \b
    vad-edge alarm test --config site.toml --camera entrance
    vad-edge alarm test --broker mqtt://localhost --site shop --camera entrance --yes
    """
    from vad_edge.bridges.feed import state_folder
    from vad_edge.cli.logs import set_level
    from vad_edge.cli.output import show_findings
    from vad_edge.cli.site_options import listening_site
    from vad_edge.config.site import SENSORS_ONLY
    from vad_edge.diagnostics.alarm_test.drive import alarm_test, camera_of
    from vad_edge.runtime.settings import RunSettings

    found = listening_site(**of_the_site)
    names = [each.name for each in found.camera] or [camera or SENSORS_ONLY]
    name = camera_of(found, camera, names)
    if not yes:
        click.confirm(f"This sounds whatever listens to {found.site}/{name}. Go on?", abort=True, err=True)
    set_level("error")
    store = RunSettings(found, output=output).store_path
    show_findings(alarm_test(found, name, store, state_folder(found, state)), as_json=as_json)
