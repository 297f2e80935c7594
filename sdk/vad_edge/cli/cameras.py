"""`vad-edge cameras`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vad_edge.cli.types import DURATION
from vad_edge.common.escape import plain
from vad_edge.common.secret import redacted

if TYPE_CHECKING:
    from vad_edge.cameras.describe import CameraDescription
    from vad_edge.cameras.profile import MediaProfile


@click.group(name="cameras")
def command() -> None:
    """Find network cameras by ONVIF, and see what they offer."""


@command.command(name="discover")
@click.option("--interface", metavar="NAME|ADDRESS", help="Ask through this interface alone.")
@click.option("--address", metavar="HOST[:PORT]", help="Ask this one alone; it may lie in another network.")
@click.option("--timeout", type=DURATION, default="3s", show_default=True, help="How long to listen.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array on standard output.")
def discover_command(interface: str | None, address: str | None, timeout: float, as_json: bool) -> None:
    """List the cameras that answer on the local network (WS-Discovery, UDP port 3702).

    Cameras in other networks do not hear it; a firewall must let their answers in. Nothing is asked of them
    but who they are.

    \b
    vad-edge cameras discover
    vad-edge cameras discover --interface eth0 --timeout 10s --json
    """
    from vad_edge.cameras.discovery import discover, parse_target

    found = discover(timeout, interface=interface, address=None if address is None else parse_target(address))
    if as_json:
        click.echo(json.dumps([each.to_dict() for each in found]))
        return
    if not found:
        click.echo("no camera answers; check that ONVIF is switched on in it, and that it is in this network")
    for each in found:
        place = f", {each.location}" if each.location else ""
        click.echo(plain(f"{each.name or 'a camera'} ({each.hardware or 'model not known'}{place})"))
        for url in each.addresses:
            click.echo(f"  address {plain(redacted(url))}")
        for scope in each.scopes:
            click.echo(f"  scope   {plain(redacted(scope))}")


@command.command(name="show")
@click.argument("address")
@click.option("--user", help="The user; many cameras keep users for ONVIF of their own.")
@click.option(
    "--password-file",
    type=click.Path(path_type=Path),
    help="A file with the password; VAD_EDGE_ONVIF_PASSWORD holds it otherwise.",
)
@click.option("--name", help="What the camera is to be called in the site file.")
@click.option(
    "--timeout", type=DURATION, default="5s", show_default=True, help="How long it may take to answer."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def show_command(
    address: str,
    user: str | None,
    password_file: Path | None,
    name: str | None,
    timeout: float,
    as_json: bool,
) -> None:
    """Show a camera's streams, events, outputs and clock, and a [[camera]] table for the site file.

    ADDRESS is its host, HOST:PORT, or the URL that `discover` shows. No password is ever printed.

    \b
    vad-edge cameras show 192.0.2.10 --user admin --password-file password.txt
    vad-edge cameras show http://192.0.2.10:8000/onvif/device_service --json
    """
    from vad_edge.cameras.client import OnvifClient
    from vad_edge.cameras.describe import describe, site_block
    from vad_edge.cameras.login import read_login
    from vad_edge.config.onvif import service_url
    from vad_edge.errors import ConfigError

    try:
        url = service_url(address)
    except ValueError as error:
        raise ConfigError(str(error), where="ADDRESS") from error
    login = read_login(user, password_file, where="--password-file")
    camera = describe(OnvifClient(url, login, timeout_s=timeout))
    file = None if password_file is None else str(password_file)
    block = site_block(camera, name=name or "", user=user, password_file=file)
    if as_json:
        click.echo(json.dumps({**camera.to_dict(), "site": block}))
    else:
        _show(camera, block)


def _show(camera: CameraDescription, block: str) -> None:
    shown = [
        ("camera", f"{camera.manufacturer} {camera.model}".strip() or camera.url),
        ("firmware", f"{camera.firmware}, serial number {camera.serial}"),
        ("clock", _clock(camera.offset_s)),
        *(("stream", _stream(each)) for each in camera.profiles),
        *(("snapshot", redacted(each.snapshot)) for each in camera.profiles[:1] if each.snapshot),
        ("events", f"{', '.join(camera.kinds) or 'none that is known'} ({camera.topics} topics in all)"),
        ("outputs", ", ".join(camera.relays) or "none"),
        *(("note", each) for each in camera.notes),
    ]
    for word, text in shown:
        click.echo(f"{word:8} {plain(text)}")
    click.echo("\nfor the site file:\n")
    click.echo(block, nl=False)


def _clock(offset_s: float | None) -> str:
    if offset_s is None:
        return "not known"
    way = "ahead of" if offset_s > 0 else "behind"
    return f"{abs(offset_s):.1f} s {way} this machine's"


def _stream(profile: MediaProfile) -> str:
    size = f"{profile.width}x{profile.height}" if profile.width else "size not known"
    rate = f", {profile.fps:g} frames a second" if profile.fps else ""
    codec = profile.codec or "codec not known"
    return f"{profile.name or profile.token}: {codec} {size}{rate}, {redacted(profile.uri)}"
