"""The folder a run leaves behind."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vad_edge.bundle.archive import Bundle
from vad_edge.config.site import PolicyConfig, SiteConfig
from vad_edge.report.annotated import STILL, VIDEO, AnnotatedVideo
from vad_edge.report.earlier import set_aside
from vad_edge.report.events_log import EventsFile
from vad_edge.report.moment import RunObserver
from vad_edge.report.scores import SCORES, ScoresCsv, per_camera
from vad_edge.report.timeline import TIMELINE, Timeline

SUMMARY = "summary.json"
_OF_EACH_CAMERA = (SCORES, VIDEO, STILL, TIMELINE)


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

    Events go on where an earlier run ended. Frames and their times are counted anew by every run, so all else
    of an earlier one is set aside, within the site's limits for evidence. fps is the rate of the annotated
    video, title is written on the pictures, truth is as for `Timeline`. Raises OSError.
    """
    cameras = [camera.name for camera in site.camera]
    names = [per_camera(name, camera, cameras) for camera in cameras for name in _OF_EACH_CAMERA]
    limits = site.evidence
    set_aside(folder, [*names, SUMMARY], max_bytes=limits.max_mb << 20, floor_bytes=limits.free_mb << 20)
    policies: dict[str, PolicyConfig] = {camera.name: camera.policy for camera in site.camera}
    return [
        EventsFile(folder / "events.jsonl"),
        ScoresCsv(folder, cameras, bundle.manifest.cues),
        AnnotatedVideo(folder, cameras, fps, note=title),
        Timeline(folder, policies, title=title, truth=truth),
    ]
