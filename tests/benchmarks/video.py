"""What a camera costs to decode, by each way that runs here, and what losses leave behind.

    make bench-video

A synthetic minute (a test picture with noise, 1080p, H.264, 4 Mbit/s) is decoded as fast as it goes, and
scaled to 240x360 as the pipeline does; processor time of this process and of ffmpeg, as a share of one core
at 25 frames a second. Then the minute is watched as a live RTSP camera by `vad-edge run`, without and with
--output; and a small RTSP server, in a process of its own, hangs up again and again.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import cv2
import numpy as np
import psutil
from tests.support.ffmpeg import Ffmpeg, RtspServer

from vad_edge.clock import LiveClock
from vad_edge.video.ffmpeg_command import decode_command, file_input
from vad_edge.video.ffmpeg_source import FFmpegSource, open_ffmpeg_file, open_ffmpeg_stream
from vad_edge.video.opencv import open_file
from vad_edge.video.reader import Reader
from vad_edge.video.source import FrameSource
from vad_edge.video.stream_options import AS_IT_COMES, StreamOptions

FPS = 25
SECONDS = 60
LOSSES = 100
BUNDLE = Path(__file__).parents[2] / "examples" / "bundles" / "ped2.vadb"


def main() -> None:
    """Print a line for each way to decode, and one for the losses."""
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "camera.mp4"
        _make(clip)
        for name, opened in _ways(clip).items():
            context = multiprocessing.get_context("fork")
            process = context.Process(target=_decode, args=(name, opened))
            process.start()
            process.join()
        _watch(clip, Path(folder), [])
        _watch(clip, Path(folder), ["--output", str(Path(folder) / "out")])
        _lose(Path(folder))


def _make(clip: Path) -> None:
    picture = f"testsrc2=size=1920x1080:rate={FPS}:duration={SECONDS},noise=alls=6:allf=t"
    coding = ["-c:v", "libx264", "-preset", "veryfast", "-b:v", "4M", "-g", "50", "-pix_fmt", "yuv420p"]
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", picture, *coding, str(clip)], check=True)


def _ways(clip: Path) -> dict[str, Callable[[], FrameSource]]:
    def live(options: StreamOptions) -> FrameSource:
        command = decode_command("ffmpeg", file_input(clip), options, pixels="yuv420p")
        return FFmpegSource(command, b"", clip.name, pixels="yuv420p")

    return {
        "a file by OpenCV": lambda: open_file(clip),
        "a file by ffmpeg, to the bit as OpenCV": lambda: open_ffmpeg_file("ffmpeg", clip, AS_IT_COMES),
        "a stream by ffmpeg": lambda: live(AS_IT_COMES),
        "a stream by ffmpeg, decode_width = 640": lambda: live(StreamOptions(width=640)),
    }


def _decode(name: str, opened: Callable[[], FrameSource]) -> None:
    small, frames = np.empty((240, 360, 3), np.uint8), 0
    with contextlib.closing(opened()) as source:
        while (frame := source.read()) is not None:
            cv2.resize(frame.image, (360, 240), dst=small)
            frames += 1
    spent = sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )
    share = spent / (frames / FPS)
    sys.stdout.write(f"{name}: {frames} frames, {spent:.1f} s of CPU, {share:.0%} of a core\n")
    sys.stdout.flush()


def _serve(clip: Path, folder: Path, pipe: Connection) -> None:
    server = RtspServer(clip, folder, "viewer", "s3cret")
    pipe.send(server.url)
    while pipe.recv() == "hang up":
        server.hang_up()
    server.close()


@contextlib.contextmanager
def _camera(clip: Path, folder: Path) -> Iterator[tuple[str, Connection]]:
    """A clip as an RTSP camera in a process of its own; its URL, and what tells it to hang up."""
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(clip, folder, theirs))
    server.start()
    yield ours.recv(), ours
    ours.send("end")
    server.join()


def _watch(clip: Path, folder: Path, options: list[str]) -> None:
    stream = folder / "camera.ts"
    copying = ["-c", "copy", "-bsf:v", "h264_mp4toannexb", str(stream)]
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", str(clip), *copying], check=True)
    with _camera(stream, folder) as (url, _):
        site = f'bundle = "{BUNDLE}"\n[[camera]]\nname = "yard"\nsource = "{url}"\n[broker]\nurl = "none"\n'
        (folder / "site.toml").write_text(site)
        command = [sys.executable, "-m", "vad_edge", "run", "--config", str(folder / "site.toml")]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        run = subprocess.run(
            [*command, "--duration", f"{SECONDS}s", *options], capture_output=True, text=True, check=False
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    figures = next((line for line in run.stderr.splitlines() if " frames in " in line), run.stderr)
    name = "a live camera, decoded, scored" + (", with --output" if options else "")
    share = f"{spent:.1f} s of CPU in {SECONDS} s, {spent / SECONDS:.0%} of a core"
    sys.stdout.write(f"{name}: {share}; {figures}\n")
    sys.stdout.flush()


def _lose(folder: Path) -> None:
    pictures = list(np.random.default_rng(1).integers(0, 255, (60, 48, 64, 3), np.uint8))
    clip, clock = Ffmpeg().encode(folder / "bars.ts", pictures), LiveClock()
    with _camera(clip, folder) as (url, camera):
        _hang_up(url, camera, clock)


def _hang_up(url: str, camera: Connection, clock: LiveClock) -> None:
    def opened() -> FFmpegSource:
        return open_ffmpeg_stream("ffmpeg", url, clock, AS_IT_COMES)

    reader = Reader("camera", opened(), "latest", reopen=opened)
    reader.start()
    began = ""
    while reader.reconnects < LOSSES:
        times, frames = reader.reconnects, reader.frames_read
        camera.send("hang up")
        while reader.reconnects == times or reader.frames_read < frames + 5:
            time.sleep(0.02)
        if reader.reconnects == 10:
            began = _held()
    sys.stdout.write(f"{reader.reconnects} losses: after ten {began}; at the end {_held()}\n")
    reader.stop()


def _held() -> str:
    process = psutil.Process()
    return (
        f"{process.memory_info().rss / 1e6:.0f} MB, {threading.active_count()} threads,"
        f" {process.num_fds()} descriptors"
    )


if __name__ == "__main__":
    main()
