"""TensorRT's own messages: its calls answer None or False, and say why only in the log."""

from __future__ import annotations

import logging
from collections import deque
from typing import Any, Final

_log = logging.getLogger(__name__)
_KEPT: Final = 20
_TOLD: Final = 3
_LONGEST: Final = 300


class Messages:
    """The last warnings and errors of TensorRT."""

    def __init__(self, kept: int = _KEPT) -> None:
        self._kept: deque[tuple[bool, str]] = deque(maxlen=kept)

    def note(self, text: str, *, error: bool) -> None:
        """Remember one message, as one line of bounded length."""
        line = " ".join(text.split())
        self._kept.append((error, line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."))

    @property
    def told(self) -> str:
        """The last errors, the last warnings where there was no error, as one line."""
        errors = [line for error, line in self._kept if error]
        lines = errors or [line for _, line in self._kept]
        return " | ".join(lines[-_TOLD:]) or "it gave no reason"


def logger_for(module: Any, messages: Messages) -> Any:
    """A logger to give to TensorRT that fills `messages`; it must outlive what it was given to."""

    class Logger(module.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            module.ILogger.__init__(self)

        def log(self, severity: Any, message: str) -> None:
            if severity <= module.ILogger.WARNING:
                messages.note(message, error=severity <= module.ILogger.ERROR)
                _log.debug("TensorRT: %s", message)

    return Logger()
