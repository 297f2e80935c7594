"""Opening everything a run needs, in the order of the rooms, and the list of what takes part."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from vad_edge.bundle.archive import Bundle
from vad_edge.cameras.decoding import stream_options
from vad_edge.clock import LiveClock, MediaClock, utc_now
from vad_edge.config.load import checked
from vad_edge.config.schedule import ScheduleConfig
from vad_edge.config.site import SENSORS_ONLY, BrokerConfig, CameraConfig, SiteConfig
from vad_edge.errors import ConfigError, SourceError, StoreError
from vad_edge.events.incidents import Incidents
from vad_edge.events.store import EventStore
from vad_edge.health.board import HealthBoard
from vad_edge.health.clock_sync import clock_synced, stamps_true
from vad_edge.health.conditions import Condition
from vad_edge.health.systemd import ServiceManager
from vad_edge.health.vitals import VitalsMonitor, read_vitals
from vad_edge.inference.select import open_engine
from vad_edge.mqtt.broker import EmbeddedBroker
from vad_edge.mqtt.client import MqttClient
from vad_edge.mqtt.identity import client_id
from vad_edge.mqtt.publisher import camera_publisher
from vad_edge.mqtt.sensors import PACE_S, SensorSubscriber
from vad_edge.pipeline import Lane, VideoPipeline, known_views
from vad_edge.report.observer import Observer
from vad_edge.runtime.arming_control import ArmingControl, ArmingFile
from vad_edge.runtime.camera import Camera
from vad_edge.runtime.commands import CommandHandler
from vad_edge.runtime.component import Component, Components
from vad_edge.runtime.context import RunContext
from vad_edge.runtime.engine_fallback import EngineFallback, may_fall_back
from vad_edge.runtime.event_writer import EventWriter, look_at_store
from vad_edge.runtime.evidence_setup import EvidenceFeed, evidence_recorder
from vad_edge.runtime.liveness import Liveness
from vad_edge.runtime.loss_check import LossCheck
from vad_edge.runtime.monitor import ConditionMonitor
from vad_edge.runtime.observers import Observers
from vad_edge.runtime.overload import OverloadControl
from vad_edge.runtime.profile import resolve, with_streams
from vad_edge.runtime.restream import restream
from vad_edge.runtime.risk_publisher import RiskPublisher
from vad_edge.runtime.self_calibration import SelfCalibration
from vad_edge.runtime.sensor_memory import SensorMemory
from vad_edge.runtime.settings import RunSettings, sensors_heard
from vad_edge.runtime.tamper_check import TamperCheck
from vad_edge.sensors.hub import SensorHub
from vad_edge.video.open import SourceSpec, can_reopen, open_source
from vad_edge.video.reader import Reader
from vad_edge.video.source import FrameSource, default_policy
from vad_edge.video.stream_options import PacketTap, StreamOptions
from vad_edge.video.validity import ValidityCheck

_log = logging.getLogger(__name__)

_SAME_START_S: Final = 1.0
"""Names of recordings count seconds."""


@dataclass
class Assembly:
    """What the loop works with. pipeline is None where there are only sensors, subscriber without MQTT.

    spent adds up the seconds that the loop waits, fuses and tells.
    """

    context: RunContext
    cameras: list[Camera]
    pipeline: VideoPipeline | None
    hub: SensorHub
    writer: EventWriter
    components: Components
    observers: Observers
    subscriber: SensorSubscriber | None
    arrived: threading.Event
    spent: dict[str, float] = field(default_factory=lambda: dict.fromkeys(("wait", "fuse", "observe"), 0.0))


def assemble(
    settings: RunSettings, observers: Sequence[Observer], manager: ServiceManager, stack: ExitStack
) -> Assembly:
    """Open sources, engine, store and broker; what is open is closed by `stack`, last opened first.

    Raises ConfigError, SourceError, BundleError or EngineError, before anything is published.
    """
    site = settings.site
    live, arrived, health = LiveClock(), threading.Event(), HealthBoard()
    _look_at_site(site, health)
    specs = {camera.name: _source_of(camera, settings) for camera in site.camera}
    failures: dict[str, SourceError] = {}
    options = {camera.name: _options(camera, site) for camera in site.camera}

    def opened(camera: CameraConfig) -> FrameSource | None:
        return _open(camera, specs[camera.name], options[camera.name], live, site, failures)

    # At once: a camera that does not answer is waited for ten seconds, and the others need not.
    with ThreadPoolExecutor(max(len(site.camera), 1), "opening") as openers:
        sources = dict(zip(specs, openers.map(opened, site.camera), strict=True))
    context = RunContext(site, _clock(sources, live), health, settings.bundle if site.camera else None)
    readers = {
        camera.name: _reader(
            camera,
            specs[camera.name],
            options[camera.name],
            sources[camera.name],
            live,
            arrived,
            failures.get(camera.name),
        )
        for camera in site.camera
    }
    cameras = _cameras(context, readers)
    hub = SensorHub(site.sensor, context.clock)
    video = _video(settings, context, cameras, hub, stack) if site.camera else None
    pipeline, learner = video if video is not None else (None, None)
    store = _store(settings, context, cameras, stack)
    memory = SensorMemory(settings.store_path.with_name("sensors.json"), hub)
    if not context.is_media:  # a run on a recording is the same every time
        hub.take_up(memory.read())
    taps = {name: option.tap for name, option in options.items() if option.tap is not None}
    recorder = evidence_recorder(context, cameras, sources, taps, store, stack)
    restream(site, taps, stack)
    model = settings.bundle.manifest.name if settings.bundle is not None and site.camera else ""
    subscriber = _connect(context, cameras, hub, store, model, stack)
    vitals = VitalsMonitor(lambda: read_vitals(settings.store_path.parent))
    vitals.start()
    stack.callback(vitals.stop)

    spent = dict.fromkeys(("wait", "fuse", "observe"), 0.0)
    writer = EventWriter(store, health, cameras, recorder)
    arming = _arming(settings, context, cameras, writer)
    monitor = ConditionMonitor(
        context, cameras, hub, lambda: vitals.latest, None if pipeline is None else pipeline.manifest
    )
    audience = Observers(observers, context, writer, monitor)
    # Evidence sees a frame before the event that it brings; observers see what all others made of it.
    components: list[Component] = [
        EvidenceFeed(recorder),
        writer,
        CommandHandler(cameras, Incidents(store.database), arming, context),
        arming,
        TamperCheck(cameras, writer),
        RiskPublisher(cameras),
    ]
    if not context.is_media:
        components.append(LossCheck(cameras, writer))
        components.append(
            OverloadControl(
                cameras, pipeline, health, site.board,
                waited_s=lambda: spent["wait"], vitals=lambda: vitals.latest,
            )
        )  # fmt: skip
        if learner is not None:
            components.append(learner)
        if site.sensor:
            components.append(memory)
        components += _camera_links(context, cameras, hub, stack)
    components += [Liveness(manager, cameras), monitor, audience]

    audience.begin()
    for sensor in settings.pushed:
        sensor.bind(hub)
        stack.callback(sensor.bind, None)
    for camera in cameras:
        if camera.reader is not None:
            camera.reader.start()
            stack.callback(camera.reader.stop)
    return Assembly(
        context, cameras, pipeline, hub, writer, Components(components, health), audience, subscriber,
        arrived, spent,
    )  # fmt: skip


def _camera_links(
    context: RunContext, cameras: Sequence[Camera], hub: SensorHub, stack: ExitStack
) -> list[Component]:
    """What cameras notice by themselves, and their outputs."""
    if all(camera.onvif is None for camera in context.site.camera):
        return []
    # What speaks HTTP and XML is not loaded for nothing.
    from vad_edge.runtime.camera_events import CameraEvents, listeners_of
    from vad_edge.runtime.relay_control import RelayControl, outputs_of

    listeners = listeners_of(context.site, hub)
    outputs = outputs_of(cameras)
    for listener in listeners:
        stack.callback(listener.stop)
    for _, output in outputs:
        stack.callback(output.stop)
    return [CameraEvents(listeners, context.health), RelayControl(outputs, context.health)]


def _look_at_site(site: SiteConfig, health: HealthBoard) -> None:
    if not site.camera and not site.sensor:
        raise ConfigError("the site has neither camera nor sensor", fix="add a [[camera]] table")
    heard = sensors_heard(site)
    if not heard.ok:
        if not site.camera:
            raise ConfigError(f"{heard.reason}, and there is no camera", where="sensor", fix=heard.fix)
        health.raise_condition(Condition.SENSORS_UNHEARD, "sensors", f"{heard.reason}; {heard.fix}")


def _source_of(camera: CameraConfig, settings: RunSettings) -> SourceSpec:
    spec = settings.sources.get(camera.name, camera.spec)
    if spec is None:
        raise ConfigError(
            "this camera has no source", where=f"camera {camera.name}", fix="give source = 0, a path or a URL"
        )
    return spec


def _options(camera: CameraConfig, site: SiteConfig) -> StreamOptions:
    """How a camera is decoded; its packets are tapped where they become clips, or are handed to others."""
    kept = site.privacy.evidence == "full" and site.evidence.max_clip_s > 0 and camera.record_source is None
    tapped = (kept or site.restream is not None) and not camera.privacy_masks and "://" in str(camera.spec)
    return stream_options(camera, tap=PacketTap() if tapped else None)


def _open(
    camera: CameraConfig,
    spec: SourceSpec,
    options: StreamOptions,
    clock: LiveClock,
    site: SiteConfig,
    failures: dict[str, SourceError],
) -> FrameSource | None:
    """The camera's source. One that is not there ends the run only where it is the only one."""
    try:
        return open_source(spec, clock, fps=camera.fps, options=options)
    except SourceError as error:
        if len(site.camera) == 1:
            raise
        _log.warning("camera %s: %s", camera.name, error)
        failures[camera.name] = error
        return None


def _clock(sources: dict[str, FrameSource | None], live: LiveClock) -> LiveClock | MediaClock:
    recordings = [name for name, source in sources.items() if source is not None and not source.info.live]
    if not recordings:
        return live
    others = [name for name in sources if name not in recordings]
    if others and sources[others[0]] is None:
        raise SourceError(
            f"it cannot be opened, as was warned of, and {recordings[0]} is a recording",
            where=f"camera {others[0]}",
            fix="repair its source, or run them apart",
        )
    if others:
        raise ConfigError(
            f"{recordings[0]} is a recording and {others[0]} is not",
            where="camera",
            fix="run them apart: a recording goes by media time, as fast as it can",
        )
    return MediaClock(common_start([source.info.begun for source in sources.values() if source is not None]))


def common_start(begun: Sequence[datetime | None]) -> datetime | None:
    """When recordings that are played side by side were begun; None unless it is one moment for all."""
    known = [start for start in begun if start is not None]
    if len(known) < len(begun) or (max(known) - min(known)).total_seconds() > _SAME_START_S:
        return None
    return min(known)


def _cameras(context: RunContext, readers: Mapping[str, Reader]) -> list[Camera]:
    def synced() -> bool | None:
        return stamps_true(context.wall(context.now()), utc_now(), clock_synced())

    def unknown() -> None:
        return None  # who recorded it is not known to have had a true clock

    time_synced = unknown if context.is_media else synced
    configs = context.site.camera or (CameraConfig(name=SENSORS_ONLY),)
    return [
        Camera(config, context, reader=readers.get(config.name), time_synced=time_synced)
        for config in configs
    ]


def _reader(
    camera: CameraConfig,
    spec: SourceSpec,
    options: StreamOptions,
    source: FrameSource | None,
    clock: LiveClock,
    arrived: threading.Event,
    error: SourceError | None,
) -> Reader:
    live = source is None or source.info.live
    policy = camera.reader
    if policy == "auto":
        policy = "latest" if source is None else default_policy(source.info)

    def reopen() -> FrameSource:
        return open_source(spec, clock, fps=camera.fps, options=options)

    return Reader(
        camera.name,
        source,
        policy,
        reopen=reopen if live and can_reopen(spec) else None,
        arrived=arrived,
        error=error,
    )


def _video(
    settings: RunSettings, context: RunContext, cameras: list[Camera], hub: SensorHub, stack: ExitStack
) -> tuple[VideoPipeline, SelfCalibration]:
    bundle: Bundle | None = settings.bundle
    if bundle is None:
        raise ConfigError("a camera needs a model", where="bundle", fix="give --bundle NAME.vadb")
    manifest = bundle.manifest
    engine = open_engine(
        bundle,
        batch=len(cameras),
        engine=settings.engine,
        precision=settings.precision,
        threads=settings.threads,
    )
    stack.callback(engine.close)
    _log.info("engine: %s", engine.name)
    profiles = resolve(
        context.site,
        bundle,
        engine.graph,
        learned=settings.learned,
        may_fall_back=may_fall_back(settings, engine.graph),
    )
    lanes = []
    for camera, profile in zip(cameras, profiles, strict=True):
        for code, text in profile.problems.items():
            context.health.raise_condition(code, camera.name, text)
        camera.use(with_streams(profile, hub))
        camera.show_zones(manifest.map_height, manifest.map_width)
        full = profile.full
        lanes.append(Lane(camera.name, full.scorer, full.weight, ValidityCheck(known_views(full.views))))
    fallback = EngineFallback(settings, bundle, engine, cameras, context.health, stack)
    pipeline = VideoPipeline(engine, manifest, lanes, replace=fallback.replace)
    learner = SelfCalibration(
        cameras, pipeline, bundle, engine.graph, settings.learned, context.site.learning, context.health
    )
    stack.callback(learner.close)
    fallback.serve(pipeline, learner)
    return pipeline, learner


def _store(
    settings: RunSettings, context: RunContext, cameras: Sequence[Camera], stack: ExitStack
) -> EventStore:
    # A folder that was given by hand may be a slip; the device's own may have a disk that died overnight.
    store = EventStore(settings.store_path, patient=settings.output is None)
    stack.callback(store.close)
    look_at_store(store, context.health)
    try:
        Incidents(store.database).interrupt([camera.name for camera in cameras])
    except StoreError as error:
        context.health.raise_condition(Condition.STORE_FAILED, "store", str(error))
    return store


def _arming(
    settings: RunSettings, context: RunContext, cameras: Sequence[Camera], writer: EventWriter
) -> ArmingControl:
    file = ArmingFile(settings.store_path.with_name("armed.json"))
    if file.problem:
        context.health.raise_condition(Condition.ARMED_UNKNOWN, "store", file.problem)
    # A recording has no time of day: what was asked counts, schedules do not.
    schedule = ScheduleConfig() if context.is_media else context.site.schedule
    return ArmingControl(cameras, schedule, file, context, writer)


def _connect(
    context: RunContext,
    cameras: Sequence[Camera],
    hub: SensorHub,
    store: EventStore,
    model: str,
    stack: ExitStack,
) -> SensorSubscriber | None:
    """Publishers and the sensors' subscriber; none without a broker. They connect when they are started."""
    site = context.site
    if site.broker.address == "none":
        return None
    broker: BrokerConfig = site.broker
    if broker.address == "embedded":
        embedded = stack.enter_context(EmbeddedBroker())
        broker = checked(broker, url=embedded.url)
        _log.info(
            "embedded broker at %s, to try things on this machine: no passwords, nothing outlives it",
            embedded.url,
        )
    for camera in cameras:
        camera.publisher = camera_publisher(
            broker,
            site=site.site,
            camera=camera.name,
            store=store,
            age_s=context.clock.age_s,
            model=model,
        )
    client = MqttClient(broker, client_id=client_id(broker, site.site, "sensors"), pace_s=PACE_S)
    return SensorSubscriber(client, hub, site.site)
