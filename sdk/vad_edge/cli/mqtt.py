"""`vad-edge mqtt`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from vad_edge.cli.options import broker_options
from vad_edge.cli.types import DURATION, TOPIC_NAME
from vad_edge.common.escape import plain

_COLOURS = {"event": "yellow", "state": "cyan", "command": "magenta", "command/result": "magenta"}


@click.group(name="mqtt")
def command() -> None:
    """Look at a site's broker from outside."""


@command.command(name="check")
@click.option("--config", type=click.Path(path_type=Path), help="Site file (TOML) with broker and cameras.")
@click.option("--site", type=TOPIC_NAME, help="The site's name, where there is no site file.")
@broker_options
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def check(
    as_json: bool,
    **of_the_site: Any,
) -> None:
    """Check that a broker can be reached, trusted, and lets us say and hear everything.

    Talks on the topics `check` of the site's cameras and changes nothing else. Exit code 1 if something
    is in the way.

    \b
    vad-edge mqtt check --config site.toml
    vad-edge mqtt check --broker mqtts://cam@broker --broker-password-file password.txt --site shop
    """
    from vad_edge.cli.logs import set_level
    from vad_edge.cli.output import show_findings
    from vad_edge.cli.site_options import listening_site
    from vad_edge.diagnostics.broker import check_broker

    set_level("error")  # the findings say it all
    show_findings(check_broker(listening_site(**of_the_site)), as_json=as_json)


@command.command(name="listen")
@click.option("--config", type=click.Path(path_type=Path), help="Site file (TOML) with the broker.")
@click.option("--site", type=TOPIC_NAME, help="The site's name; all sites without it and a site file.")
@broker_options
@click.option("--duration", type=DURATION, help="Stop after 30s, 5m, 2h ...")
@click.option("--risk", is_flag=True, help="Show the risk, too, which comes twice a second.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line on standard output.")
def listen_command(
    duration: float | None,
    risk: bool,
    as_json: bool,
    **of_the_site: Any,
) -> None:
    """Show what a site says, live; Ctrl-C ends it.

    \b
    vad-edge mqtt listen --broker mqtt://localhost
    vad-edge mqtt listen --config site.toml --risk --json
    """
    from vad_edge.cli.run_output import stop_on_signals
    from vad_edge.cli.site_options import listening_site
    from vad_edge.mqtt.listener import describe, listen

    found = listening_site(**of_the_site)
    named = of_the_site["config"] is not None or of_the_site["site"] is not None
    name = found.site if named else "+"
    with stop_on_signals() as stop:
        for heard in listen(found.broker, site=name, stop=stop, duration_s=duration):
            if heard.leaf == "risk" and not risk:
                continue
            text = describe(heard.leaf, heard.payload)
            if as_json:
                content = {
                    "time": heard.time.isoformat(),
                    "site": heard.site,
                    "camera": heard.camera,
                    "topic": heard.leaf,
                    "retained": heard.retained,
                    "text": text,
                }
                click.echo(json.dumps(content))
                continue
            kept = " (kept)" if heard.retained else ""
            leaf = click.style(f"{plain(heard.leaf)}{kept}", fg=_COLOURS.get(heard.leaf))
            stamp = f"{heard.time.astimezone():%H:%M:%S}"
            click.echo(f"{stamp} {plain(f'{heard.site}/{heard.camera}')} {leaf}: {text}")
