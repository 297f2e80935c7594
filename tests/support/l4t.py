"""A folder laid out like Linux_for_Tegra, whose scripts record their calls and print what is documented."""

from __future__ import annotations

from pathlib import Path

import pytest

EEPROM = """\
*** Checking ONLINE mode ... OK.
*** Checking target board connection ... 1 connections found.
--- Reading board information succeeded.
--- Parsing chip_info.bin information succeeded.
Chip SKU(00:00:00:D5) ramcode(00:00:00:02)
Parsing module EEPROM:
--- Parsing board ID ({board_id}) succeeded.
--- Parsing board version (300) succeeded.
--- Parsing board SKU ({sku}) succeeded.
--- Parsing board REV (V.2) succeeded.
"""

RECORD = '#!/bin/sh\necho "$(basename "$0")|$*" >>calls\n'

FILES = (
    "kernel/dtb/some.dtb",
    "bootloader/generic/BCT/some.dts",
    "bootloader/generic/cfg/flash_t234_qspi.xml",
    "bootloader/l4t_initrd.img",
    "tools/kernel_flash/flash_l4t_t234_nvme.xml",
    "rootfs/boot/initrd",
)
SCRIPTS = (
    "nvautoflash.sh",
    "flash.sh",
    "l4t_initrd_flash.sh",
    "tools/kernel_flash/l4t_initrd_flash.sh",
    "tools/l4t_create_default_user.sh",
)
BOARDS = (
    "jetson-orin-nano-devkit",
    "jetson-orin-nano-devkit-super",
    "jetson-agx-orin-devkit",
    "jetson-agx-orin-devkit-super",
    "jetson-agx-thor-devkit",
    "jetson-agx-thor-t4000",
)


class LinuxForTegra:
    """The folder, and what its scripts do."""

    def __init__(self, folder: Path, l4t: str = "36.4.3") -> None:
        self.folder = folder
        self.rootfs = folder / "rootfs"
        for name in (*FILES, *(f"{board}.conf" for board in BOARDS)):
            self._write(name, "x")
        release, _, revision = l4t.partition(".")
        self._write(
            "rootfs/etc/nv_tegra_release",
            f"# R{release} (release), REVISION: {revision}, GCID: 1, BOARD: generic",
        )
        self._write(
            "rootfs/etc/passwd", "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534::/:/bin/false\n"
        )
        self._write("rootfs/etc/machine-id", "0123456789abcdef0123456789abcdef\n")
        self._write("rootfs/etc/ssh/ssh_host_ed25519_key", "the host's own")
        for name in SCRIPTS:
            self.script(name, "")
        self.eeprom("3767", "0005")
        self.script(
            "tools/l4t_create_default_user.sh",
            'echo "$2:x:1000:1000::/home/$2:/bin/bash" >>rootfs/etc/passwd\nmkdir -p "rootfs/home/$2"\n',
        )

    def eeprom(self, board_id: str, sku: str) -> None:
        text = EEPROM.format(board_id=board_id, sku=sku)
        self.script("nvautoflash.sh", f"cat <<'END'\n{text}END\n")

    def script(self, name: str, body: str) -> None:
        self._write(name, RECORD + body)
        (self.folder / name).chmod(0o755)

    @property
    def calls(self) -> list[str]:
        path = self.folder / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def _write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def l4t(tmp_path: Path) -> LinuxForTegra:
    return LinuxForTegra(tmp_path / "Linux_for_Tegra")
