"""Measures a run several times and prints the median: `make bench [BUNDLE=... CLIP=...]`."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
from rich.console import Console
from rich.table import Table

import vad_edge.demo

ROOT = Path(__file__).parents[2]
DEMO = Path(vad_edge.demo.__file__).parent
RUNS = 5
LARGER = ((640, 360), (1920, 1080))


def cases(scratch: Path) -> Iterator[tuple[str, Path, Path]]:
    if os.environ.get("BUNDLE") and os.environ.get("CLIP"):
        yield "yours", Path(os.environ["BUNDLE"]), Path(os.environ["CLIP"])
        return
    yield "synthetic, 144x240", DEMO / "scene.vadb", DEMO / "clip.mp4"
    for width, height in LARGER:
        larger = scratch / f"{width}.mp4"
        enlarge(DEMO / "clip.mp4", width, height, larger)
        yield f"the same from {width}x{height}", DEMO / "scene.vadb", larger
    footage = ROOT.parent / "shared" / "data" / "ped2" / "testing" / "04.mkv"
    if footage.exists():
        yield "Ped2 04, 240x360", ROOT / "examples" / "bundles" / "ped2.vadb", footage


def enlarge(clip: Path, width: int, height: int, output: Path) -> None:
    """The clip at another size, MPEG-4 part 2, which is what OpenCV's wheel can write."""
    opened = cv2.VideoCapture(str(clip))
    fps = opened.get(cv2.CAP_PROP_FPS)
    writer = cv2.VideoWriter(str(output), cv2.VideoWriter.fourcc(*"mp4v"), fps, (width, height))
    while (read := opened.read())[0]:
        writer.write(cv2.resize(read[1], (width, height)))
    writer.release()


def measure(bundle: Path, clip: Path) -> dict[str, float]:
    """The medians over `RUNS` runs. Decode has a thread of its own, beside the others."""
    found = [figures(one_run(bundle, clip)) for _ in range(RUNS)]
    return {name: statistics.median(run[name] for run in found) for name in found[0]}


def one_run(bundle: Path, clip: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.benchmarks.one_run", str(bundle), str(clip)]
    output = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    summary: dict[str, Any] = json.loads(output.splitlines()[-1])
    return summary


def figures(run: dict[str, Any]) -> dict[str, float]:
    seconds, frames = run["seconds"], run["frames"]
    busy_s = run["wall_s"] - seconds["wait"]
    outside_s = busy_s - seconds["engine"] - seconds["resize"]
    return {
        "frames a second": frames / run["wall_s"],
        "latency p50, ms": run["latency_ms"]["p50"],
        "latency p99, ms": run["latency_ms"]["p99"],
        "engine, ms a frame": 1000 * seconds["engine"] / frames,
        "decode, ms a frame": 1000 * seconds["decode"] / frames,
        "resize, ms a frame": 1000 * seconds["resize"] / frames,
        "all else, ms a frame": 1000 * outside_s / frames,
        "all else, % of engine + all else": 100 * outside_s / busy_s,
        "peak RSS, MB": run["peak_rss_mb"],
        "start to first score, s": run["process_to_first_score_s"],
    }


def main() -> None:
    table = Table(f"median of {RUNS} runs", box=None)
    columns = []
    with TemporaryDirectory() as scratch:
        for name, bundle, clip in cases(Path(scratch)):
            table.add_column(name, justify="right")
            columns.append(measure(bundle, clip))
    for name in columns[0]:
        table.add_row(name, *(f"{column[name]:.2f}" for column in columns))
    console = Console()
    console.print(f"{date.today()}, {platform.machine()}, {os.cpu_count()} cores, no output video")
    console.print(table)


if __name__ == "__main__":
    main()
