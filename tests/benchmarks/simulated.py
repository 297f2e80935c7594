"""An alarm budget on the risk of camera and sensors together, over simulated hours: `make bench-simulated`.

Resamples some hours of the synthetic building, in which sensors and camera speak in the same moments. Nothing
here is real. HOURS=12 is quick.
"""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import date

from rich.console import Console
from tests.support.building import CUES, FPS, SENSORS, live

from vad_edge.budget import AlarmBudget
from vad_edge.calibration.recorded_scores import RecordedScores
from vad_edge.calibration.sensors import Listener
from vad_edge.calibration.simulate import simulate

HOURS = float(os.environ.get("HOURS", "48"))
SIMULATED_HOURS = 10_000.0
BUDGETS = ("1/day", "1/week")
SEEDS = (1, 2, 3, 4)


def joint_life(hours: float, seed: int) -> RecordedScores:
    """So many hours of the building, as `vad-edge calibrate --recorded-scores` would write them."""
    listener = Listener(SENSORS, "camera")
    stretches = tuple(listener.hear(live(hours, seed).clip()))
    return RecordedScores(CUES, FPS, stretches, f"a synthetic building, {hours:g} h", listener.streams)


def main() -> None:
    console = Console(width=110)
    console.print(
        f"{date.today()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}: {HOURS:g} h of a synthetic"
        f" building for each seed, {SIMULATED_HOURS:g} h simulated of it"
    )
    for seed in SEEDS:
        life = joint_life(HOURS, seed)
        deaf = replace(
            life, stretches=tuple(replace(part, heard=None) for part in life.stretches), streams=()
        )
        for what, each in (("camera and sensors", life), ("video alone", deaf)):
            for budget in map(AlarmBudget.parse, BUDGETS):
                found = simulate(each, SIMULATED_HOURS, budget, seed=1)
                console.print(
                    f"seed {seed}, {what}, {budget}: alarm at {found.alarm:.2f}, {found.false_alarms} false"
                    f" alarms, {found.expected:.1f} allowed, at most"
                    f" {found.to_json()['upper_per_budget']:.2f} budgets"
                )


if __name__ == "__main__":
    main()
