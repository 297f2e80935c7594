"""From what a user gives to a plan: reads the files, the host and the BSP, then decides."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vad_edge.config.load import load_site
from vad_edge.errors import ConfigError
from vad_edge_devices.flash import checks
from vad_edge_devices.flash.facts import BspFacts, HostFacts, bsp_facts
from vad_edge_devices.flash.network import NetworkConnection, load_network
from vad_edge_devices.flash.plan import Check, FlashPlan, FlashRequest, commands, files_needed, then
from vad_edge_devices.flash.stage import staged_files
from vad_edge_devices.registry import Registry
from vad_edge_devices.release import build_release

_USER: Final = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_HOSTNAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,50}[a-z0-9])?")
_PUBLIC_KEY: Final = re.compile(rb"(ssh-|ecdsa-|sk-)\S+ \S+")


@dataclass(frozen=True, slots=True)
class Cargo:
    """What the board is to get besides NVIDIA's system.

    trust holds public keys bundles must be signed by; network is a file of connections.
    """

    wheelhouse: Path | None = None
    site: Path | None = None
    bundle: Path | None = None
    ssh_key: Path | None = None
    trust: tuple[Path, ...] = ()
    network: Path | None = None


def prepare(request: FlashRequest, cargo: Cargo, host: HostFacts, registry: Registry) -> FlashPlan:
    """The plan for one flash; nothing is changed. Raises ConfigError or BundleError for wrong input."""
    _check_names(request)
    key = _public_key(cargo.ssh_key) if cargo.ssh_key else None
    release = None
    if cargo.wheelhouse is not None:
        release = build_release(cargo.wheelhouse, site=cargo.site, bundle=cargo.bundle, trust=cargo.trust)
    network = load_network(cargo.network) if cargo.network is not None else ()
    bsp = bsp_facts(request.l4t, files_needed(request))
    probe, user, flashing = commands(request, bsp)
    staged = staged_files(
        release,
        hostname=request.hostname,
        many=request.massflash > 0,
        user=request.user,
        ssh_key=key,
        trust=cargo.trust,
        network=network,
    )
    found = (
        *checks.host_checks(host, bsp),
        *checks.bsp_checks(request, bsp, registry),
        checks.usb_check(request, host),
        checks.eeprom_check(request, None),
        checks.user_check(request, bsp, has_key=key is not None),
        *_cargo_checks(request, cargo, bsp, registry),
        *_network_checks(request, network),
    )
    return FlashPlan(probe, user, staged, flashing, found, then(request.board))


def _cargo_checks(request: FlashRequest, cargo: Cargo, bsp: BspFacts, registry: Registry) -> list[Check]:
    line = registry.line_of_l4t(bsp.l4t) if bsp.l4t else None
    fix = "make one with `vad-edge devices wheelhouse` and give --wheelhouse DIR"
    if cargo.wheelhouse is None:
        found = [Check("software", False, "the board would come up without vad-edge", fix)]
    else:
        python = f"cp{line.python.replace('.', '')}" if line else ""
        built = {part for path in cargo.wheelhouse.glob("numpy-*.whl") for part in path.name.split("-")[2:3]}
        fits = not built or python in built
        reason = f"wheels for {', '.join(sorted(built)) or 'any Python'}"
        found = [Check("software", fits, reason, "" if fits else f"the board has {python}: {fix}")]
    if cargo.site is None:
        fix = "give --config SITE.toml and --bundle NAME.vadb"
        return [*found, Check("site", False, "the board would not know what to watch", fix)]
    site = load_site(cargo.site)
    cloned = request.massflash > 0 and site.broker.client_id is not None
    reason = "broker.client_id is one name for all boards" if cloned else "nothing in it is one board's own"
    fix = "leave it out: each board makes its own from its serial number" if cloned else ""
    return [*found, Check("identity", not cloned, reason, fix)]


def _network_checks(request: FlashRequest, network: tuple[NetworkConnection, ...]) -> list[Check]:
    if not network:
        return []
    fixed = [each.name for each in network if each.address is not None]
    names = ", ".join(each.name for each in network)
    if request.massflash > 0 and fixed:
        reason = f"{', '.join(fixed)} would give all boards one address"
        return [
            Check("network", False, reason, "leave the address out, and let the DHCP server tell them apart")
        ]
    return [Check("network", True, f"it comes up with {names}")]


def _check_names(request: FlashRequest) -> None:
    if request.user is not None and not _USER.fullmatch(request.user):
        raise ConfigError(
            f"{request.user!r} is no user name", where="--user", fix="give small letters, digits, - and _"
        )
    if not _HOSTNAME.fullmatch(request.hostname):
        raise ConfigError(
            f"{request.hostname!r} is no host name",
            where="--hostname",
            fix="give small letters, digits and -",
        )


def _public_key(path: Path) -> bytes:
    try:
        text = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror or error}", where=str(path)) from error
    if b"PRIVATE KEY" in text or not _PUBLIC_KEY.match(text):
        raise ConfigError("it is no public SSH key", where=str(path), fix="give the file that ends in .pub")
    return text if text.endswith(b"\n") else text + b"\n"
