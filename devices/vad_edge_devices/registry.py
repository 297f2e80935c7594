"""The boards and JetPack lines there are, read from the TOML files beside this module."""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Mapping
from importlib.resources import files
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator
from typing_extensions import Self

from vad_edge.common.explain import first_problem
from vad_edge.errors import ConfigError, DeviceError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

OLDEST_PYTHON: Final = (3, 10)
"""What this package itself needs."""

Soc = Literal["t194", "t234", "t264"]
Storage = Literal["emmc", "nvme", "sd"]
Version = Annotated[str, StringConstraints(pattern=r"^\d+(\.\d+)*$")]

_NEED_NO_SOURCE: Final = {
    "board",
    "name",
    "l4t_board_super",
    "baseboard",
    "reset_after_flash",
    "flash",
    "sources",
    "uncertain",
}


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class JetPack(_Part):
    """One line of NVIDIA's releases; uncertain names its facts that no source confirmed."""

    jetpack: Version
    l4t: tuple[Version, ...] = Field(min_length=1)
    socs: tuple[Soc, ...]
    ubuntu: str
    python: Version
    kernel: Version
    cuda: Version
    tensorrt: Version
    source: str = Field(min_length=1)
    uncertain: tuple[str, ...] = ()

    @property
    def supported(self) -> bool:
        """Whether its Python is new enough for this package."""
        major, minor = self.python.split(".")[:2]
        return (int(major), int(minor)) >= OLDEST_PYTHON


class FlashMethod(_Part):
    """How NVIDIA's tools write one kind of storage; paths are relative to the Linux_for_Tegra folder.

    external_device and layout belong together; qspi_layout goes to the inner flash.sh.
    """

    tool: Literal["flash.sh", "l4t_initrd_flash.sh", "tools/kernel_flash/l4t_initrd_flash.sh"]
    rootdev: Literal["internal", "external"]
    external_device: str | None = None
    layout: str | None = None
    qspi_layout: str | None = None
    show_logs: bool = False
    network: str | None = None
    source: str = Field(min_length=1)
    uncertain: str = ""

    @model_validator(mode="after")
    def _external_device_has_a_layout(self) -> Self:
        if (self.external_device is None) != (self.layout is None):
            raise ValueError("external_device and layout come together")
        return self


class Board(_Part):
    """One module (a P-number and its SKU) on NVIDIA's reference carrier.

    usb_id is what it shows in recovery mode; several modules may share one. l4t_board names the board
    configuration, l4t_board_super the one with the higher power modes. power_modes are names, never
    numbers: those differ between releases. sources says where each fact is from, uncertain why one may be
    wrong. Without flash methods a board is only told apart.
    """

    board: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    name: str
    module: Annotated[str, StringConstraints(pattern=r"^p\d{4}$")]
    sku: Annotated[str, StringConstraints(pattern=r"^\d{4}$")]
    soc: Soc
    usb_id: Annotated[str, StringConstraints(pattern=r"^0955:7[0-9a-f]{3}$")]
    l4t_board: str
    l4t_board_super: str | None = None
    baseboard: Annotated[str, StringConstraints(pattern=r"^\d{4}$")] | None = None
    compute_capability: Version
    memory_gb: int = Field(gt=0)
    dla_cores: int = Field(ge=0)
    jetpacks: tuple[Version, ...] = Field(min_length=1)
    power_modes: tuple[str, ...]
    recovery: str
    reset_after_flash: str | None = None
    flash: dict[Storage, FlashMethod] = {}
    sources: dict[str, str]
    uncertain: dict[str, str] = {}

    @model_validator(mode="after")
    def _facts_have_sources(self) -> Self:
        facts = type(self).model_fields.keys()
        if missing := facts - _NEED_NO_SOURCE - self.sources.keys():
            raise ValueError(f"no source is given for {', '.join(sorted(missing))}")
        if unknown := (self.sources.keys() | self.uncertain.keys()) - facts:
            raise ValueError(f"there is no fact {', '.join(sorted(unknown))}")
        return self


class Registry(_Part):
    """All boards by name, and all JetPack lines, oldest first."""

    boards: tuple[Board, ...]
    jetpacks: tuple[JetPack, ...]

    @model_validator(mode="after")
    def _boards_and_lines_agree(self) -> Self:
        lines = {line.jetpack: line for line in self.jetpacks}
        for board in self.boards:
            for name in board.jetpacks:
                if name not in lines or board.soc not in lines[name].socs:
                    raise ValueError(f"{board.board} cannot run JetPack {name}")
        return self

    def board(self, name: str) -> Board:
        """The board of that name. Raises ConfigError, which lists the names there are."""
        for board in self.boards:
            if board.board == name:
                return board
        known = ", ".join(board.board for board in self.boards)
        raise ConfigError(f"there is no board {name!r}", where="--board", fix=f"give one of {known}")

    def lines(self, board: Board) -> tuple[JetPack, ...]:
        """The JetPack lines a board can run, oldest first."""
        return tuple(line for line in self.jetpacks if line.jetpack in board.jetpacks)

    def line(self, jetpack: str) -> JetPack:
        """The JetPack line of that name. Raises ConfigError, which lists those there are."""
        for line in self.jetpacks:
            if line.jetpack == jetpack:
                return line
        known = ", ".join(line.jetpack for line in self.jetpacks)
        raise ConfigError(f"there is no JetPack {jetpack}", where="--jetpack", fix=f"give one of {known}")

    def line_of_l4t(self, l4t: str) -> JetPack | None:
        """The line an L4T release such as ``36.4.3`` belongs to; None for one that is not known."""
        plain = re.sub(r"(\.0)+$", "", l4t)
        return next(
            (line for line in self.jetpacks if plain in (re.sub(r"(\.0)+$", "", name) for name in line.l4t)),
            None,
        )


@functools.cache
def registry() -> Registry:
    """What the files of this package say. Raises DeviceError, naming the file, where one is wrong."""
    folder = files("vad_edge_devices")
    boards = sorted((folder / "boards").iterdir(), key=lambda path: path.name)
    texts = {path.name: path.read_text(encoding="utf-8") for path in boards if path.name.endswith(".toml")}
    return read_registry(texts, (folder / "jetpacks.toml").read_text(encoding="utf-8"))


def read_registry(boards: Mapping[str, str], jetpacks: str) -> Registry:
    """A registry from the TOML text of its board files, by file name, and of its JetPack table."""
    tables: list[dict[str, Any]] = []
    for name, text in boards.items():
        table = _parsed(name, text)
        try:
            board = Board.model_validate(table)
        except ValidationError as error:
            raise DeviceError(first_problem(error), where=name, fix="correct the file") from error
        if name != f"{board.board}.toml":
            what = f"it describes {board.board!r}"
            raise DeviceError(what, where=name, fix="name the file after the board")
        tables.append(table)
    lines = _parsed("jetpacks.toml", jetpacks).get("jetpack", [])
    try:
        return Registry.model_validate({"boards": tables, "jetpacks": lines})
    except ValidationError as error:
        raise DeviceError(first_problem(error), where="jetpacks.toml", fix="correct the files") from error


def _parsed(name: str, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except ValueError as error:
        raise DeviceError(f"not valid TOML: {error}", where=name, fix="correct the file") from error
