"""What was found about one thing that was looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vad_edge.errors import VadEdgeError

State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: ok, worth knowing (warn), or in the way of a run (fail)."""

    subject: str
    state: State
    text: str
    fix: str = ""


def failure(subject: str, error: VadEdgeError) -> Finding:
    """An error as what was found."""
    return Finding(subject, "fail", f"{error.where}: {error.what}" if error.where else error.what, error.fix)
