"""`vad-edge simulate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vad_edge.cli.types import ALARM_BUDGET

if TYPE_CHECKING:
    from vad_edge.budget import AlarmBudget


@click.command(name="simulate")
@click.option(
    "--hours",
    type=click.FloatRange(min=1.0, max=1e6),
    default=1000.0,
    show_default=True,
    help="Hours of normal life to count alarms in.",
)
@click.option(
    "--alarm-budget", type=ALARM_BUDGET, default="1/day", show_default=True, help="1/week, 2/day, 1/hour."
)
@click.option(
    "--recorded-scores",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Instead of the shipped room: what `calibrate --recorded-scores` wrote of your camera and sensors.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed gives the same scores.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def command(
    hours: float, alarm_budget: AlarmBudget, recorded_scores: Path | None, seed: int, as_json: bool
) -> None:
    """Check an alarm budget against more normal life than anyone can record.

    Real scores of one room, by day and by night, are resampled in pieces of ten minutes: half of them teach
    the levels, the other half are counted on. This shows that the statistics hold on scores like those they
    learned from; it does not show that your camera's scores stay as they are. With --recorded-scores the
    scores are those of your camera, four hours or more, with what its sensors said meanwhile.

    \b
    vad-edge simulate --hours 10000 --alarm-budget 1/week --seed 1
    vad-edge simulate --hours 10000 --alarm-budget 1/week --recorded-scores door-scores.npz
    """
    from vad_edge.calibration.recorded_scores import read_recorded_scores, shipped_scores
    from vad_edge.calibration.simulate import simulate
    from vad_edge.cli.output import progress_bars

    with progress_bars() as report:
        found = simulate(
            shipped_scores() if recorded_scores is None else read_recorded_scores(recorded_scores),
            hours,
            alarm_budget,
            seed,
            on_progress=lambda done, total: report("simulating", done, total),
        )
    values = found.to_json()
    if as_json:
        click.echo(json.dumps(values))
        return
    lower, upper = values["interval"]
    click.echo(
        f"{found.false_alarms} false alarms in {hours:g} h, {alarm_budget} allows {found.expected:.1f}"
    )
    click.echo(
        f"  95 % interval {lower:.1f} to {upper:.1f}, at most {values['upper_per_budget']:.2f} budgets"
    )
    click.echo(f"  {found.about}")
