"""What flashing one board comes to: commands in order, files to stage, and checks; decided on plain data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from vad_edge.errors import ConfigError
from vad_edge_devices.flash.eeprom import PRINT
from vad_edge_devices.flash.facts import BspFacts
from vad_edge_devices.flash.stage import StagedFile
from vad_edge_devices.registry import Board, FlashMethod, Storage

INITRD: Final = "tools/kernel_flash/l4t_initrd_flash.sh"
CREATE_USER: Final = "tools/l4t_create_default_user.sh"
COMPLETE: Final = (
    "kernel/dtb/",
    "bootloader/generic/BCT/",
    "rootfs/etc/nv_tegra_release",
    "bootloader/l4t_initrd.img",
    "rootfs/boot/initrd",
)
"""What a complete Linux_for_Tegra folder has, besides the board's configuration."""


@dataclass(frozen=True, slots=True)
class FlashRequest:
    """What is asked for. massflash is how many boards at most, 0 for one board."""

    board: Board
    storage: Storage
    l4t: Path
    super_mode: bool = False
    user: str | None = None
    hostname: str = "vad-edge"
    massflash: int = 0


@dataclass(frozen=True, slots=True)
class FlashCommand:
    """One run of NVIDIA's tools in the Linux_for_Tegra folder; before says what a person must do first."""

    argv: tuple[str, ...]
    before: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold before anything is written."""

    name: str
    ok: bool
    reason: str
    fix: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"name": self.name, "ok": self.ok, "reason": self.reason, "fix": self.fix}


@dataclass(frozen=True, slots=True)
class FlashPlan:
    """Everything that will happen: read the EEPROM, make the user, stage files, flash, what to do then."""

    probe: FlashCommand
    user: FlashCommand | None
    files: tuple[StagedFile, ...]
    flash: tuple[FlashCommand, ...]
    checks: tuple[Check, ...]
    then: str

    @property
    def commands(self) -> tuple[FlashCommand, ...]:
        """The commands in order; files are staged before the flashing ones."""
        return (self.probe, *((self.user,) if self.user else ()), *self.flash)

    @property
    def ok(self) -> bool:
        """Whether every check holds."""
        return all(check.ok for check in self.checks)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "commands": [list(command.argv) for command in self.commands],
            "files": [file.to_dict() for file in self.files],
            "checks": [check.to_dict() for check in self.checks],
            "then": self.then,
        }


def method_for(board: Board, storage: Storage | None) -> Storage:
    """The storage to write: the one asked for, or the board's first. Raises ConfigError for another's."""
    if not board.flash:
        raise ConfigError(
            f"{board.name} cannot run vad-edge: its newest JetPack brings Python 3.8",
            where="--board",
            fix="use an Orin or Thor board",
        )
    chosen = storage or next(iter(board.flash))
    if chosen not in board.flash:
        known = ", ".join(board.flash)
        raise ConfigError(
            f"{board.board} is not flashed to {chosen}", where="--storage", fix=f"give one of {known}"
        )
    return chosen


def l4t_board(request: FlashRequest) -> str:
    """The board configuration to flash. Raises ConfigError where there is no super one."""
    if not request.super_mode:
        return request.board.l4t_board
    if request.board.l4t_board_super is None:
        raise ConfigError(
            f"{request.board.board} has no super configuration", where="--super", fix="leave it out"
        )
    return request.board.l4t_board_super


def files_needed(request: FlashRequest) -> Iterator[str]:
    """Every file of the Linux_for_Tegra folder the plan relies on."""
    method = request.board.flash[request.storage]
    yield f"{l4t_board(request)}.conf"
    yield from COMPLETE
    yield PRINT[0].removeprefix("./")
    yield INITRD if request.massflash else method.tool
    if method.layout:
        yield method.layout
    if method.qspi_layout:
        yield method.qspi_layout
    if request.user:
        yield CREATE_USER


def commands(
    request: FlashRequest, bsp: BspFacts
) -> tuple[FlashCommand, FlashCommand | None, tuple[FlashCommand, ...]]:
    """The command that reads the EEPROM, the one that makes the user, and those that flash."""
    board, method = request.board, request.board.flash[request.storage]
    name = l4t_board(request)
    user = None
    if request.user and request.user not in bsp.users:
        # Without -p the tool draws a password that is not shown: people log in by their SSH key.
        user = FlashCommand(
            (f"./{CREATE_USER}", "-u", request.user, "-n", request.hostname, "--accept-license")
        )
    if not request.massflash:
        argv = (f"./{method.tool}", *_options(method), name, method.rootdev)
        flash: tuple[FlashCommand, ...] = (FlashCommand(argv),)
    else:
        tool = f"./{INITRD if method.tool == 'flash.sh' else method.tool}"
        mass = ("--massflash", str(request.massflash))
        network = () if method.network else ("--network", "usb0")
        flash = (
            FlashCommand((tool, "--no-flash", *mass, *_options(method), *network, name, method.rootdev)),
            FlashCommand(
                (tool, "--flash-only", *mass, "--network", "usb0", "--showlogs", name),
                before=f"connect up to {request.massflash} boards {board.board}, all in recovery mode",
            ),
        )
    return FlashCommand(PRINT), user, flash


def _options(method: FlashMethod) -> Iterator[str]:
    if method.external_device and method.layout:
        yield from ("--external-device", method.external_device, "-c", method.layout)
    if method.qspi_layout:
        yield from ("-p", f"-c {method.qspi_layout}")
    if method.show_logs:
        yield "--showlogs"
    if method.network:
        yield from ("--network", method.network)


def then(board: Board) -> str:
    """What to do when the tool is done."""
    if board.reset_after_flash:
        return (
            "the board does not start by itself: switch it off and on, or on a developer kit run"
            f" {board.reset_after_flash}"
        )
    return "the board starts by itself and watches when its first boot is done, in some minutes"
