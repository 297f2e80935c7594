"""`vad-edge conditions`."""

from __future__ import annotations

import json

import click

from vad_edge.cli.types import ConditionCode
from vad_edge.health.conditions import Condition, troubleshooting_page


@click.command(name="conditions")
@click.argument("code", required=False, type=ConditionCode())
@click.option("--markdown", is_flag=True, help="The page docs/troubleshooting.md.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def command(code: Condition | None, markdown: bool, as_json: bool) -> None:
    """Explain the health conditions: what each code means, why it comes, and what to do.

    \b
    vad-edge conditions
    vad-edge conditions camera_lost
    vad-edge conditions --json
    """
    chosen = [code] if code else sorted(Condition, key=str)
    if markdown:
        click.echo(troubleshooting_page(), nl=False)
    elif as_json:
        found = {
            condition.value: {
                "title": condition.about.title,
                "cause": condition.about.cause,
                "fix": condition.about.fix,
                "documentation": condition.anchor,
            }
            for condition in chosen
        }
        click.echo(json.dumps(found))
    else:
        for condition in chosen:
            click.echo(f"{condition}: {condition.about.title}")
            click.echo(f"  cause: {condition.about.cause}")
            click.echo(f"  fix:   {condition.about.fix}")
