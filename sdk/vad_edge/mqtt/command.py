"""What may be asked of a camera over MQTT, and how it is answered."""

from __future__ import annotations

import json
import logging
import queue
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator
from typing_extensions import Self

from vad_edge.common.explain import first_problem
from vad_edge.common.retry import RateLimit
from vad_edge.health.conditions import Condition

MAX_COMMAND_BYTES = 4096
MOST_MINUTES = 1440
"""A maintenance of more than a day is forgotten: disarm for that."""

Name = Literal["arm", "disarm", "maintenance", "acknowledge", "snapshot", "recalibrate"]
Text = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class Command(BaseModel):
    """One request, as `command.schema.json` describes it.

    id comes back with the answer. incident and verdict belong to ``acknowledge``: without an incident the
    newest is meant; without a verdict the incident was seen, and nothing is said about whether it was real.
    by says who asks. minutes belong to ``maintenance``, for so long the camera is disarmed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    command: Name
    id: Text | None = None
    incident: Text | None = None
    verdict: Literal["true", "false", "test"] | None = None
    by: Text | None = None
    minutes: int | None = Field(default=None, ge=1, le=MOST_MINUTES)

    @model_validator(mode="after")
    def _each_has_what_belongs_to_it(self) -> Self:
        if self.command != "acknowledge" and {"incident", "verdict"} & self.model_fields_set:
            raise ValueError("incident and verdict belong to acknowledge")
        if (self.command == "maintenance") != (self.minutes is not None):
            raise ValueError("maintenance has minutes, and nothing else has")
        return self


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What became of a request; reason and fix say why it was not done."""

    command: str | None
    id: str | None
    ok: bool
    reason: str = ""
    fix: str = ""
    incident: str | None = None

    def payload(self, *, armed: bool, time: str) -> bytes:
        """The JSON that is published, plain ASCII whatever was asked."""
        return json.dumps({**asdict(self), "armed": armed, "time": time}, allow_nan=False).encode()


def done(command: Command, incident: str | None = None) -> CommandResult:
    """The answer to a request that was carried out."""
    return CommandResult(command.command, command.id, ok=True, incident=incident)


def refuse(command: Command, reason: str, fix: str = "") -> CommandResult:
    """The answer to a request that was not."""
    return CommandResult(command.command, command.id, ok=False, reason=reason, fix=fix)


def parse_command(payload: bytes) -> Command | CommandResult:
    """The request in `payload`, or the answer that says what is wrong with it."""
    fix = 'send JSON such as {"id": "1", "command": "arm"}'
    if len(payload) > MAX_COMMAND_BYTES:
        return _bad(f"{len(payload):,} bytes are too many for a command", f"stay below {MAX_COMMAND_BYTES}")
    try:
        content: Any = json.loads(payload.decode("utf-8"))
    except UnicodeDecodeError as error:
        return _bad(f"byte {error.start} is not UTF-8", fix)
    except (ValueError, RecursionError) as error:
        return _bad(f"not JSON: {error}"[:200], fix)
    if not isinstance(content, dict):
        return _bad("not a JSON object", fix)
    try:
        return Command.model_validate(content)
    except ValidationError as error:
        return _bad(first_problem(error)[:200], fix, content)


def _bad(reason: str, fix: str, content: dict[str, Any] | None = None) -> CommandResult:
    """The answer to what is no request, with its id and name where they can be told."""
    given, name = (content or {}).get("id"), (content or {}).get("command")
    known = isinstance(given, str) and 1 <= len(given) <= 64
    named = name if isinstance(name, str) and len(name) <= 64 else None
    # What came in may hold half a surrogate pair, or a line that would look like another message in a log.
    printable = reason.encode("ascii", "backslashreplace").decode()
    return CommandResult(named, given if known else None, ok=False, reason=printable, fix=fix)


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
        self._noted: dict[Condition, tuple[float, str]] = {}

    def accept(self, payload: bytes, *, retained: bool = False) -> None:
        """One message on the command topic; called on the network thread."""
        now_s = time.monotonic()
        if not payload:
            return  # how a retained message is removed
        if retained:
            # It would be carried out again at every connect.
            reason = "a command that the broker kept is not carried out"
            self._refuse(
                Condition.COMMAND_RETAINED, CommandResult(None, None, ok=False, reason=reason, fix=_CLEAR)
            )
        elif not self._arriving.allow(now_s):
            reason = f"more than {PER_S:g} commands a second"
            self._refuse(
                Condition.COMMAND_STORM, CommandResult(None, None, ok=False, reason=reason, fix="slow down")
            )
        else:
            parsed = parse_command(payload)
            if isinstance(parsed, Command):
                self._commands.put(parsed)
            else:
                self._refuse(Condition.COMMAND_MALFORMED, parsed)

    def take(self) -> list[Command]:
        """The commands that have come since the last call, in order."""
        taken = []
        while not self._commands.empty():
            taken.append(self._commands.get())
        return taken

    def conditions(self) -> dict[Condition, str]:
        """What has been wrong within the last minute, by condition code."""
        now_s = time.monotonic()
        noted = list(self._noted.items())
        return {code: text for code, (since_s, text) in noted if now_s - since_s < REMEMBERED_S}

    def _refuse(self, code: Condition, result: CommandResult) -> None:
        now_s = time.monotonic()
        known = code in self.conditions()
        self._noted[code] = (now_s, f"{result.reason}; {result.fix}" if result.fix else result.reason)
        if not known:
            _log.warning("a command was refused: %s", result.reason)
        if self._answering.allow(now_s):
            self._respond(result)


_CLEAR = "remove it (publish an empty retained message) and send commands without retain"
