"""`vad-edge bridge`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vad_edge.common.plugin_loader import BRIDGES, Plugin, found, load, names

if TYPE_CHECKING:
    from vad_edge.config.site import BrokerConfig, SiteConfig


class _Bridges(click.Group):
    """The bridges of our own, and one command for each that a plug-in brings."""

    def list_commands(self, context: click.Context) -> list[str]:
        """All names; nothing of a plug-in is imported."""
        return [*super().list_commands(context), *names(BRIDGES)]

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """The command of that name; None where there is none."""
        known = super().get_command(context, name)
        if known is not None:
            return known
        plugin = next((plugin for plugin in found(BRIDGES) if plugin.name == name), None)
        return None if plugin is None else _foreign(plugin)


@click.group(name="bridge", cls=_Bridges)
def command() -> None:
    """Carry events and states from MQTT into building systems.

    Each bridge is a program of its own beside `vad-edge run`: whatever happens to it, the cameras are
    watched. It ends on Ctrl-C or SIGTERM with exit code 0. Plug-ins bring further ones.
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


def _foreign(plugin: Plugin) -> click.Command:
    """The command of a plug-in's bridge, which is imported when it runs."""

    @click.command(name=plugin.name, help=f"Brought by {plugin.distribution} {plugin.version}.")
    @_options
    def run(config: Path, broker: str | None, state: Path | None, as_json: bool) -> None:
        from vad_edge.bridges.plugin import BridgeContext
        from vad_edge.cli.run_output import stop_on_signals
        from vad_edge.errors import BridgeError, VadEdgeError

        bridge = load(BRIDGES, plugin.name)
        if bridge is None:
            raise click.UsageError(f"there is no bridge {plugin.name!r}")
        site, address, folder = _open(config, broker, state, as_json)
        own = folder / f"bridge-{plugin.name}"
        own.mkdir(parents=True, exist_ok=True)
        try:
            with stop_on_signals() as stop:
                bridge(BridgeContext(plugin.name, site, address, own, stop))
        except (VadEdgeError, OSError):
            raise
        except Exception as error:
            said = f"{type(error).__name__}: {error}".partition("\n")[0]
            fix = f"this is a fault of {plugin.distribution}: ask its author"
            raise BridgeError(said, where=f"bridge {plugin.name}", fix=fix) from error

    return run


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
