"""What the checks share: the job, what they find, and how they say that there is nothing to check."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from vad_edge.bundle.manifest import Precision
from vad_edge.diagnostics.engines.plan import CheckStep


@dataclass(frozen=True, slots=True)
class Job:
    """The bundle to check with, and the folder its engines are compiled into."""

    bundle: Path
    engines: Path


@dataclass(frozen=True, slots=True)
class Found:
    """What a check that is ok found, in words and figures."""

    text: str
    figures: dict[str, Any] = field(default_factory=dict)


class NotHere(Exception):  # noqa: N818
    """This machine or bundle has not got what a check is about; that is no failure."""


def precision_of(step: CheckStep) -> Precision:
    """The precision a step is tried with."""
    return cast("Precision", step.precision)
