"""Whether a long run grows, the demo clip over and over: `make bench-endurance FRAMES=100000 BUNDLE=...`."""

from __future__ import annotations

import os
import time
from datetime import date
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import psutil
from rich.console import Console
from rich.table import Table

import vad_edge.demo
from vad_edge.bundle.archive import read_bundle
from vad_edge.config.site import CameraConfig, SiteConfig
from vad_edge.events.event import Event
from vad_edge.report.observer import FrameResult, Observer
from vad_edge.runtime.loop import run
from vad_edge.runtime.settings import RunSettings

DEMO = Path(vad_edge.demo.__file__).parent
SAMPLES = 10


class MemoryLog(Observer):
    """Notes this process's resident memory every so many frames."""

    def __init__(self, every: int) -> None:
        self._every = every
        self._process = psutil.Process()
        self.frames = 0
        self.events = 0
        self.rss_mb: list[tuple[int, float]] = []

    def on_frame(self, result: FrameResult) -> None:
        self.frames += 1
        if self.frames % self._every == 0:
            self.rss_mb.append((self.frames, self._process.memory_info().rss / 1e6))

    def on_event(self, event: Event) -> None:
        self.events += 1


def write_loop(clip: Path, frames: int, output: Path) -> None:
    """A recording of `frames` frames that repeats a clip."""
    opened = cv2.VideoCapture(str(clip))
    images = []
    while (read := opened.read())[0]:
        images.append(read[1])
    height, width = images[0].shape[:2]
    writer = cv2.VideoWriter(
        str(output), cv2.VideoWriter.fourcc(*"mp4v"), opened.get(cv2.CAP_PROP_FPS), (width, height)
    )
    for image in islice(cycle(images), frames):
        writer.write(image)
    writer.release()


def main() -> None:
    frames = int(os.environ.get("FRAMES", "100000"))
    bundle = Path(os.environ.get("BUNDLE", DEMO / "scene.vadb"))
    log = MemoryLog(max(frames // SAMPLES, 1))
    with TemporaryDirectory() as folder:
        loop = Path(folder) / "loop.mp4"
        write_loop(DEMO / "clip.mp4", frames, loop)
        site = SiteConfig(camera=(CameraConfig(name="bench", source=str(loop)),))
        began = time.perf_counter()
        run(RunSettings(site, read_bundle(bundle), output=Path(folder)), [log])
        took_s = time.perf_counter() - began
    table = Table("frames", "resident memory, MB", box=None)
    for done, rss in log.rss_mb:
        table.add_row(f"{done:,}", f"{rss:.1f}")
    console = Console()
    console.print(table)
    console.print(f"{date.today()}: {log.frames:,} frames in {took_s:.0f} s, {log.events} events stored")


if __name__ == "__main__":
    main()
