"""What TensorRT tells of a build: how far it is, and its own messages."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from vad_edge.errors import EngineError

Report = Callable[[str, float], None]
"""Called with what is being done and how much of the whole is done, 0 to 1; it never goes back."""


@dataclass(slots=True)
class _Phase:
    steps: int
    done: int = 0

    @property
    def share(self) -> float:
        return min(self.done / max(self.steps, 1), 1.0)


class Phases:
    """Turns phases of phases into one share of the whole.

    The outermost phase counts, and the one right below it as a part of its step. Safe from any thread. An
    exception of `report` ends the build; `check` raises it.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self._outer: str | None = None
        self._below: str | None = None
        self._phases: dict[str, _Phase] = {}
        self._share = 0.0
        self._failure: Exception | None = None
        self._lock = threading.Lock()

    def start(self, name: str, parent: str | None, steps: int) -> None:
        """A phase begins."""
        with self._lock:
            if parent is None:
                self._outer, self._below = name, None
            elif parent == self._outer:
                self._below = name
            else:
                return
            self._phases[name] = _Phase(steps)
            self._tell()

    def step(self, name: str, step: int) -> bool:
        """A step of a phase is done; false asks TensorRT to stop."""
        with self._lock:
            if name in self._phases:
                self._phases[name].done = step + 1
                self._tell()
            return self._failure is None

    def finish(self, name: str) -> None:
        """A phase is over."""
        with self._lock:
            if name == self._outer and name in self._phases:
                # TensorRT leaves steps out that it does not need.
                self._phases[name].done = self._phases[name].steps
                self._below = None
                self._tell()
            elif name == self._below:
                self._below = None
            self._phases.pop(name, None)

    def check(self) -> None:
        """Raise what `report` raised, if it did."""
        if self._failure is not None:
            raise self._failure

    def _tell(self) -> None:
        outer = self._phases.get(self._outer or "")
        if outer is None or self._failure is not None:
            return
        below = self._phases.get(self._below or "")
        part = below.share / max(outer.steps, 1) if below is not None else 0.0
        self._share = max(self._share, min(outer.share + part, 1.0))
        try:
            self._report(self._below or self._outer or "", self._share)
        except Exception as error:  # it must not unwind through TensorRT's threads
            self._failure = error


def monitor_for(module: Any, phases: Phases) -> Any:
    """A progress monitor to give to TensorRT; it must outlive the build."""

    class Monitor(module.IProgressMonitor):  # type: ignore[misc]
        def __init__(self) -> None:
            module.IProgressMonitor.__init__(self)

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            phases.start(phase_name, parent_phase or None, num_steps)

        def step_complete(self, phase_name: str, step: int) -> bool:
            return phases.step(phase_name, step)

        def phase_finish(self, phase_name: str) -> None:
            phases.finish(phase_name)

    return Monitor()


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


def made(make: Callable[[], Any], failure: str, messages: Messages, fix: str) -> Any:
    """What TensorRT gives: None or an exception where the GPU, its driver or the engine does not fit.

    Raises EngineError with the failure and TensorRT's own words.
    """
    try:
        given = make()
    except Exception as error:  # pybind turns a null into TypeError, a failed library into RuntimeError
        messages.note(str(error), error=True)
        given = None
    if given is None:
        raise EngineError(f"{failure}: {messages.told}", fix=fix)
    return given


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
