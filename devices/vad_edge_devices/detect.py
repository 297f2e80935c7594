"""Which board is here: one in recovery mode on USB, or the one this program runs on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from vad_edge_devices.registry import Board, JetPack, Registry

NVIDIA: Final = "0955"
RUNNING: Final = "7020"
"""The product id of a booted Jetson's USB device mode: it is connected, but not in recovery mode."""

_MODULE: Final = re.compile(r"(p\d{4})-(\d{4})")
_RELEASE: Final = re.compile(r"#\s*R(\d+)\s*\(release\),\s*REVISION:\s*([\d.]+)")


@dataclass(frozen=True, slots=True)
class UsbBoard:
    """A Jetson on USB. boards are those its id may stand for, none for an unknown id."""

    port: str
    usb_id: str
    boards: tuple[Board, ...]
    recovery: bool

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        names = [board.board for board in self.boards]
        return {"port": self.port, "usb_id": self.usb_id, "boards": names, "recovery": self.recovery}


@dataclass(frozen=True, slots=True)
class ThisBoard:
    """The Jetson this program runs on. board is None for a module, jetpack for an unknown release."""

    model: str
    module: str
    sku: str
    board: Board | None
    l4t: str
    jetpack: JetPack | None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "model": self.model,
            "module": self.module,
            "sku": self.sku,
            "board": self.board.board if self.board else None,
            "l4t": self.l4t,
            "jetpack": self.jetpack.jetpack if self.jetpack else None,
        }


def usb_boards(registry: Registry, root: Path = Path("/")) -> list[UsbBoard]:
    """Every Jetson on this machine's USB, by port; `root` is where /sys is looked for."""
    found = []
    for device in sorted((root / "sys/bus/usb/devices").glob("*")):
        vendor, product = _text(device / "idVendor").lower(), _text(device / "idProduct").lower()
        if vendor != NVIDIA or not product.startswith("7"):
            continue
        usb_id = f"{vendor}:{product}"
        boards = tuple(board for board in registry.boards if board.usb_id == usb_id)
        found.append(UsbBoard(device.name, usb_id, boards, recovery=product != RUNNING))
    return found


def this_board(registry: Registry, root: Path = Path("/")) -> ThisBoard | None:
    """The Jetson whose device tree and /etc/nv_tegra_release lie below `root`; None for another machine."""
    model = _text(root / "proc/device-tree/model")
    compatible = _text(root / "proc/device-tree/compatible").split("\0")
    if not any(entry.startswith("nvidia,") for entry in compatible):
        return None
    module, sku = module_of(compatible)
    board = next((board for board in registry.boards if (board.module, board.sku) == (module, sku)), None)
    l4t = l4t_release(_text(root / "etc/nv_tegra_release"))
    return ThisBoard(model, module, sku, board, l4t, registry.line_of_l4t(l4t) if l4t else None)


def module_of(compatible: Sequence[str]) -> tuple[str, str]:
    """Module and SKU of a device tree's ``compatible``; both empty where it names none.

    An entry is ``nvidia,CARRIER+MODULE``, such as ``nvidia,p3768-0000+p3767-0005-super``.
    """
    for entry in compatible:
        if "+" in entry and (match := _MODULE.search(entry.partition("+")[2])):
            return match[1], match[2]
    return "", ""


def l4t_release(text: str) -> str:
    """``36.4.3`` from the first line of nv_tegra_release; empty where it is not one."""
    match = _RELEASE.match(text)
    return f"{match[1]}.{match[2]}" if match else ""


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip("\0\n\t ")
    except OSError:
        return ""
