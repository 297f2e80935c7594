"""How far what an engine gave is from what the reference gave, and whether that is near enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vad_edge.bundle.manifest import Precision
from vad_edge.common.verdict import Verdict

Array = NDArray[Any]

LEAST_CORRELATION: Final[Mapping[Precision, float]] = {"fp32": 0.9999, "fp16": 0.999, "int8": 0.99}
MOST_ERROR: Final[Mapping[Precision, float]] = {"fp32": 0.001, "fp16": 0.01, "int8": 0.1}


@dataclass(frozen=True, slots=True)
class Trace:
    """What a run left: scores (steps, B, K), the last error map (B, h, w), and the states at its end."""

    scores: Array
    error_map: Array
    states: Mapping[str, Array]


@dataclass(frozen=True, slots=True)
class TraceComparison:
    """A run beside the reference.

    score_correlation is the least of all cameras and cues, None where every one is constant; score_error
    the largest. Errors are the length of the difference in parts of the length of what is right.
    """

    score_correlation: float | None
    score_error: float
    max_abs_diff: float
    largest_score: float
    error_map_error: float
    state_error: dict[str, float]


def compare(found: Trace, right: Trace, *, skip: int = 0) -> TraceComparison:
    """Compare two runs over the same frames, without the scores of the first `skip` steps."""
    mine, wanted = found.scores[skip:], right.scores[skip:]
    columns = [(mine[:, b, k], wanted[:, b, k]) for b in range(mine.shape[1]) for k in range(mine.shape[2])]
    correlations = [value for pair in columns if (value := _correlation(*pair)) is not None]
    return TraceComparison(
        score_correlation=min(correlations, default=None),
        score_error=max((relative_error(*pair) for pair in columns), default=0.0),
        max_abs_diff=float(np.max(np.abs(mine - wanted), initial=0.0)),
        largest_score=float(np.max(np.abs(wanted), initial=0.0)),
        error_map_error=relative_error(found.error_map, right.error_map),
        state_error={name: relative_error(found.states[name], value) for name, value in right.states.items()},
    )


def near_enough(comparison: TraceComparison, precision: Precision) -> Verdict:
    """Whether an engine of this precision may differ that much from full precision."""
    least, most = LEAST_CORRELATION[precision], MOST_ERROR[precision]
    states = {f"state {name!r}": error for name, error in comparison.state_error.items()}
    errors = {"scores": comparison.score_error, "error map": comparison.error_map_error, **states}
    for name, error in errors.items():
        if not error <= most:  # what is no number is not within it either
            return Verdict(False, f"it is off by {error:.2%} in its {name}, more than {most:.1%}")
    correlation = comparison.score_correlation
    if correlation is not None and not correlation >= least:
        return Verdict(False, f"its scores correlate by {correlation:.5f} with full precision, not {least}")
    return Verdict(True)


def relative_error(found: Array, right: Array) -> float:
    """The length of the difference in parts of the length of what is right; 0 where both are nothing."""
    off = float(np.linalg.norm(np.asarray(found, np.float64) - np.asarray(right, np.float64)))
    length = float(np.linalg.norm(np.asarray(right, np.float64)))
    return off / length if length else off


def _correlation(mine: Array, wanted: Array) -> float | None:
    """None where what is right does not move; 0 where only the engine stands still."""
    x, y = np.asarray(mine, np.float64), np.asarray(wanted, np.float64)
    x, y = x - x.mean(), y - y.mean()
    if np.linalg.norm(y) <= 1e-9 * max(float(np.abs(wanted).max(initial=0.0)), 1e-30):
        return None
    return float(x @ y / np.linalg.norm(y) / length) if (length := np.linalg.norm(x)) else 0.0
