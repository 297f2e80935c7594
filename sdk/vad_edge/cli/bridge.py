"""`vad-edge bridge`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vad_edge.common.plugin_loader import BRIDGES, Plugin, found, load, names

if TYPE_CHECKING:
    from threading import Event

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
def bacnet(**options: Any) -> None:
    """Be a BACnet/IP device: a binary, an analog and a multi-state value a camera, with alarms.

    \b
    vad-edge bridge bacnet --config site.toml
    """
    import asyncio

    from vad_edge.bridges.bacnet.bridge import BacnetBridge

    async def run() -> None:
        with _opened("bacnet", **options) as (site, table, broker, state, stop):
            await BacnetBridge(site, table, broker, state / "bacnet.json").run(stop)

    asyncio.run(run())


@command.command(name="webhook")
@_options
def webhook(**options: Any) -> None:
    """Send every event to an HTTP endpoint as a CloudEvent, until it has been taken.

    \b
    vad-edge bridge webhook --config site.toml
    """
    from vad_edge.bridges.webhook.bridge import WebhookBridge

    with _opened("webhook", **options) as (site, table, broker, state, stop):
        WebhookBridge(site, table, broker, state / "webhook.db").run(stop)


@command.command(name="sparkplug")
@_options
def sparkplug(**options: Any) -> None:
    """Be a Sparkplug B edge node on the same broker: the site a node, each camera a device.

    \b
    vad-edge bridge sparkplug --config site.toml
    """
    from vad_edge.bridges.sparkplug.bridge import SparkplugBridge

    with _opened("sparkplug", **options) as (site, table, broker, state, stop):
        SparkplugBridge(site, table, broker, state / "sparkplug-births").run(stop)


def _foreign(plugin: Plugin) -> click.Command:
    """The command of a plug-in's bridge, which is imported when it runs."""

    @click.command(name=plugin.name, help=f"Brought by {plugin.distribution} {plugin.version}.")
    @_options
    def run(**options: Any) -> None:
        from vad_edge.bridges.plugin import BridgeContext
        from vad_edge.errors import BridgeError, VadEdgeError

        bridge = load(BRIDGES, plugin.name)
        if bridge is None:
            raise click.UsageError(f"there is no bridge {plugin.name!r}")
        with _opened(None, **options) as (site, _, broker, state, stop):
            own = state / f"bridge-{plugin.name}"
            own.mkdir(parents=True, exist_ok=True)
            try:
                bridge(BridgeContext(plugin.name, site, broker, own, stop))
            except (VadEdgeError, OSError):
                raise
            except Exception as error:
                said = f"{type(error).__name__}: {error}".partition("\n")[0]
                fix = f"this is a fault of {plugin.distribution}: ask its author"
                raise BridgeError(said, where=f"bridge {plugin.name}", fix=fix) from error

    return run


@contextmanager
def _opened(
    table: str | None, config: Path, broker: str | None, state: Path | None, as_json: bool
) -> Iterator[tuple[SiteConfig, Any, BrokerConfig, Path, Event]]:
    """The site, the bridge's table in it, the broker, the folder for its state, and what ends it."""
    from vad_edge.bridges.feed import shared_broker, state_folder
    from vad_edge.cli.logs import log_as_json
    from vad_edge.cli.run_output import stop_on_signals
    from vad_edge.config.load import load_site
    from vad_edge.errors import ConfigError

    if as_json:
        log_as_json()
    site = load_site(config)
    address, folder = shared_broker(site, broker), state_folder(site, state)
    settings = None if table is None else getattr(site, table)
    if table is not None and settings is None:
        fix = "examples/site.toml shows one"
        raise ConfigError(f"there is no [{table}] table", where=str(config), fix=fix)
    with stop_on_signals() as stop:
        yield site, settings, address, folder, stop
