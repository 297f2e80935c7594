"""Commands off the network thread: guarded against whatever a broker may bring."""

from __future__ import annotations

import logging
import queue
import time
from collections.abc import Callable

from vad_edge.mqtt.command import Command, CommandResult, parse_command
from vad_edge.mqtt.rate import RateLimit

_log = logging.getLogger(__name__)

BURST = 10
PER_S = 2.0
REMEMBERED_S = 60.0
"""How long a condition holds after the last message that gave rise to it."""

_ANSWERS_PER_S = 1.0


class CommandInbox:
    """Takes what arrives on a command topic, answers what is wrong at once, keeps the rest for the run.

    Nothing here blocks, and nothing that arrives can fill the memory. respond is called on the network
    thread.
    """

    def __init__(self, respond: Callable[[CommandResult], None]) -> None:
        self._respond = respond
        self._commands: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self._arriving = RateLimit(burst=BURST, per_s=PER_S)
        self._answering = RateLimit(burst=BURST, per_s=_ANSWERS_PER_S)
        self._noted: dict[str, tuple[float, str]] = {}

    def accept(self, payload: bytes, *, retained: bool = False) -> None:
        """One message on the command topic; called on the network thread."""
        now_s = time.monotonic()
        if not payload:
            return  # how a retained message is removed
        if retained:
            # It would be carried out again at every connect.
            reason = "a command that the broker kept is not carried out"
            self._refuse("command_retained", CommandResult(None, None, ok=False, reason=reason, fix=_CLEAR))
        elif not self._arriving.allow(now_s):
            reason = f"more than {PER_S:g} commands a second"
            self._refuse("command_storm", CommandResult(None, None, ok=False, reason=reason, fix="slow down"))
        else:
            parsed = parse_command(payload)
            if isinstance(parsed, Command):
                self._commands.put(parsed)
            else:
                self._refuse("command_malformed", parsed)

    def take(self) -> list[Command]:
        """The commands that have come since the last call, in order."""
        taken = []
        while not self._commands.empty():
            taken.append(self._commands.get())
        return taken

    def conditions(self) -> dict[str, str]:
        """What has been wrong within the last minute, by condition code."""
        now_s = time.monotonic()
        noted = list(self._noted.items())
        return {code: text for code, (since_s, text) in noted if now_s - since_s < REMEMBERED_S}

    def _refuse(self, code: str, result: CommandResult) -> None:
        now_s = time.monotonic()
        known = code in self.conditions()
        self._noted[code] = (now_s, f"{result.reason}; {result.fix}" if result.fix else result.reason)
        if not known:
            _log.warning("a command was refused: %s", result.reason)
        if self._answering.allow(now_s):
            self._respond(result)


_CLEAR = "remove it (publish an empty retained message) and send commands without retain"
