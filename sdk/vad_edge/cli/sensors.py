"""`vad-edge sensors`."""

from __future__ import annotations

from pathlib import Path

import click

from vad_edge.cli.options import broker_options
from vad_edge.cli.types import DURATION, TOPIC_NAME


@click.group(name="sensors")
def command() -> None:
    """Work with sensor streams."""


@command.command(name="replay")
@click.argument("recording", type=click.Path(path_type=Path))
@broker_options
@click.option(
    "--site",
    type=TOPIC_NAME,
    default="home",
    show_default=True,
    help="The site whose cameras are waited for.",
)
@click.option(
    "--speed", type=float, help="Send in real time times this; without it all at once, in media time."
)
@click.option("--wait", type=DURATION, default="30s", show_default=True, help="How long to wait for a run.")
def replay(
    recording: Path,
    broker: str | None,
    broker_password_file: Path | None,
    site: str,
    speed: float | None,
    wait: float,
) -> None:
    """Send a recording of sensors (JSON lines) through a broker, as if they were there.

    Without --speed every message goes at once and carries its media time: for `vad-edge run --source FILE
    --replay-wait 30s`, which goes by the recording's own time.

    \b
    vad-edge sensors replay sensors.jsonl --broker mqtt://localhost
    vad-edge sensors replay sensors.jsonl --broker mqtt://localhost --speed 1
    """
    from vad_edge.cli.output import progress_bars
    from vad_edge.config.load import checked
    from vad_edge.config.site import BrokerConfig
    from vad_edge.errors import ConfigError
    from vad_edge.mqtt.replay import replay_sensors

    if broker is None:
        raise ConfigError("no broker is given", fix="give --broker mqtt://HOST")
    with progress_bars() as report:
        count = replay_sensors(
            recording,
            checked(BrokerConfig, url=broker, password_file=broker_password_file),
            site=site,
            speed=speed,
            wait_for_run_s=wait,
            on_progress=lambda done, total: report("sending", done, total),
        )
    click.echo(f"{count} messages sent")
