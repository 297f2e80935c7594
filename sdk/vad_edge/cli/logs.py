"""What of the log is shown: all of ours from a level on, of others only what is wrong."""

from __future__ import annotations

import json
import logging
import sys
from datetime import datetime, timezone

from vad_edge.clock import utc_stamp
from vad_edge.common.escape import plain
from vad_edge.common.secret import redacted
from vad_edge.health.systemd import JournalHandler, under_journal

OURS = ("vad_edge", "vad_edge_training", "vad_edge_export", "vad_edge_devices")


def start_logging(level: str) -> None:
    """Log to standard error; a service, to the journal."""
    logging.basicConfig(handlers=[log_handler()], level=logging.WARNING)
    set_level(level)


class OneLine(logging.Formatter):
    """A record on one line, with nothing in it that a terminal obeys; a traceback follows below."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the library's name
        """The message as it may be shown."""
        record.message = plain(record.message)
        return super().formatMessage(record)

    def format(self, record: logging.LogRecord) -> str:
        """The record with its traceback, without credentials."""
        return redacted(super().format(record))


class JsonLines(logging.Formatter):
    """Each record as a JSON object: ``time`` (UTC), ``level``, ``from`` (the module) and ``message``."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, a traceback in its message."""
        message = record.getMessage()
        if record.exc_info:
            message = f"{message}\n{self.formatException(record.exc_info)}"
        content = {
            "time": utc_stamp(datetime.fromtimestamp(record.created, timezone.utc)),
            "level": record.levelname.lower(),
            "from": record.name,
            "message": redacted(message),
        }
        return json.dumps(content, ensure_ascii=False)


def log_as_json() -> None:
    """Log to standard output from now on, a JSON object a line."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


def log_handler() -> logging.Handler:
    """Where records go: the journal stamps them itself, a terminal does not."""
    if under_journal():
        return JournalHandler()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S"))
    return handler


def set_level(level: str) -> None:
    """Show our own records of this level and above."""
    for name in OURS:
        logging.getLogger(name).setLevel(level.upper())
