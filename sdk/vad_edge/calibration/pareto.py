"""The generalised Pareto distribution of what lies above a threshold: fit, chance, check of the fit."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

MAX_SHAPE: Final = 1.0
MIN_PEAKS: Final = 10
"""Fewer peaks say nothing about a tail."""

SURPRISE_SCALE: Final = 1.0 / math.log(10.0)
"""Of a surprise as it should be: -log10 of a chance is exceeded by one a tenth as often."""

_SMALLEST_SCALE: Final = 1e-9
_LOG_RATIO: Final = (-14.0, 8.0)
"""Where the shape's ratio to the scale is looked for, as a logarithm, in units of one over the mean."""


@dataclass(frozen=True, slots=True)
class Pareto:
    """P(X > x) = (1 + shape x / scale) ** (-1 / shape), X an excess over a threshold; exponential at 0.

    The shape lies in [0, `MAX_SHAPE`]: hours of footage that seem to prove a largest possible score would
    make the first score beyond it infinitely rare.
    """

    shape: float
    scale: float

    def chance(self, excess: ArrayLike) -> NDArray[np.float64]:
        """P(X > excess), elementwise; 1 below 0."""
        x = np.maximum(np.asarray(excess, np.float64), 0.0) / self.scale
        if self.shape == 0.0:
            return np.asarray(np.exp(-x))
        return np.asarray(np.exp(-np.log1p(self.shape * x) / self.shape))

    def excess(self, chance: ArrayLike) -> NDArray[np.float64]:
        """The excess that is exceeded with this chance, in (0, 1]."""
        rarity = -np.log(np.asarray(chance, np.float64))
        if self.shape == 0.0:
            return np.asarray(self.scale * rarity)
        return np.asarray(self.scale * np.expm1(self.shape * rarity) / self.shape)


def fit_surprises(excesses: ArrayLike) -> Pareto:
    """The exponential tail of `excesses` of a risk, (N,), positive, N >= 1.

    The scale is its posterior mean under the inverse gamma distribution, conjugate to it, whose mean is
    `SURPRISE_SCALE` and which weighs as much as `MIN_PEAKS` peaks: the few highest of a calm week are not
    proof that nothing higher comes.
    """
    values = np.asarray(excesses, np.float64)
    return Pareto(0.0, float((values.sum() + MIN_PEAKS * SURPRISE_SCALE) / (len(values) + MIN_PEAKS)))


def fit_pareto(excesses: ArrayLike) -> Pareto:
    """The most likely distribution of `excesses`, (N,), positive, N >= 1. Needs scipy."""
    from scipy.optimize import minimize_scalar

    values = np.asarray(excesses, np.float64)
    mean = max(float(values.mean()), _SMALLEST_SCALE)
    scaled = values / mean

    def cost(log_ratio: float) -> float:
        return _cost(scaled, float(np.exp(log_ratio)))

    found = minimize_scalar(cost, bounds=_LOG_RATIO, method="bounded", options={"xatol": 1e-3})
    if found.fun >= 1.0:  # the exponential distribution's cost, its mean being 1
        return Pareto(0.0, mean)
    ratio = float(np.exp(found.x))
    shape = float(np.log1p(ratio * scaled).mean())
    if shape > MAX_SHAPE:
        return Pareto(MAX_SHAPE, mean * _scale_at(scaled, MAX_SHAPE))
    return Pareto(shape, mean * shape / ratio)


def _cost(scaled: NDArray[np.float64], ratio: float) -> float:
    """Minus the mean log-likelihood at the best shape for a ratio of shape to scale (Grimshaw 1993)."""
    shape = float(np.log1p(ratio * scaled).mean())
    return float(np.log(shape / ratio) + shape + 1.0)


def _scale_at(scaled: NDArray[np.float64], shape: float) -> float:
    """The most likely scale where the shape is given."""
    from scipy.optimize import minimize_scalar

    def cost(log_scale: float) -> float:
        return float(log_scale + (1.0 + 1.0 / shape) * np.log1p(shape * scaled / np.exp(log_scale)).mean())

    return float(np.exp(minimize_scalar(cost, bounds=(-12.0, 4.0), method="bounded").x))


def goodness_of_fit(
    excesses: ArrayLike,
    fitted: Pareto,
    random: np.random.Generator,
    *,
    fit: Callable[[ArrayLike], Pareto] = fit_pareto,
    draws: int = 200,
) -> float:
    """The chance that samples of `fitted` fit their own best distribution as badly as `excesses` do.

    fit is what it was fitted by. The distance is Anderson and Darling's, which looks at the tail; its
    distribution is drawn, because the parameters were fitted to the same values. A small one (below 0.05,
    say) means a fit not to be believed.
    """
    values = np.asarray(excesses, np.float64)
    observed = _distance(values, fitted)
    drawn = np.empty(draws)
    for number in range(draws):
        sample = fitted.excess(1.0 - random.random(len(values)))
        drawn[number] = _distance(sample, fit(sample))
    return float((1 + np.count_nonzero(drawn >= observed)) / (draws + 1))


def _distance(values: NDArray[np.float64], fitted: Pareto) -> float:
    """Anderson and Darling's distance between `values` and `fitted`."""
    count = len(values)
    above = np.clip(fitted.chance(np.sort(values)), 1e-300, 1.0 - 1e-12)
    weights = 2.0 * np.arange(1, count + 1) - 1.0
    return float(-count - np.mean(weights * (np.log1p(-above) + np.log(above[::-1]))))
