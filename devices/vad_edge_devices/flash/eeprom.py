"""What a board's EEPROM says it is: NVIDIA's print of it, read and compared with what was asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from vad_edge.common.verdict import Verdict
from vad_edge_devices.registry import Board

PRINT: Final = ("./nvautoflash.sh", "--print_boardid")

_FIELD: Final = re.compile(r"Parsing (board ID|board version|board SKU|board REV|baseboard ID) \(([^)]*)\)")
_SHORT: Final = re.compile(r"Board ID\((\d*)\) version\(([^)]*)\) sku\(([^)]*)\) revision\(([^)]*)\)")


@dataclass(frozen=True, slots=True)
class Eeprom:
    """The printed fields; an empty one is valid, many boards leave them so."""

    board_id: str = ""
    version: str = ""
    sku: str = ""
    revision: str = ""
    baseboard_id: str = ""


def read_eeprom(output: str) -> Eeprom:
    """The fields in what `PRINT` printed."""
    if match := _SHORT.search(output):
        return Eeprom(match[1], match[2], match[3], match[4])
    found = dict(_FIELD.findall(output))
    return Eeprom(
        board_id=found.get("board ID", ""),
        version=found.get("board version", ""),
        sku=found.get("board SKU", ""),
        revision=found.get("board REV", ""),
        baseboard_id=found.get("baseboard ID", ""),
    )


def eeprom_agrees(eeprom: Eeprom, board: Board) -> Verdict:
    """Whether the EEPROM is this board's. Only a field that is filled and differs is a disagreement."""
    wanted = {
        "board ID": (eeprom.board_id, board.module.removeprefix("p")),
        "SKU": (eeprom.sku, board.sku),
        "baseboard ID": (eeprom.baseboard_id, board.baseboard or ""),
    }
    wrong = [
        f"{name} is {read}, not {want}"
        for name, (read, want) in wanted.items()
        if read and want and read != want
    ]
    if wrong:
        return Verdict(
            False,
            f"the EEPROM says {', '.join(wrong)}: this is not {board.board}",
            "choose the board that is connected; the EEPROM is right",
        )
    empty = [name for name, (read, want) in wanted.items() if want and not read]
    if empty:
        return Verdict(True, f"the EEPROM leaves {', '.join(empty)} empty: the tools take the base board's")
    return Verdict(True, f"the EEPROM says {board.module}-{board.sku}")
