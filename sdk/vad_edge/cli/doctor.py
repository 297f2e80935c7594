"""`vad-edge doctor`."""

from __future__ import annotations

from pathlib import Path

import click

from vad_edge.cli.broker_options import broker_options
from vad_edge.cli.findings import show_findings


@click.command(name="doctor")
@click.option("--bundle", type=click.Path(path_type=Path), help="Also check this model.")
@broker_options
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def command(
    bundle: Path | None, broker: str | None, broker_password_file: Path | None, as_json: bool
) -> None:
    """Check what this machine has and what is missing; exit code 1 if something needed is.

    \b
    vad-edge doctor
    vad-edge doctor --bundle my.vadb --broker mqtt://localhost
    """
    from vad_edge.config.site import BrokerConfig
    from vad_edge.runtime.doctor import examine

    site = None if broker is None else BrokerConfig(url=broker, password_file=broker_password_file)
    show_findings(examine(bundle=bundle, broker=site), as_json=as_json)
