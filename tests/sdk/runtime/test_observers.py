"""An observer that fails is left behind, and the run goes on."""

from __future__ import annotations

import errno
import logging

import pytest

from vad_edge.errors import SourceError
from vad_edge.report.observer import Observer
from vad_edge.runtime.component import close_all


class Failing(Observer):
    """An observer that cannot finish its file."""

    def __init__(self, error: Exception) -> None:
        self._error = error

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
    with caplog.at_level(logging.ERROR, logger="vad_edge"):
        lost = close_all([Failing(error)])
    (record,) = caplog.records
    assert record.getMessage() == f"Failing failed and gets nothing more of this run: {error}"
    assert bool(record.exc_info) is traceback
    assert lost == [f"Failing failed: {error}"]
