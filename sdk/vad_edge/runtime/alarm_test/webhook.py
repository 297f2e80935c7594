"""Whether the endpoint of the webhook bridge has taken the test's events."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from vad_edge.bridges.webhook.waiting import look_up
from vad_edge.config.bridges import WebhookConfig
from vad_edge.errors import StoreError
from vad_edge.events.event import Event
from vad_edge.runtime.alarm_test.rehearsal import Rehearsal
from vad_edge.runtime.finding import Finding

POLL_S: Final = 0.05


def webhook(
    test: Rehearsal, config: WebhookConfig | None, line: Path, events: Sequence[Event]
) -> Iterator[Finding]:
    """Read in `line`, the bridge's file, what became of the events; nothing without a table or events."""
    if config is None or not events:
        return
    where = config.url.partition("?")[0]
    deadline_s = time.monotonic() + test.arrive_s
    try:
        while (states := [look_up(line, event.id) for event in events]).count("taken") < len(events):
            if time.monotonic() > deadline_s:
                yield _missing(where, line, states)
                return
            time.sleep(POLL_S)
    except StoreError as error:
        yield Finding("webhook", "fail", f"{error.where}: {error.what}", error.fix)
        return
    yield Finding("webhook", "ok", f"{where} has taken all {len(events)} events")


def _missing(where: str, line: Path, states: Sequence[str | None]) -> Finding:
    if None in states:
        text = f"the bridge has not had {states.count(None)} of {len(states)} events, says {line}"
        fix = "start `vad-edge bridge webhook` on this machine, give its --state, and test again"
        return Finding("webhook", "fail", text, fix)
    text = f"{where} has not taken {len(states) - states.count('taken')} of {len(states)} events"
    return Finding("webhook", "fail", text, "look at the bridge's log: it says what the endpoint answers")
