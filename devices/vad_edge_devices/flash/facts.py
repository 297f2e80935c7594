"""What the host and the Linux_for_Tegra folder are, read once and handed on as plain data."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vad_edge_devices.detect import UsbBoard, l4t_release, usb_boards
from vad_edge_devices.registry import Registry

FIRST_USER_ID: Final = 1000
NOBODY: Final = 65534


@dataclass(frozen=True, slots=True)
class HostFacts:
    """The machine that flashes. automount, tlp and modem_manager say whether such a service runs."""

    machine: str
    system: str
    virtual: bool
    root: bool
    tlp: bool
    automount: bool
    modem_manager: bool
    usb: tuple[UsbBoard, ...]


@dataclass(frozen=True, slots=True)
class BspFacts:
    """A Linux_for_Tegra folder.

    files holds every path, relative to it, of those a plan asks for that is there. l4t is the release its
    root file system was made of, users are the people in it, as opposed to services.
    """

    folder: Path
    files: frozenset[str]
    l4t: str
    users: tuple[str, ...]
    free_bytes: int


def host_facts(registry: Registry, root: Path = Path("/")) -> HostFacts:
    """This machine; `root` is where /sys and /proc are looked for."""
    running = frozenset(_processes(root))
    return HostFacts(
        machine=platform.machine(),
        system=platform.system(),
        virtual=_is_virtual(root),
        root=os.geteuid() == 0,
        tlp=(root / "run/tlp").is_dir(),
        automount="udisksd" in running and "gvfs-udisks2-vo" in running,
        modem_manager="ModemManager" in running,
        usb=tuple(usb_boards(registry, root)),
    )


def bsp_facts(folder: Path, wanted: Iterator[str]) -> BspFacts:
    """What of `wanted` (paths, or folders ending in ``/`` that must hold something) lies in `folder`."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    return BspFacts(
        folder=folder,
        files=frozenset(path for path in wanted if _is_there(folder / path, path.endswith("/"))),
        l4t=l4t_release(_text(folder / "rootfs/etc/nv_tegra_release")),
        users=tuple(_people(_text(folder / "rootfs/etc/passwd"))),
        free_bytes=shutil.disk_usage(existing).free,
    )


def _is_there(path: Path, is_folder: bool) -> bool:
    return path.is_dir() and any(path.iterdir()) if is_folder else path.is_file()


def _people(passwd: str) -> Iterator[str]:
    for line in passwd.splitlines():
        fields = line.split(":")
        if len(fields) > 2 and fields[2].isdigit() and FIRST_USER_ID <= int(fields[2]) < NOBODY:
            yield fields[0]


def _is_virtual(root: Path) -> bool:
    flags = next((line for line in _text(root / "proc/cpuinfo").splitlines() if line.startswith("flags")), "")
    return "hypervisor" in flags.split()


def _processes(root: Path) -> Iterator[str]:
    for path in (root / "proc").glob("[0-9]*/comm"):
        yield _text(path).strip()


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
