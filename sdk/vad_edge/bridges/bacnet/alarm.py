"""A camera's event state as BACnet has it: which transitions come, and which are acknowledged."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import IntEnum
from pathlib import Path
from typing import TypeAlias, TypeVar

from vad_edge.common.state_file import StateFile

_T = TypeVar("_T")
_Three: TypeAlias = tuple[_T, _T, _T]

ACK_REQUIRED = (True, True, False)
"""Whether a transition to-offnormal, to-fault, to-normal has to be acknowledged."""


class EventState(IntEnum):
    """The event states we use, with BACnet's numbers."""

    NORMAL = 0
    FAULT = 1
    OFFNORMAL = 2

    @property
    def place(self) -> int:
        """Where arrays hold what belongs to the transition into this state."""
        return {EventState.OFFNORMAL: 0, EventState.FAULT: 1, EventState.NORMAL: 2}[self]


@dataclass(frozen=True, slots=True)
class Alarm:
    """What is remembered of the transitions of one object.

    stamps, texts and acked are of the last transitions to-offnormal, to-fault and to-normal; a stamp is None
    where there was none yet. incident is that of the last transition to-offnormal.
    """

    state: EventState = EventState.NORMAL
    acked: _Three[bool] = (True, True, True)
    stamps: _Three[datetime | None] = (None, None, None)
    texts: _Three[str] = ("", "", "")
    incident: str | None = None

    @property
    def settled(self) -> bool:
        """Whether nothing is wrong and nothing waits for an acknowledgement."""
        return self.state is EventState.NORMAL and all(self.acked)


def transitions(state: EventState, *, active: bool, fault: bool, renewed: bool = False) -> list[EventState]:
    """The states an object passes through now; none where it may stay.

    A fault hides the value, so an object leaves it by way of normal, as the standard has it; and so does one
    whose alarm is renewed: another incident's, of which the end of the one before was not heard.
    """
    if fault:
        return [] if state is EventState.FAULT else [EventState.FAULT]
    target = EventState.OFFNORMAL if active else EventState.NORMAL
    if state is EventState.FAULT:
        return [EventState.NORMAL] if not active else [EventState.NORMAL, target]
    if state is target:
        return [EventState.NORMAL, target] if active and renewed else []
    return [target]


def entered(alarm: Alarm, state: EventState, time: datetime, text: str, incident: str | None) -> Alarm:
    """`alarm` after a transition into `state`; where it has to be acknowledged, that is now to be done."""
    return replace(
        alarm,
        state=state,
        acked=_with(alarm.acked, state, not ACK_REQUIRED[state.place]),
        stamps=_with(alarm.stamps, state, time),
        texts=_with(alarm.texts, state, text),
        incident=incident if state is EventState.OFFNORMAL else alarm.incident,
    )


def acknowledged(alarm: Alarm, state: EventState) -> Alarm:
    """`alarm` after its last transition into `state` was acknowledged."""
    return replace(alarm, acked=_with(alarm.acked, state, True))


def _with(values: _Three[_T], state: EventState, value: _T) -> _Three[_T]:
    first, second, third = (value if place == state.place else kept for place, kept in enumerate(values))
    return first, second, third


_log = logging.getLogger(__name__)


def recall(path: Path) -> dict[str, Alarm]:
    """The alarms by camera as `remember` left them; a file that is missing or damaged holds none."""
    return StateFile(path, dict[str, Alarm]).read() or {}


def remember(path: Path, alarms: Mapping[str, Alarm]) -> None:
    """Keep the alarms; a disk that fails is logged, since the alarms themselves must go on."""
    try:
        StateFile(path, dict[str, Alarm]).write(dict(alarms))
    except OSError as error:
        _log.error("%s cannot be written, a restart will announce alarms again: %s", path, error)
