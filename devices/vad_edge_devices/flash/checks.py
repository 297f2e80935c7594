"""The preflight in NVIDIA's order: host, BSP, USB, EEPROM, user; each check with its reason and fix."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from vad_edge_devices.flash.eeprom import Eeprom, eeprom_agrees
from vad_edge_devices.flash.facts import BspFacts, HostFacts
from vad_edge_devices.flash.plan import Check, FlashRequest, files_needed
from vad_edge_devices.registry import Registry

FREE_BYTES: Final = 60_000_000_000
"""The tools build an image of the whole root file system, and a second one for massflash."""


def host_checks(host: HostFacts, bsp: BspFacts) -> Iterator[Check]:
    """Whether this machine can flash at all."""
    native = host.system == "Linux" and host.machine == "x86_64"
    yield _check(
        "host",
        native,
        f"{host.system} on {host.machine}",
        "NVIDIA's tools run on x86-64 Linux only; use such a machine",
    )
    yield _check(
        "native",
        not host.virtual,
        "a virtual machine: USB drops out in the middle of a flash" if host.virtual else "no virtual machine",
        "use a machine of its own",
    )
    yield _check("root", host.root, "root" if host.root else "not root", "run it with sudo")
    yield _check(
        "power saving",
        not host.tlp,
        "TLP switches USB ports off" if host.tlp else "no TLP",
        "sudo tlp-stat -s; stop or remove TLP",
    )
    yield _check(
        "auto-mount",
        not host.automount,
        "the desktop mounts the board's partitions" if host.automount else "no auto-mount",
        "gsettings set org.gnome.desktop.media-handling automount false",
    )
    yield _check(
        "modem manager",
        not host.modem_manager,
        "ModemManager talks to new USB devices" if host.modem_manager else "no ModemManager",
        "sudo systemctl stop ModemManager",
    )
    yield _check(
        "disk",
        bsp.free_bytes >= FREE_BYTES,
        f"{bsp.free_bytes / 1e9:.0f} GB free at {bsp.folder}",
        f"make room: {FREE_BYTES / 1e9:.0f} GB are needed",
    )


def bsp_checks(request: FlashRequest, bsp: BspFacts, registry: Registry) -> Iterator[Check]:
    """Whether the Linux_for_Tegra folder is complete, and of a release this board can run."""
    missing = [path for path in files_needed(request) if path not in bsp.files]
    openrm = " --openrm" if request.board.soc == "t264" else ""
    yield _check(
        "BSP",
        not missing,
        f"{bsp.folder} lacks {', '.join(missing)}" if missing else f"{bsp.folder} is complete",
        "unpack Jetson Linux and its sample root file system there, then run"
        f" tools/l4t_flash_prerequisites.sh and apply_binaries.sh{openrm}",
    )
    line = registry.line_of_l4t(bsp.l4t) if bsp.l4t else None
    can = [each for each in registry.lines(request.board) if each.supported]
    fits = line is not None and line in can
    yield _check(
        "release",
        fits,
        f"L4T {bsp.l4t or 'of no release'}"
        + (f" is JetPack {line.jetpack}, Python {line.python}" if line else " is in no table of ours"),
        f"{request.board.board} runs vad-edge on JetPack {', '.join(each.jetpack for each in can)}",
    )


def usb_check(request: FlashRequest, host: HostFacts) -> Check:
    """Whether just one board of the right kind is connected and in recovery mode."""
    name, wanted = request.board.board, request.board.usb_id
    waiting = [found for found in host.usb if found.recovery]
    recovery = f"put the board into recovery mode: {request.board.recovery}"
    if not waiting:
        running = any(not found.recovery for found in host.usb)
        reason = "the Jetson on USB is running, not in recovery mode" if running else "no Jetson is on USB"
        return _check("USB", False, reason, recovery)
    if len(waiting) > 1:
        ports = ", ".join(f"{found.usb_id} at {found.port}" for found in waiting)
        return _check(
            "USB",
            False,
            f"{len(waiting)} boards are in recovery mode: {ports}",
            "connect one only; with --massflash the others come after the images are made",
        )
    found = waiting[0]
    if found.usb_id != wanted:
        others = " or ".join(board.board for board in found.boards) or "no board of ours"
        reason = f"{found.usb_id} at {found.port} is {others}, not {name} ({wanted})"
        return _check("USB", False, reason, "connect the right board, or give --board its name")
    return _check("USB", True, f"{found.usb_id} at {found.port} is in recovery mode")


def eeprom_check(request: FlashRequest, eeprom: Eeprom | None) -> Check:
    """Whether the board's own EEPROM agrees; None where it was not read, as in a dry run."""
    if eeprom is None:
        return Check("EEPROM", True, "not read yet: it is compared before anything is written")
    verdict = eeprom_agrees(eeprom, request.board)
    return Check("EEPROM", verdict.ok, verdict.reason, verdict.fix)


def user_check(request: FlashRequest, bsp: BspFacts, *, has_key: bool) -> Check:
    """Whether an account can log in; without one the first boot waits for a keyboard and a screen."""
    if request.user and request.user not in bsp.users:
        reason = f"{request.user} will be made, with a random password"
        return _check("user", has_key, reason, "give --ssh-key FILE, the only way in")
    if bsp.users:
        return Check("user", True, f"{', '.join(bsp.users)} is in the root file system")
    return _check(
        "user",
        False,
        "no user can log in: the first boot would wait for a screen and a keyboard",
        "give --user NAME --ssh-key FILE",
    )


def _check(name: str, ok: bool, reason: str, fix: str = "") -> Check:
    return Check(name, ok, reason, "" if ok else fix)
