"""What people should know about a calibration, in words."""

from __future__ import annotations

from vad_edge.budget import AlarmBudget
from vad_edge.calibration.learn import Learned


def notes_of(learned: Learned) -> list[str]:
    """What the fit rests on, what it keeps, and what was left out."""
    levels, fit = learned.levels, learned.fit
    notes = []
    share = AlarmBudget.parse(levels.asked).share(levels.cameras)
    if levels.needed_s > levels.armed_s:
        more = _length(levels.needed_s - levels.armed_s)
        notes.append(
            f"{_length(levels.armed_s)} of footage cannot show what {share} means; the camera keeps"
            f" {levels.kept} until it is calibrated on {more} more"
        )
    notes += lesser_budgets(learned)
    if fit.tail is None:
        notes.append("there are too few incidents for a tail: levels are counted, nothing is extrapolated")
    elif (fit.fit_chance or 0.0) < 0.05:
        notes.append(
            f"the tail does not fit the footage's incidents (chance {fit.fit_chance:.3f}): levels are"
            " counted, nothing is extrapolated"
        )
    if learned.exemplars:
        count, highest = len(learned.exemplars), max(learned.exemplars)
        told = f"{count} incidents that were called false count as normal life, up to a risk of {highest:.2f}"
        notes.append(
            told if count > 1 else f"an incident of risk {highest:.2f}, called false, counts as normal"
        )
    notes += [f"looks abnormal and was left out: {suspect}" for suspect in learned.suspects]
    return notes


def lesser_budgets(learned: Learned) -> list[str]:
    """What the camera keeps while sensors are missing, where that is less than with all of them."""
    whole = AlarmBudget.parse(learned.levels.kept).per_hour
    lesser: dict[str, list[str]] = {}
    for name, levels in learned.partial.items():
        if AlarmBudget.parse(levels.kept).per_hour > whole * (1.0 + 1e-9):
            lesser.setdefault(levels.kept, []).append(name or "several sensors")
    return [f"without {' or '.join(names)} the camera keeps {kept}" for kept, names in lesser.items()]


def _length(seconds: float) -> str:
    for unit, size in (("days", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2.0 * size or unit == "min":
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"
