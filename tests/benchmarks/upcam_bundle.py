"""Makes the bundle of the indoor camera that docs/results.md measures: `make upcam-bundle FOOTAGE=...`.

It is made and not shipped, since the weights of a camera's bundle hold small pictures of its scene, and this
one is a room in a home. FOOTAGE is UPCAM's folder: `normal/DD/DD-HH.mp4`, and the labelled hour,
`labelled/00.mp4` with `00.csv`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from vad_edge.clock import MediaClock
from vad_edge.video.frame import Frame
from vad_edge.video.source import open_source
from vad_edge.video.writer import VideoWriter

ROOT = Path(__file__).parents[2]
FOOTAGE = ROOT.parent / "shared" / "data" / "upcam"
FOLDER = ROOT / "out" / "upcam"
BUNDLE = FOLDER / "upcam.vadb"
FPS = 5
CLIP_FRAMES = 30 * FPS
CLIPS_AN_HOUR = 12
LICENSE = "MIT: trained on UPCAM, footage (c) 2021 Fabian Sebastian Hofmann"


def hours(footage: Path) -> list[Path]:
    """The odd hours of the first day; the even ones calibrate and count."""
    return sorted((footage / "normal" / "00").glob("00-*.mp4"))[1::2]


def frames_of(clip: Path) -> Iterator[Frame]:
    """All frames of a recording, in order."""
    source = open_source(str(clip), MediaClock())
    while (frame := source.read()) is not None:
        yield frame
    source.close()


def write_training(hour: Path, folder: Path) -> None:
    """Half a minute from the beginning of every five, lossless."""
    frames = frames_of(hour)
    apart = 3600 // CLIPS_AN_HOUR * FPS
    for number in range(CLIPS_AN_HOUR):
        images = [frame.image for frame in islice(frames, apart)][:CLIP_FRAMES]
        height, width = images[0].shape[:2]
        with VideoWriter(folder / f"{hour.stem}-{number:02}.mkv", FPS, (width, height)) as writer:
            for image in images:
                writer.write(image)
    frames.close()  # type: ignore[attr-defined]


def write_data(footage: Path, data: Path) -> None:
    """The footage as a dataset: clips of odd hours to train on, the labelled hour to judge by."""
    for hour in hours(footage):
        write_training(hour, data / "training")
    (data / "testing").mkdir(parents=True, exist_ok=True)
    testing = data / "testing" / "00.mp4"
    if not testing.exists():
        testing.symlink_to((footage / "labelled" / "00.mp4").resolve())
    labels = (footage / "labelled" / "00.csv").read_text().split()
    rows = [f"00,{number},{label}" for number, label in enumerate(labels)]
    (data / "labels.csv").write_text("\n".join(["clip,frame0,abnormal", *rows]) + "\n")
    (data / "dataset.toml").write_text(f'name = "upcam"\nfps = {FPS}\n')


def make(footage: Path, bundle: Path) -> None:
    """Write the clips and run the four commands beside `bundle`."""
    folder = bundle.parent
    data, checkpoint = folder / "data", folder / "train" / "best.ckpt"
    full, quantized = folder / "full.vadb", folder / "q.vadb"
    named = ["--name", "upcam", "--license", LICENSE]
    write_data(footage, data)
    for command in (
        ["train", "--data", data, "--output", folder / "train"],
        ["export", "--checkpoint", checkpoint, "--data", data, "--output", full, *named],
        ["quantize", "--bundle", full, "--data", data, "--output", quantized],
        ["parity", "--bundle", quantized, "--data", data, "--checkpoint", checkpoint, "--output", bundle],
    ):
        subprocess.run([sys.executable, "-m", "vad_edge", *command], check=True)


def main() -> None:
    """Make the bundle from the footage that the environment names."""
    footage = Path(os.environ.get("FOOTAGE") or FOOTAGE)
    if not hours(footage):
        sys.exit(f"no footage of UPCAM in {footage}: set FOOTAGE to the folder with normal/ and labelled/")
    make(footage, BUNDLE)
    sys.stdout.write(f"{BUNDLE}\n")


if __name__ == "__main__":
    main()
