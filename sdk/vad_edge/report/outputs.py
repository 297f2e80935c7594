"""The folder a run leaves behind."""

from __future__ import annotations

import logging
import math
import re
import shutil
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from vad_edge.bundle.archive import Bundle
from vad_edge.config.site import PolicyConfig, SiteConfig
from vad_edge.evidence.retention import Instant, Kept, Limits, doomed
from vad_edge.report.annotated import STILL, SUFFIXES, VIDEO, AnnotatedVideo
from vad_edge.report.events_log import EventsFile
from vad_edge.report.observer import Observer
from vad_edge.report.scores import SCORES, ScoresCsv, per_camera
from vad_edge.report.timeline import TIMELINE, Timeline

_log = logging.getLogger(__name__)

KEPT_RUNS: Final = 100
"""So many earlier runs are kept at most: a service that fails again and again must not fill its folder."""

_NUMBERED = re.compile(r"(?:scores|annotated|timeline|summary)(?:-[^.]+)?\.(\d+)\.(?:csv|mp4|webm|png|json)")
_WHENEVER = Instant(0.0, "", 0.0)


def set_aside(folder: Path, names: Iterable[str], *, max_bytes: int, floor_bytes: int) -> None:
    """Keep what an earlier run left in `folder` under `names`, so that this run can use them.

    All of one run get one number, the next that is free: ``scores.3.csv``, ``annotated.3.mp4``. Of what is
    numbered the oldest runs go until the rest fits max_bytes, however large the last one is, until
    floor_bytes of the disk are free, and until there are `KEPT_RUNS`. Raises OSError.
    """
    runs = _numbered(folder)
    left = [path for name in names if (path := folder / name).is_file()]
    if left:
        number = max(runs, default=0) + 1
        runs[number] = [path.rename(path.with_suffix(f".{number}{path.suffix}")) for path in left]
        _log.info("%s: an earlier run's files are kept as %s", folder, _names(runs[number]))
    if not runs:
        return
    free = shutil.disk_usage(folder).free
    for number, reason in _gone(runs, max_bytes, floor_bytes, free):
        _log.warning("%s: an earlier run's %s deleted: %s", folder, _names(runs[number]), reason)
        for path in runs[number]:
            path.unlink(missing_ok=True)


def _numbered(folder: Path) -> dict[int, list[Path]]:
    runs: dict[int, list[Path]] = defaultdict(list)
    for path in sorted(folder.glob("*.*.*")):
        if found := _NUMBERED.fullmatch(path.name):
            runs[int(found[1])].append(path)
    return runs


def _gone(
    runs: Mapping[int, Sequence[Path]], max_bytes: int, floor_bytes: int, free_bytes: int
) -> list[tuple[int, str]]:
    """The runs that have to go, oldest first, each with the reason."""
    kept = [
        Kept(number, sum(path.stat().st_size for path in runs[number]), _WHENEVER) for number in sorted(runs)
    ]
    surplus, kept = kept[:-KEPT_RUNS], kept[-KEPT_RUNS:]
    free_bytes += sum(run.bytes for run in surplus)
    limits = Limits(math.inf, max(max_bytes, kept[-1].bytes), floor_bytes)
    return [
        *((run.seq, f"there are more than {KEPT_RUNS}") for run in surplus),
        *((run.seq, reason) for run, reason in doomed(kept, _WHENEVER, limits, free_bytes)),
    ]


def _names(paths: Sequence[Path]) -> str:
    return ", ".join(path.name for path in paths)


SUMMARY = "summary.json"
_OF_EACH_CAMERA = (SCORES, *(VIDEO + suffix for suffix in SUFFIXES), STILL, TIMELINE)


def output_observers(
    folder: Path,
    site: SiteConfig,
    bundle: Bundle,
    *,
    title: str = "",
    truth: Sequence[tuple[float, float, str]] = (),
) -> list[Observer]:
    """Whoever writes events.jsonl, scores.csv, annotated.mp4 and timeline.png into `folder`.

    Events go on where an earlier run ended. Every run counts frames and their times from zero, so all else
    of an earlier one is set aside, within the site's limits for evidence. title is written on the pictures,
    truth is as for `Timeline`. Raises OSError.
    """
    cameras = [camera.name for camera in site.camera]
    names = [per_camera(name, camera, cameras) for camera in cameras for name in _OF_EACH_CAMERA]
    limits = site.evidence
    set_aside(folder, [*names, SUMMARY], max_bytes=limits.max_mb << 20, floor_bytes=limits.free_mb << 20)
    policies: dict[str, PolicyConfig] = {camera.name: camera.policy for camera in site.camera}
    return [
        EventsFile(folder / "events.jsonl"),
        ScoresCsv(folder, cameras, bundle.manifest.cues),
        AnnotatedVideo(folder, cameras, note=title),
        Timeline(folder, policies, title=title, truth=truth),
    ]
