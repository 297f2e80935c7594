"""An observer that fails is left behind, and the run goes on."""

from __future__ import annotations

import errno
import logging

import pytest

from vad_edge.errors import SourceError
from vad_edge.events.event import Event
from vad_edge.health.conditions import HealthEvent
from vad_edge.report.observer import Moment
from vad_edge.runtime.observers import Observers


class Failing:
    """An observer that cannot finish its file."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def on_moment(self, moment: Moment) -> None: ...

    def on_event(self, event: Event) -> None: ...

    def on_health(self, event: HealthEvent) -> None: ...

    def close(self) -> None:
        raise self._error


@pytest.mark.parametrize(
    ("error", "traceback"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), False),
        (SourceError("cannot write mp4v video"), False),
        (ValueError("shapes differ"), True),
    ],
)
def test_only_a_mistake_of_our_own_is_logged_with_a_traceback(
    error: Exception, traceback: bool, caplog: pytest.LogCaptureFixture
) -> None:
    audience = Observers([Failing(error)])
    with caplog.at_level(logging.ERROR, logger="vad_edge"):
        audience.close()
    (record,) = caplog.records
    assert record.getMessage() == f"Failing failed and gets nothing more of this run: {error}"
    assert bool(record.exc_info) is traceback
    assert audience.lost == [f"Failing failed: {error}"]
