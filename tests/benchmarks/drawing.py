"""What `--output` costs a live camera of 1080p25: `make bench-drawing SECONDS=60 BUNDLE=...`."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

import vad_edge.demo

ROOT = Path(__file__).parents[2]
DEMO = Path(vad_edge.demo.__file__).parent
SECONDS = int(os.environ.get("SECONDS", "60"))
FPS = 25.0
WAYS = ("nothing", "H.264 by ffmpeg", "WebM by OpenCV")


def one_run(clip: str, way: str) -> None:
    """A run on a clip that comes as a camera's pictures do, as JSON on standard output."""
    from vad_edge.bundle.archive import read_bundle
    from vad_edge.clock import RunClock
    from vad_edge.config.site import CameraConfig, SiteConfig
    from vad_edge.report.observer import Observer
    from vad_edge.report.outputs import output_observers
    from vad_edge.runtime.loop import run
    from vad_edge.runtime.settings import RunSettings
    from vad_edge.video import film
    from vad_edge.video.frame import Frame
    from vad_edge.video.source import SourceInfo, SourceRequest

    class Camera:
        """Decodes the clip again and again, a picture each fortieth of a second."""

        info = SourceInfo("a clip as a camera", True, FPS, 1920, 1080)

        def __init__(self, request: SourceRequest) -> None:
            self._clock: RunClock = request.clock
            self._capture = cv2.VideoCapture(clip)
            self._index = -1
            self._began_s = time.monotonic()

        def read(self) -> Frame | None:
            ok, image = self._capture.read()
            if not ok:
                self._capture = cv2.VideoCapture(clip)
                ok, image = self._capture.read()
            self._index += 1
            time.sleep(max(0.0, self._began_s + self._index / FPS - time.monotonic()))
            return Frame(self._index, self._clock.now(), np.asarray(image, np.uint8))

        def close(self) -> None:
            self._capture.release()

    if way == WAYS[2]:
        film.h264_encoder = lambda: None  # type: ignore[assignment]
    site = SiteConfig(camera=(CameraConfig(name="bench", source=clip),))
    bundle = read_bundle(Path(os.environ.get("BUNDLE", DEMO / "scene.vadb")), trusted=())
    with TemporaryDirectory() as folder:
        observers: Iterable[Observer] = ()
        if way != WAYS[0]:
            observers = output_observers(Path(folder) / "out", site, bundle)
        settings = RunSettings(
            site, bundle, output=Path(folder), duration_s=SECONDS, sources={"bench": Camera}
        )
        summary = run(settings, list(observers))
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu_s = [each.ru_utime + each.ru_stime for each in used]
    print(json.dumps({**summary.to_dict(), "own_cpu_s": cpu_s[0], "encoder_cpu_s": cpu_s[1]}))  # noqa: T201


def measured(clip: Path, way: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.benchmarks.drawing", str(clip), way]
    output = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    found: dict[str, Any] = json.loads(output.splitlines()[-1])
    return found


def main() -> None:
    table = Table("written", "scored", "dropped", "p99 ms", "own CPU s", "encoder CPU s", "said", box=None)
    with TemporaryDirectory() as folder:
        clip = Path(folder) / "1080p25.mp4"
        size = ["-vf", "scale=1920:1080,fps=25", "-c:v", "libx264", "-preset", "veryfast"]
        subprocess.run(["ffmpeg", "-v", "error", "-i", str(DEMO / "clip.mp4"), *size, str(clip)], check=True)
        for way in WAYS:
            run = measured(clip, way)
            table.add_row(
                way,
                str(run["scored"]),
                str(run["dropped"]),
                f"{run['latency_ms']['p99']:.1f}",
                f"{run['own_cpu_s']:.1f}",
                f"{run['encoder_cpu_s']:.1f}",
                "; ".join([*run["remarks"], *run["problems"]]) or "-",
            )
    console = Console(width=160)
    console.print(table)
    console.print(f"{date.today()}: {SECONDS} s of 1080p at 25 frames a second, {os.cpu_count()} cores")


if __name__ == "__main__":
    one_run(*sys.argv[1:]) if len(sys.argv) > 1 else main()
