"""What the system's files tell of this machine's board, Jetson Linux release, GPU driver and GPU."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from vad_edge.common.sysfs import text

_BOARD: Final = "proc/device-tree/model"
_L4T: Final = "etc/nv_tegra_release"
_MODULE: Final = "sys/module/nvidia/version"
_DEVICES: Final = ("dev/nvidia0", "dev/nvhost-gpu", "dev/nvgpu/igpu0", "dev/nvmap")
_PCI: Final = "sys/bus/pci/devices"
_NVIDIA: Final = "0x10de"
_DISPLAY: Final = "0x03"
_RELEASE: Final = re.compile(r"# R(\d+) \(release\), REVISION: ([\d.]+)")


def board_model(root: Path = Path("/")) -> str:
    """The name a board gives itself, such as ``NVIDIA Jetson Orin NX``; empty on a PC."""
    return text(root / _BOARD)


def l4t_release(root: Path = Path("/")) -> str:
    """The release of Jetson Linux, such as ``36.4.3``; empty elsewhere."""
    found = _RELEASE.match(text(root / _L4T))
    return f"{found[1]}.{found[2]}" if found else ""


def driver_version(root: Path = Path("/")) -> str:
    """The GPU driver: the release of Jetson Linux that brings it, else the kernel module's version.

    Empty where neither is told. A Jetson's module is that of its display, and may be loaded or not.
    """
    release = l4t_release(root)
    return f"L4T {release}" if release else text(root / _MODULE)


def has_nvidia_gpu(root: Path = Path("/")) -> bool:
    """Whether an NVIDIA GPU is built in, working or not: a device file of its driver, or a PCI device."""
    if any((root / device).exists() for device in _DEVICES):
        return True
    return any(
        text(device / "vendor") == _NVIDIA and text(device / "class").startswith(_DISPLAY)
        for device in sorted((root / _PCI).glob("*"))
    )
