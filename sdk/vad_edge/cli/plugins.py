"""`vad-edge plugins`."""

from __future__ import annotations

import json
import sys

import click

from vad_edge.common.escape import plain
from vad_edge.common.plugin_loader import GROUPS, Plugin, checked, found


@click.command(name="plugins")
@click.option("--json", "as_json", is_flag=True, help="One JSON array on standard output.")
def command(as_json: bool) -> None:
    """List the plug-ins that are installed: sources, sinks, engines, bridges and models.

    Each is imported, to say whether it can be used here or why not. A run imports only those that it is asked
    for, so a broken one harms no other. Exit code 1 where one cannot be used.

    \b
    vad-edge plugins
    vad-edge plugins --json
    vad-edge run --source noise://64x48 --bundle my.vadb --sink mysink=events.jsonl
    """
    plugins = checked(found())
    if as_json:
        click.echo(json.dumps([_values(plugin) for plugin in plugins]))
    else:
        _show(plugins)
    if any(plugin.problem for plugin in plugins):
        sys.exit(1)


def _values(plugin: Plugin) -> dict[str, object]:
    return {
        "name": plugin.name,
        "group": plugin.group,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "api_version": plugin.api_version,
        "usable": not plugin.problem,
        "problem": plugin.problem,
    }


def _show(plugins: list[Plugin]) -> None:
    if not plugins:
        click.echo(f"no plug-in is installed; docs/plugins.md shows how to write one ({', '.join(GROUPS)})")
    for plugin in plugins:
        mark = click.style("fail", fg="red") if plugin.problem else click.style("ok  ", fg="green")
        reason = f": {plugin.problem}" if plugin.problem else f", for interface {plugin.api_version}"
        click.echo(f"{mark} {plain(f'{plugin}{reason}')}")
