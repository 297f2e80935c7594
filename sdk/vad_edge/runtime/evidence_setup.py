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
from vad_edge.evidence.clips import ClipFacts, choose_route
from vad_edge.evidence.files import EvidenceFiles
from vad_edge.evidence.recorder import EvidenceRecorder, limits_of
from vad_edge.evidence.stream_copy import StreamCopy
from vad_edge.health.board import HealthBoard
from vad_edge.health.conditions import Condition
from vad_edge.report.observer import FrameResult
from vad_edge.runtime.camera import Camera
from vad_edge.runtime.component import Component
from vad_edge.runtime.context import RunContext
from vad_edge.video.ffmpeg import find_ffmpeg
from vad_edge.video.open import without_file_scheme
from vad_edge.video.packet_feed import PacketFeed
from vad_edge.video.probe import probe
from vad_edge.video.source import FrameSource
from vad_edge.video.stream_options import PacketTap, StreamOptions

_log = logging.getLogger(__name__)


class EvidenceFeed(Component):
    """Offers each scored frame to the evidence recorder, which never holds the loop up."""

    def __init__(self, recorder: EvidenceRecorder) -> None:
        self._recorder = recorder

    def on_frame(self, result: FrameResult) -> None:
        """Offer the frame as it may be seen."""
        if result.scored is not None:
            self._recorder.offer(result.camera, result.frame, result.heat)


def evidence_recorder(
    context: RunContext,
    run_cameras: Sequence[Camera],
    sources: Mapping[str, FrameSource | None],
    taps: Mapping[str, PacketTap],
    store: EventStore,
    stack: ExitStack,
) -> EvidenceRecorder:
    """The recorder of a run, which also takes old evidence away where none is kept any more."""
    site, health = context.site, context.health
    cameras: list[CameraEvidence] = []
    chores: list[Callable[[], object]] = []
    for camera in run_cameras:
        if site.privacy.evidence == "none" or camera.reader is None:
            continue
        clips = _clips(site, camera, sources.get(camera.name), taps.get(camera.name), context.now)
        if isinstance(clips, StreamCopy):
            stack.callback(clips.close)
            chores.append(partial(_look_at, clips, _feed(camera, clips, stack), camera.name, health))
        cameras.append(CameraEvidence(camera.name, site.privacy.evidence, site.evidence, clips))
    evidence_files = EvidenceFiles(store.database, limits_of(site.privacy, site.evidence))
    trim = partial(trim_events, store.database, site.evidence.events_mb << 20)
    chores += [evidence_files.sweep_strays, evidence_files.make_room, trim]
    recorder = EvidenceRecorder(evidence_files, cameras, health, context.now, chores)
    stack.callback(recorder.close)
    return recorder


def _clips(
    site: SiteConfig,
    camera: Camera,
    source: FrameSource | None,
    tap: PacketTap | None,
    now: Callable[[], float],
) -> StreamCopy | Cutter | bool:
    """Where a camera's clips come from."""
    ffmpeg = find_ffmpeg()
    spec = str(camera.config.spec)
    route = choose_route(
        ClipFacts(
            keeping=site.privacy.evidence,
            masked=bool(camera.config.privacy_masks),
            source=spec,
            live=source is None or source.info.live,
            codec="" if source is None else source.info.codec,
            has_ffmpeg=ffmpeg is not None,
            record_stream=camera.config.record_source is not None and (source is None or source.info.live),
        )
    )
    way = "no clips" if route.way == "none" else f"clips from {route.way}"
    about = {"fields": {"CAMERA": camera.name, "CLIPS": route.way, "REASON": route.code}}
    _log.info("camera %s: %s: %s", camera.name, way, route.reason, extra=about)
    if ffmpeg is not None and site.evidence.max_clip_s > 0:
        tap = tap if camera.config.record_source is None else PacketTap()
        if route.way == "packets" and tap is not None:
            return StreamCopy(ffmpeg, tap, site.evidence.before_s, now)
        if route.way == "cut":
            path = Path(without_file_scheme(spec))
            facts = probe(path)
            return Cutter(ffmpeg, path, 0.0 if facts is None else facts.late_s)
    return route.way == "pictures"


def _feed(camera: Camera, stream_copy: StreamCopy, stack: ExitStack) -> PacketFeed | None:
    """The connection to a camera's record stream, where it has one of its own."""
    url = camera.config.record_source
    if url is None:
        return None
    options = StreamOptions(transport=camera.config.transport)
    feed = PacketFeed(stream_copy.program, url.get_secret_value(), stream_copy.tap, options)
    stack.callback(feed.close)
    return feed


def _look_at(stream_copy: StreamCopy, feed: PacketFeed | None, camera: str, health: HealthBoard) -> None:
    error = stream_copy.error if feed is None or feed.error is None else feed.error
    health.set_condition(
        Condition.EVIDENCE_STREAM, camera, error is not None, f"no clips of this camera: {error}"
    )
