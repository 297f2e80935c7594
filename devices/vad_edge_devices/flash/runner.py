"""Carrying a plan out: one command after the other, the log kept, nothing tried twice."""

from __future__ import annotations

import subprocess
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from vad_edge.errors import DeviceError
from vad_edge_devices.flash.checks import eeprom_check
from vad_edge_devices.flash.eeprom import read_eeprom
from vad_edge_devices.flash.plan import FlashCommand, FlashPlan, FlashRequest
from vad_edge_devices.flash.progress import Progress, explain_failure, read_progress
from vad_edge_devices.flash.stage import apply_staged

KEPT_LINES = 200

Report = Callable[[Progress], None]
Ask = Callable[[str], bool]


def flash(plan: FlashPlan, request: FlashRequest, log: Path, report: Report, ask: Ask) -> None:
    """Do what `plan` says; `log` gets everything the tools print.

    `ask` is given what a person must do or agree to, and says whether they did; nothing is written to the
    board before it said yes. Raises DeviceError at the first thing that fails, saying what state the board
    is in and the one next step; nothing is tried again.
    """
    if not plan.ok:
        failed = next(check for check in plan.checks if not check.ok)
        raise DeviceError(f"{failed.name}: {failed.reason}", where=request.board.board, fix=failed.fix)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as file:
        eeprom = read_eeprom(_run(plan.probe, request.l4t, file, report, "nothing was written"))
        check = eeprom_check(request, eeprom)
        if not check.ok:
            raise DeviceError(check.reason, where="EEPROM", fix=check.fix)
        if not ask(
            f"{check.reason}. Everything on the {request.storage} of this board will be lost. Flash it?"
        ):
            raise DeviceError("not confirmed; nothing was written", where=request.board.board)
        if plan.user is not None:
            _run(plan.user, request.l4t, file, report, "nothing was written to the board")
        apply_staged(plan.files, request.l4t / "rootfs")
        for command in plan.flash:
            if command.before and not ask(f"{command.before}. Ready?"):
                raise DeviceError("not confirmed; the images are made, no board was written", where=str(log))
            only_images = "--no-flash" in command.argv
            state = (
                "no board was written" if only_images else "the board may be half written and will not start"
            )
            _run(command, request.l4t, file, report, state)


def _run(command: FlashCommand, folder: Path, log: TextIO, report: Report, state: str) -> str:
    name = command.argv[0].rpartition("/")[2]
    log.write(f"$ {' '.join(command.argv)}\n")
    lines: deque[str] = deque(maxlen=KEPT_LINES)
    report(Progress(name))
    try:
        process = subprocess.Popen(  # noqa: S603 - NVIDIA's tools, from the folder the user named
            command.argv,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    except OSError as error:
        raise DeviceError(
            f"cannot be started: {error.strerror or error}; {state}", where=name, fix="check the BSP"
        ) from error
    with process:
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        for line in process.stdout:
            log.write(line)
            lines.append(line.rstrip("\n"))
            progress = read_progress(line)
            if progress is not None:
                report(progress)
    log.flush()
    if process.returncode != 0:
        verdict = explain_failure(lines, process.returncode)
        raise DeviceError(f"{verdict.reason}; {state}", where=f"{name} (log: {log.name})", fix=verdict.fix)
    return "\n".join(lines)
