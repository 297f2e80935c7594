"""How boards are shown: rows, cells and lines for people and machines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from vad_edge_devices.detect import ThisBoard, UsbBoard
from vad_edge_devices.registry import Board, Registry

COLUMNS: Final = ("board", "module", "recovery", "L4T board", "CC", "GB", "DLA", "JetPack", "flashes")


def row(registry: Registry, board: Board) -> dict[str, Any]:
    """One board for `devices list --json`; jetpacks holds the lines it can run, oldest first."""
    lines = [
        {
            "jetpack": line.jetpack,
            "l4t": list(line.l4t),
            "cuda": line.cuda,
            "tensorrt": line.tensorrt,
            "python": line.python,
            "supported": line.supported,
        }
        for line in registry.lines(board)
    ]
    return {
        "board": board.board,
        "module": board.module,
        "sku": board.sku,
        "usb_id": board.usb_id,
        "l4t_board": board.l4t_board,
        "compute_capability": board.compute_capability,
        "memory_gb": board.memory_gb,
        "dla_cores": board.dla_cores,
        "jetpacks": lines,
    }


def cells(registry: Registry, board: Board) -> tuple[str, ...]:
    """One board as the cells under `COLUMNS`; a fact that is not certain ends with a question mark."""
    supported = [line.jetpack for line in registry.lines(board) if line.supported]
    shown: Mapping[str, str] = {
        "usb_id": board.usb_id,
        "l4t_board": board.l4t_board,
        "compute_capability": board.compute_capability,
        "memory_gb": str(board.memory_gb),
        "dla_cores": str(board.dla_cores),
        "jetpacks": _spans(supported) or "none with Python 3.10",
    }
    marked = (text + ("?" if name in board.uncertain else "") for name, text in shown.items())
    return (
        board.board,
        f"{board.module}-{board.sku}",
        *marked,
        ", ".join(_flash_name(board, storage) for storage in board.flash) or "-",
    )


def table(registry: Registry) -> list[str]:
    """All boards as aligned lines, under a line of `COLUMNS`."""
    rows = [COLUMNS, *(cells(registry, board) for board in registry.boards)]
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def _spans(jetpacks: Sequence[str]) -> str:
    """``6.0-6.2.2, 7.2`` for the lines of each major version, which are in order."""
    majors = {name.partition(".")[0]: name for name in jetpacks}
    firsts = {name.partition(".")[0]: name for name in reversed(jetpacks)}
    return ", ".join(
        last if firsts[major] == last else f"{firsts[major]}-{last}" for major, last in majors.items()
    )


def _flash_name(board: Board, storage: Any) -> str:
    return f"{storage}{'?' if board.flash[storage].uncertain else ''}"


def describe(registry: Registry, board: Board) -> dict[str, Any]:
    """Everything known of a board: plain data, ready for JSON."""
    return {**board.model_dump(mode="json", exclude_none=True), "jetpacks": row(registry, board)["jetpacks"]}


def lines(facts: Mapping[str, Any]) -> Iterator[str]:
    """What `describe` found, for people."""
    sources, uncertain = facts["sources"], facts["uncertain"]
    for name, value in facts.items():
        if name in ("sources", "uncertain", "flash", "jetpacks"):
            continue
        text = ", ".join(value) if isinstance(value, list) else str(value)
        origin = f"  [{sources[name]}]" if name in sources else ""
        yield f"{name}: {text or 'not known'}{origin}"
        if name in uncertain:
            yield f"  not certain: {uncertain[name]}"
    for line in facts["jetpacks"]:
        verdict = "" if line["supported"] else ": its Python is too old for vad-edge"
        yield (
            f"JetPack {line['jetpack']} (L4T {', '.join(line['l4t'])}): CUDA {line['cuda']},"
            f" TensorRT {line['tensorrt']}, Python {line['python']}{verdict}"
        )
    for storage, method in facts["flash"].items():
        yield f"flash {storage}: {method['tool']} ... {method['rootdev']}  [{method['source']}]"
        if method["uncertain"]:
            yield f"  not certain: {method['uncertain']}"


def findings(on_usb: Sequence[UsbBoard], here: ThisBoard | None) -> Iterator[str]:
    """What `devices detect` found, for people, with what to do next."""
    for found in on_usb:
        names = " or ".join(board.board for board in found.boards) or "a module this version does not know"
        if found.recovery:
            yield f"USB {found.port}: {found.usb_id} in recovery mode: {names}"
        else:
            yield f"USB {found.port}: {found.usb_id} is a running Jetson"
            yield "  to flash it, put it into recovery mode"
    if here is not None:
        known = here.board.board if here.board else f"{here.module}-{here.sku}, unknown to this version"
        line = here.jetpack
        release = f"JetPack {line.jetpack}, Python {line.python}" if line else "a release not in the table"
        yield f"this machine: {here.model}: {known}, L4T {here.l4t or 'unknown'} ({release})"
        if line is not None and not line.supported:
            yield "  its Python is too old for vad-edge; flash a newer JetPack"
    if not on_usb and here is None:
        yield "no Jetson is in recovery mode on USB, and this machine is none"
        yield "  connect the recovery port and enter recovery mode: `vad-edge devices show BOARD` says how"
