"""The folder a run leaves behind."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vad_edge.bundle.archive import Bundle
from vad_edge.config.site import PolicyConfig, SiteConfig
from vad_edge.report.annotated import AnnotatedVideo
from vad_edge.report.events_log import EventsFile
from vad_edge.report.moment import RunObserver
from vad_edge.report.scores import ScoresCsv
from vad_edge.report.timeline import Timeline


def output_observers(
    folder: Path,
    site: SiteConfig,
    bundle: Bundle,
    *,
    fps: float,
    title: str = "",
    truth: Sequence[tuple[float, float, str]] = (),
) -> list[RunObserver]:
    """Whoever writes events.jsonl, scores.csv, annotated.mp4 and timeline.png into `folder`.

    fps is the rate of the annotated video, title is written on the pictures, truth is as for `Timeline`.
    """
    cameras = [camera.name for camera in site.camera]
    policies: dict[str, PolicyConfig] = {camera.name: camera.policy for camera in site.camera}
    return [
        EventsFile(folder / "events.jsonl"),
        ScoresCsv(folder, cameras, bundle.manifest.cues),
        AnnotatedVideo(folder, cameras, fps, note=title),
        Timeline(folder, policies, title=title, truth=truth),
    ]
