"""Which events are news, which are history, and which go first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from vad_edge.events.event import Event


def is_fresh(age_s: float, fresh_s: float) -> bool:
    """Whether an event that is so old may still sound an alarm.

    One that lies further in the future than fresh_s comes from before the clock was set back: nobody can say
    how old it is, so it counts as history.
    """
    return abs(age_s) <= fresh_s


def fast_lane(
    newest: Sequence[Event], age_s: Callable[[datetime], float], fresh_s: float, *, complete: bool
) -> list[Event]:
    """What must not wait behind a long backlog: fresh events, and before them what their incidents said.

    newest holds the newest pending events, oldest first; complete says that there are no others. An incident
    that may have begun before them keeps its turn, since its order matters more than its haste.
    """
    hasty = {event.incident for event in newest if is_fresh(age_s(event.time), fresh_s)}
    if newest and not complete:
        hasty.discard(newest[0].incident)
    return [event for event in newest if event.incident in hasty]
