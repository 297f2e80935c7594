"""`vad-edge bridge`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from vad_edge.config.site import BrokerConfig, SiteConfig


@click.group(name="bridge")
def command() -> None:
    """Carry events and states from MQTT into building systems.

    Each bridge is a program of its own beside `vad-edge run`: whatever happens to it, the cameras are
    watched. It ends on Ctrl-C or SIGTERM with exit code 0.
    """


def _options(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option(
            "--json", "as_json", is_flag=True, help="The log on standard output, a JSON object a line."
        ),
        click.option("--broker", metavar="URL", help="The broker `vad-edge run` publishes to."),
        click.option(
            "--state",
            type=click.Path(file_okay=False, path_type=Path),
            help="Folder for what the bridge remembers; the user's state folder by default.",
        ),
        click.option(
            "--config",
            type=click.Path(path_type=Path),
            required=True,
            help="The site file, with the bridge's table.",
        ),
    ):
        function = option(function)
    return function


@command.command(name="bacnet")
@_options
def bacnet(config: Path, broker: str | None, state: Path | None, as_json: bool) -> None:
    """Be a BACnet/IP device: a binary, an analog and a multi-state value a camera, with alarms.

    \b
    vad-edge bridge bacnet --config site.toml
    """
    import asyncio

    from vad_edge.bridges.bacnet.bridge import BacnetBridge
    from vad_edge.cli.run_output import stop_on_signals

    site, address, folder = _open(config, broker, state, as_json)
    table = _table(site.bacnet, "bacnet", config)

    async def run() -> None:
        bridge = BacnetBridge(site, table, address, folder / "bacnet.json")
        with stop_on_signals() as stop:
            await bridge.run(stop)

    asyncio.run(run())


@command.command(name="webhook")
@_options
def webhook(config: Path, broker: str | None, state: Path | None, as_json: bool) -> None:
    """Send every event to an HTTP endpoint as a CloudEvent, until it has been taken.

    \b
    vad-edge bridge webhook --config site.toml
    """
    from vad_edge.bridges.webhook.bridge import WebhookBridge
    from vad_edge.cli.run_output import stop_on_signals

    site, address, folder = _open(config, broker, state, as_json)
    table = _table(site.webhook, "webhook", config)
    bridge = WebhookBridge(site, table, address, folder / "webhook.db")
    with stop_on_signals() as stop:
        bridge.run(stop)


@command.command(name="sparkplug")
@_options
def sparkplug(config: Path, broker: str | None, state: Path | None, as_json: bool) -> None:
    """Be a Sparkplug B edge node on the same broker: the site a node, each camera a device.

    \b
    vad-edge bridge sparkplug --config site.toml
    """
    from vad_edge.bridges.sparkplug.bridge import SparkplugBridge
    from vad_edge.cli.run_output import stop_on_signals

    site, address, folder = _open(config, broker, state, as_json)
    bridge = SparkplugBridge(site, site.sparkplug, address, folder / "sparkplug-births")
    with stop_on_signals() as stop:
        bridge.run(stop)


def _open(
    config: Path, broker: str | None, state: Path | None, as_json: bool
) -> tuple[SiteConfig, BrokerConfig, Path]:
    from vad_edge.bridges.feed import shared_broker, state_folder
    from vad_edge.cli.logs import log_as_json
    from vad_edge.config.load import load_site

    if as_json:
        log_as_json()
    site = load_site(config)
    return site, shared_broker(site, broker), state_folder(site, state)


def _table(table: Any, name: str, config: Path) -> Any:
    from vad_edge.errors import ConfigError

    if table is None:
        raise ConfigError(
            f"there is no [{name}] table", where=str(config), fix="examples/site.toml shows one"
        )
    return table
