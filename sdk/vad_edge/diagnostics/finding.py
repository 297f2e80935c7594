"""What was found about one thing that was looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vad_edge.errors import VadEdgeError
from vad_edge.mqtt.problem import BrokerProblem

State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: ok, worth knowing (warn), or in the way of a run (fail)."""

    subject: str
    state: State
    text: str
    fix: str = ""


def unreached(subject: str, problem: BrokerProblem | None) -> Finding:
    """A broker that could not be reached, and why."""
    text, fix = (problem.text, problem.fix) if problem else ("no answer", "check host and port")
    return Finding(subject, "fail", text, fix)


def failure(subject: str, error: VadEdgeError) -> Finding:
    """An error as what was found."""
    return Finding(subject, "fail", f"{error.where}: {error.what}" if error.where else error.what, error.fix)
