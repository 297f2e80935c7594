"""A whole synthetic dataset as a clip folder: clips, labels, masks, sensors, site file."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vad_edge.sensors.recording import write_recording
from vad_edge.video.writer import VideoWriter
from vad_edge_training.datasets.scene.render import render
from vad_edge_training.datasets.scene.sensors import SITE_TOML, record_sensors
from vad_edge_training.datasets.scene.story import KINDS, SHORTEST_S, Kind, Story, tell_story

SUFFIX = ".mp4"
"""Compressed like the stream of an IP camera."""
SEEN_PIXELS = 8
LABEL_COLUMNS = ("clip", "frame0", "abnormal")
EVENT_COLUMNS = ("clip", "kind", "first_s", "last_s", "lead_s")
INCIDENT_EVERY_S = 18.0

DATASET_TOML = """\
name = "scene"
synthetic = true
fps = {fps:g}
seed = {seed}
"""


@dataclass(frozen=True, slots=True)
class ClipPlan:
    """One clip to render."""

    part: str
    number: int
    incidents: tuple[Kind, ...]
    seed: int

    @property
    def name(self) -> str:
        """The clip's file name without its suffix."""
        return f"{self.number:02d}"


@dataclass(frozen=True, slots=True)
class SeenIncident:
    """An incident as the picture shows it; lead_s is how long before a sensor noticed, 0 if none did."""

    kind: Kind
    first_s: float
    last_s: float
    lead_s: float


def plan_clips(training: int, testing: int, clip_s: float, seed: int) -> list[ClipPlan]:
    """Normal clips to train on, and testing clips that go round all kinds of incident."""
    each = max(min(int((clip_s - SHORTEST_S) / INCIDENT_EVERY_S), len(KINDS)), 1)
    plans = [ClipPlan("training", number, (), 10_000 * seed + number) for number in range(1, training + 1)]
    for number in range(1, testing + 1):
        first = (number - 1) * each
        kinds = tuple(KINDS[(first + place) % len(KINDS)] for place in range(each))
        plans.append(ClipPlan("testing", number, kinds, 10_000 * seed + 5_000 + number))
    return plans


def render_dataset(
    output: Path,
    *,
    training_clips: int = 12,
    testing_clips: int = 8,
    clip_s: float = 60.0,
    height: int = 192,
    width: int = 320,
    fps: float = 10.0,
    seed: int = 7,
    on_progress: Callable[[int, int], None] | None = None,
) -> None:
    """Render into `output`: ``training/NN.mp4``, ``testing/NN.mp4`` and what belongs to them.

    ``labels.csv`` has clip, frame0 and abnormal; ``events.csv`` one row for each incident that is seen, with
    how long before a sensor noticed; ``masks/NN.npz`` packed masks, (T, H, W) with their ``width``;
    ``sensors/PART/NN.jsonl`` recordings for `vad-edge sensors replay`; ``site.toml`` declares the sensors.
    Clips that are there are kept. All clips show the same place; the same arguments render the same pictures.
    """
    plans = plan_clips(training_clips, testing_clips, clip_s, seed)
    for folder in ("training", "testing", "masks", "sensors/training", "sensors/testing"):
        (output / folder).mkdir(parents=True, exist_ok=True)
    for done, plan in enumerate(plans):
        if on_progress is not None:
            on_progress(done, len(plans))
        story = tell_story(clip_s, plan.seed, plan.incidents)
        recording = output / "sensors" / plan.part / f"{plan.name}.jsonl"
        write_recording(recording, record_sensors(story, plan.seed))
        clip = output / plan.part / f"{plan.name}{SUFFIX}"
        if clip.exists():
            continue
        unfinished = output / f"unfinished{SUFFIX}"
        frames = render(story, height=height, width=width, fps=fps, seed=plan.seed, ground_seed=seed)
        masks = write_clip(unfinished, frames, fps=fps, size=(width, height))
        if plan.part == "testing":
            packed = np.packbits(masks, axis=-1)
            np.savez_compressed(_mask_path(output, plan), masks=packed, width=width)
        unfinished.rename(clip)
    tests = [plan for plan in plans if plan.part == "testing"]
    _write_rows(output / "labels.csv", LABEL_COLUMNS, _label_rows(output, tests))
    _write_rows(output / "events.csv", EVENT_COLUMNS, _event_rows(output, tests, clip_s, fps))
    (output / "dataset.toml").write_text(DATASET_TOML.format(fps=fps, seed=seed), encoding="utf-8")
    (output / "site.toml").write_text(SITE_TOML, encoding="utf-8")
    if on_progress is not None:
        on_progress(len(plans), len(plans))


def render_story(
    output: Path,
    incidents: Sequence[Kind],
    *,
    clip_s: float = 60.0,
    height: int = 192,
    width: int = 320,
    fps: float = 10.0,
    seed: int = 1,
    ground_seed: int = 7,
) -> None:
    """Render one clip with these incidents into `output`.

    Leaves ``clip.mp4``, ``labels.csv``, ``events.csv``, ``sensors.jsonl`` and ``site.toml``, as
    `render_dataset` does. ground_seed is the seed of the dataset whose place it shows. Raises ValueError
    where the incidents do not fit into the length.
    """
    story = tell_story(clip_s, seed, incidents)
    output.mkdir(parents=True, exist_ok=True)
    frames = render(story, height=height, width=width, fps=fps, seed=seed, ground_seed=ground_seed)
    masks = write_clip(output / f"clip{SUFFIX}", frames, fps=fps, size=(width, height))
    abnormal = abnormal_frames(masks)
    labels = (("clip", frame, int(flag)) for frame, flag in enumerate(abnormal))
    _write_rows(output / "labels.csv", LABEL_COLUMNS, labels)
    events = (("clip", *_event_row(seen)) for seen in seen_incidents(story, abnormal, fps))
    _write_rows(output / "events.csv", EVENT_COLUMNS, events)
    write_recording(output / "sensors.jsonl", record_sensors(story, seed))
    (output / "site.toml").write_text(SITE_TOML, encoding="utf-8")


def write_clip(
    path: Path,
    frames: Iterable[tuple[NDArray[np.uint8], NDArray[np.bool_]]],
    *,
    fps: float,
    size: tuple[int, int],
) -> NDArray[np.bool_]:
    """Write rendered frames, (width, height) large, as a video; returns their masks, (T, H, W)."""
    masks = []
    with VideoWriter(path, fps, size) as writer:
        for image, mask in frames:
            writer.write(image)
            masks.append(mask)
    return np.stack(masks)


def abnormal_frames(masks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which frames show enough of an anomaly to be called abnormal, (T,)."""
    return np.asarray(masks.sum(axis=(1, 2)) >= SEEN_PIXELS)


def read_masks(path: Path) -> NDArray[np.bool_]:
    """The masks of one clip, (T, H, W)."""
    with np.load(path) as stored:
        return np.unpackbits(stored["masks"], axis=-1)[..., : int(stored["width"])].astype(np.bool_)


def seen_incidents(story: Story, abnormal: NDArray[np.bool_], fps: float) -> list[SeenIncident]:
    """When each incident of a story is seen, given its abnormal frames, (T,)."""
    seen = []
    for incident in story.incidents:
        begin, end = int(incident.first_s * fps), int(incident.last_s * fps) + 1
        frames = np.flatnonzero(abnormal[begin:end]) + begin
        if len(frames):
            first_s, last_s = float(frames[0] / fps), float(frames[-1] / fps)
            noticed_s = incident.first_s - incident.lead_s
            lead_s = first_s - noticed_s if incident.lead_s > 0 else 0.0
            seen.append(SeenIncident(incident.kind, first_s, last_s, lead_s))
    return seen


def _label_rows(output: Path, plans: Sequence[ClipPlan]) -> Iterator[tuple[Any, ...]]:
    for plan in plans:
        for frame, abnormal in enumerate(abnormal_frames(read_masks(_mask_path(output, plan)))):
            yield plan.name, frame, int(abnormal)


def _event_rows(
    output: Path, plans: Sequence[ClipPlan], clip_s: float, fps: float
) -> Iterator[tuple[Any, ...]]:
    for plan in plans:
        story = tell_story(clip_s, plan.seed, plan.incidents)
        abnormal = abnormal_frames(read_masks(_mask_path(output, plan)))
        for seen in seen_incidents(story, abnormal, fps):
            yield plan.name, *_event_row(seen)


def _event_row(seen: SeenIncident) -> tuple[str, ...]:
    return seen.kind, f"{seen.first_s:.1f}", f"{seen.last_s:.1f}", f"{seen.lead_s:.1f}"


def _mask_path(output: Path, plan: ClipPlan) -> Path:
    return output / "masks" / f"{plan.name}.npz"


def _write_rows(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        writer.writerows(rows)
