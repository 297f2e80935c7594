"""Which evidence a run keeps of each camera, and where its clips come from."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from vad_edge.config.site import SiteConfig
from vad_edge.events.audit import trim_events
from vad_edge.events.store import EventStore
from vad_edge.evidence.camera import CameraEvidence, Cutter
from vad_edge.evidence.clips import ClipFacts, choose_route, find_ffmpeg
from vad_edge.evidence.files import EvidenceFiles
from vad_edge.evidence.recorder import EvidenceRecorder, limits_of
from vad_edge.evidence.stream_copy import StreamCopy
from vad_edge.health.conditions import HealthBoard
from vad_edge.runtime.camera import Station
from vad_edge.video.source import FrameSource

_log = logging.getLogger(__name__)


def evidence_keeper(
    site: SiteConfig,
    stations: Sequence[Station],
    sources: Mapping[str, FrameSource | None],
    store: EventStore,
    health: HealthBoard,
    now: Callable[[], float],
    stack: ExitStack,
) -> EvidenceRecorder:
    """The keeper of a run, which also takes old evidence away where none is kept any more."""
    cameras: list[CameraEvidence] = []
    chores: list[Callable[[], object]] = []
    for station in stations:
        if site.privacy.evidence == "none" or station.reader is None:
            continue
        clips = _clips(site, station, sources.get(station.name), now)
        if isinstance(clips, StreamCopy):
            stack.callback(clips.close)
            chores.append(partial(_look_at, clips, station.name, health))
        cameras.append(CameraEvidence(station.name, site.privacy.evidence, site.evidence, clips))
    vault = EvidenceFiles(store.database, limits_of(site.privacy, site.evidence))
    trim = partial(trim_events, store.database, site.evidence.events_mb << 20)
    chores += [vault.sweep_strays, vault.make_room, trim]
    keeper = EvidenceRecorder(vault, cameras, health, now, chores)
    stack.callback(keeper.close)
    return keeper


def _clips(
    site: SiteConfig, station: Station, source: FrameSource | None, now: Callable[[], float]
) -> StreamCopy | Cutter | bool:
    """Where a camera's clips come from; opened, if it is its stream."""
    ffmpeg = find_ffmpeg()
    spec = str(station.config.source)
    route = choose_route(
        ClipFacts(
            keeping=site.privacy.evidence,
            masked=bool(station.config.privacy_masks),
            source=spec,
            live=source is None or source.info.live,
            codec="" if source is None else source.info.codec,
            has_ffmpeg=ffmpeg is not None,
        )
    )
    way = "no clips" if route.way == "none" else f"clips from {route.way}"
    _log.info("camera %s: %s: %s", station.name, way, route.reason)
    if ffmpeg is not None and site.evidence.max_clip_s > 0:
        if route.way == "packets":
            return StreamCopy(ffmpeg, spec, site.evidence.before_s, now)
        if route.way == "cut":
            return Cutter(ffmpeg, Path(spec))
    return route.way == "pictures"


def _look_at(tap: StreamCopy, camera: str, health: HealthBoard) -> None:
    if tap.error is None:
        health.clear_condition("evidence_stream", camera)
    else:
        health.raise_condition("evidence_stream", camera, f"no clips of this camera: {tap.error}")
