"""A calibration as a picture: how often each level comes, and how well the tail fits the peaks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from vad_edge.bundle.levels import AlarmLevels
from vad_edge.calibration.levels import CONFIDENCE, LevelFit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS: Final = {"watch": "#d9a400", "warning": "#e0762f", "alarm": "#c93a2b"}


def plot_levels(fit: LevelFit, levels: AlarmLevels, path: Path) -> None:
    """Draw announcements an hour over the level, and the incidents' peaks over what the tail expects."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    _draw_rates(left, fit, levels)
    _draw_peaks(right, fit)
    figure.savefig(path, dpi=120)


def _draw_rates(axes: Axes, fit: LevelFit, levels: AlarmLevels) -> None:
    counted = fit.counted_rates > 0
    axes.step(
        fit.counted_levels[counted], fit.counted_rates[counted], "k-", where="post", lw=1, label="counted"
    )
    axes.plot(fit.likely, fit.rates_per_hour, color="#4878a8", label="fitted")
    axes.plot(
        fit.upper, fit.rates_per_hour, "--", color="#4878a8", label=f"upper bound ({CONFIDENCE:.0%}), used"
    )
    for name, colour in _COLOURS.items():
        value = getattr(levels, name)
        axes.axvline(value, color=colour, lw=1, label=f"{name} {value:.2f}")
    axes.axhspan(
        fit.rates_per_hour[-1], fit.backed_per_hour, color="0.9", lw=0, label="the footage cannot say"
    )
    axes.set(
        yscale="log",
        xlabel="risk",
        ylabel="announcements an hour",
        ylim=(fit.rates_per_hour[-1], 2.0 * fit.rates_per_hour[0]),
        title=f"{fit.armed_s / 3600.0:.2f} h of normal life, kept: {levels.kept}",
    )
    axes.legend(fontsize=8)


def _draw_peaks(axes: Axes, fit: LevelFit) -> None:
    if fit.tail is None:
        axes.text(0.5, 0.5, "too few incidents for a tail", ha="center", va="center")
        axes.set_axis_off()
        return
    peaks = np.sort(fit.peaks)
    chances = 1.0 - (np.arange(len(peaks)) + 0.5) / len(peaks)
    expected = fit.threshold + fit.tail.excess(chances)
    ends = [fit.threshold, max(float(peaks[-1]), float(expected[-1]))]
    axes.plot(ends, ends, color="0.6", lw=1)
    axes.plot(expected, peaks, "k.", ms=4)
    chance = f"{fit.fit_chance:.2f}" if fit.fit_chance is not None else "-"
    axes.set(
        xlabel="peak the tail expects",
        ylabel="peak found",
        title=f"{len(peaks)} incidents, shape {fit.tail.shape:.2f}, fit {chance}",
    )
