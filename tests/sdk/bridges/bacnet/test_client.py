"""What the alarm test's own BACnet client makes of answers that do not belong together."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("bacpypes3")

from vad_edge.bridges.bacnet.alarm import EventState
from vad_edge.bridges.bacnet.client import BacnetClient

QUIET = {
    "event-state": 0, "present-value": "inactive", "reliability": "no-fault-detected",
    "event-message-texts": ["", "", "quiet"], "event-time-stamps": [0, 0, 1], "acked-transitions": [1, 1, 1],
}  # fmt: skip
ALARM = {
    **QUIET, "event-state": 2, "present-value": "active", "event-message-texts": ["alarm", "", "quiet"],
    "event-time-stamps": [2, 0, 1], "acked-transitions": [0, 1, 1],
}  # fmt: skip


class Changing(BacnetClient):
    """Asks a device that goes into alarm after so many questions."""

    def __init__(self, quiet_for: int) -> None:
        self.quiet_for = quiet_for

    def _read(self, number: str, name: str) -> Any:
        self.quiet_for -= 1
        return (QUIET if self.quiet_for >= 0 else ALARM)[name]


@pytest.mark.parametrize("quiet_for", range(8))
def test_what_is_seen_belongs_to_one_state(quiet_for: int) -> None:
    seen = Changing(quiet_for).look("binary-value,1")
    alarm = quiet_for < 7
    assert seen.state is (EventState.OFFNORMAL if alarm else EventState.NORMAL)
    assert (seen.active, seen.text, seen.stamp, seen.acknowledged) == (
        (True, "alarm", 2, False) if alarm else (False, "quiet", 1, True)
    )
