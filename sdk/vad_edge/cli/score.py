"""`vad-edge score`."""

from __future__ import annotations

import csv
import json
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vad_edge.cli.types import DURATION, ENGINE, PRECISION

if TYPE_CHECKING:
    from vad_edge import Frame
    from vad_edge.bundle.manifest import Precision


@click.command(name="score")
@click.argument("source")
@click.option("--bundle", required=True, type=click.Path(path_type=Path), help="The model, NAME.vadb.")
@click.option("--calibration", type=click.Path(path_type=Path), help="The camera's pack, NAME.vadc.")
@click.option("--duration", type=DURATION, help="Stop after 30s, 5m, 2h ... of the source.")
@click.option("--fps", type=click.FloatRange(1, 240), help="Frame rate of image folders.")
@click.option("--engine", type=ENGINE, default="auto", show_default=True, help="Inference backend.")
@click.option("--precision", type=PRECISION, help="The fastest the bundle has by default.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line instead of CSV.")
def command(
    source: str,
    bundle: Path,
    calibration: Path | None,
    duration: float | None,
    fps: float | None,
    engine: str,
    precision: Precision | None,
    as_json: bool,
) -> None:
    """Score each frame of SOURCE, without a store, events or a broker.

    Prints a line for each frame: its number and time, the raw score of each cue, the surprise, the risk and
    the level. Empty where there is none: while the model warms up, and for pictures it cannot judge.

    \b
    vad-edge score clip.mkv --bundle my.vadb >scores.csv
    vad-edge score rtsp://camera/stream --bundle my.vadb --calibration door.vadc --duration 1m --json
    """
    from vad_edge import load_bundle, score
    from vad_edge.report.scores import score_columns, score_row

    model = load_bundle(bundle)
    cues = model.manifest.cues
    frames = score(source, bundle=model, calibration=calibration, engine=engine, precision=precision, fps=fps)
    table = csv.writer(sys.stdout, lineterminator="\n")
    with closing(frames):
        for number, frame in enumerate(frames):
            if number == 0:
                first_s = frame.time_s
                if not as_json:
                    table.writerow(score_columns(cues))
            if duration is not None and frame.time_s - first_s >= duration:
                break
            if as_json:
                click.echo(json.dumps(_values(frame)))
            else:
                table.writerow(score_row(frame, cues))


def _values(frame: Frame) -> dict[str, object]:
    return {
        "frame": frame.index,
        "time_s": frame.time_s,
        "scores": None if frame.scores is None else dict(frame.scores),
        "surprise": frame.surprise,
        "risk": frame.risk,
        "level": str(frame.level),
        "invalid": frame.invalid,
    }
