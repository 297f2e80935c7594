"""Opening everything a run needs, in the order of the rooms."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from vad_edge.bundle.archive import Bundle
from vad_edge.bundle.manifest import Graph, Manifest
from vad_edge.clock import LiveClock, MediaClock, utc_now
from vad_edge.config.schedule import ScheduleConfig
from vad_edge.config.site import SENSORS_ONLY, BrokerConfig, CameraConfig, SiteConfig
from vad_edge.errors import BundleError, ConfigError, EngineError, SourceError, StoreError
from vad_edge.events.incidents import Incidents
from vad_edge.events.store import EventStore
from vad_edge.evidence.recorder import EvidenceRecorder
from vad_edge.fusion.fuse import Fuser
from vad_edge.fusion.machine import WarningMachine
from vad_edge.health.clock_sync import clock_synced, stamps_true
from vad_edge.health.conditions import HealthBoard
from vad_edge.health.vitals import VitalsMonitor, read_vitals
from vad_edge.inference.engine import Engine
from vad_edge.inference.select import LAST_RESORT, open_engine
from vad_edge.mqtt.broker import EmbeddedBroker
from vad_edge.mqtt.client import MqttClient
from vad_edge.mqtt.identity import client_id
from vad_edge.mqtt.publisher import camera_publisher
from vad_edge.mqtt.sensors import PACE_S, SensorSubscriber
from vad_edge.pipeline import Lane, VideoPipeline, known_views
from vad_edge.runtime.arming_control import ArmingControl, ArmingFile
from vad_edge.runtime.camera import Station
from vad_edge.runtime.event_writer import store_conditions
from vad_edge.runtime.evidence_setup import evidence_keeper
from vad_edge.runtime.fallback import lose_levels, may_fall_back, without_lost_packs
from vad_edge.runtime.profile import full_pace, slow_pace, with_streams
from vad_edge.runtime.self_calibration import SelfCalibration, learned_camera
from vad_edge.runtime.sensor_memory import SensorMemory
from vad_edge.runtime.settings import RunSettings, sensors_heard
from vad_edge.scoring.regions import RegionTracker, Zones
from vad_edge.scoring.scorer import Scorer
from vad_edge.sensors.hub import SensorHub
from vad_edge.video.open import open_source
from vad_edge.video.reader import Reader
from vad_edge.video.source import FrameSource, default_policy
from vad_edge.video.validity import ValidityCheck

_log = logging.getLogger(__name__)


@dataclass
class Assembly:
    """What the loop works with. pipeline is None where there are only sensors, subscriber without MQTT."""

    clock: LiveClock | MediaClock
    stations: list[Station]
    pipeline: VideoPipeline | None
    hub: SensorHub
    store: EventStore
    health: HealthBoard
    keeper: EvidenceRecorder
    subscriber: SensorSubscriber | None
    arrived: threading.Event
    arming: ArmingControl
    learned: SensorMemory
    vitals: VitalsMonitor
    learner: SelfCalibration | None


def assemble(settings: RunSettings, stack: ExitStack) -> Assembly:
    """Open sources, engine, store and broker; what is open is closed by `stack`, last opened first.

    Raises ConfigError, SourceError, BundleError or EngineError, before anything is published.
    """
    site = settings.site
    live = LiveClock()
    arrived = threading.Event()
    health = HealthBoard()
    cameras = site.camera or (CameraConfig(name=SENSORS_ONLY),)
    if not site.camera and not site.sensor:
        raise ConfigError("the site has neither camera nor sensor", fix="add a [[camera]] table")
    heard = sensors_heard(site)
    if not heard.ok:
        if not site.camera:
            raise ConfigError(f"{heard.reason}, and there is no camera", where="sensor", fix=heard.fix)
        health.raise_condition("sensors_unheard", "sensors", f"{heard.reason}; {heard.fix}")
    sources = {camera.name: _open(camera, live, len(site.camera), health) for camera in site.camera}
    clock = _clock(sources, live)
    stations = [
        _station(camera, sources.get(camera.name), live, arrived, with_video=bool(site.camera))
        for camera in cameras
    ]
    hub = SensorHub(site.sensor, clock)
    pipeline, learner = _pipeline(settings, stations, hub, health, stack) if site.camera else (None, None)
    # A folder that was given by hand may be a slip; the device's own may have a disk that died overnight.
    store = EventStore(settings.store_path, patient=settings.output is None)
    stack.callback(store.close)
    for code, reason in store_conditions(store).items():
        if reason:
            health.raise_condition(code, "store", reason)
    try:
        Incidents(store.database).interrupt([camera.name for camera in cameras])
    except StoreError as error:
        health.raise_condition("store_failed", "store", str(error))
    learned = SensorMemory(settings.store_path.with_name("sensors.json"))
    if not clock.is_media:  # a run on a recording is the same every time
        hub.take_up(learned.read())
    armed = ArmingFile(settings.store_path.with_name("armed.json"))
    if armed.problem:
        health.raise_condition("armed_unknown", "store", armed.problem)
    # A recording has no time of day: what was asked counts, schedules do not.
    schedule = ScheduleConfig() if clock.is_media else site.schedule
    arming = ArmingControl(stations, schedule, armed)
    if not clock.is_media:
        for station in stations:
            station.time_synced = lambda: stamps_true(clock.wall(clock.now()), utc_now(), clock_synced())
    model = settings.bundle.manifest.name if settings.bundle is not None and site.camera else ""
    keeper = evidence_keeper(site, stations, sources, store, health, clock.now, stack)
    subscriber = _connect(site, stations, hub, store, clock, model, stack)
    vitals = VitalsMonitor(lambda: read_vitals(settings.store_path.parent))
    vitals.start()
    stack.callback(vitals.stop)
    for station in stations:
        if station.reader is not None:
            station.reader.start()
            stack.callback(station.reader.stop)
    return Assembly(
        clock,
        stations,
        pipeline,
        hub,
        store,
        health,
        keeper,
        subscriber,
        arrived,
        arming,
        learned,
        vitals,
        learner,
    )


def _open(camera: CameraConfig, clock: LiveClock, cameras: int, health: HealthBoard) -> FrameSource | None:
    """The camera's source. One that is not there ends the run only where it is the only one."""
    if camera.source is None:
        raise ConfigError(
            "this camera has no source", where=f"camera {camera.name}", fix="give source = 0, a path or a URL"
        )
    try:
        return open_source(camera.source, clock, fps=camera.fps)
    except SourceError as error:
        if cameras == 1:
            raise
        _log.warning("camera %s: %s", camera.name, error)
        health.raise_condition("camera_lost", camera.name, str(error))
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
            fix="mend its source, or run them apart",
        )
    if others:
        raise ConfigError(
            f"{recordings[0]} is a recording and {others[0]} is not",
            where="camera",
            fix="run them apart: a recording goes by media time, as fast as it can",
        )
    return MediaClock()


def _station(
    camera: CameraConfig,
    source: FrameSource | None,
    clock: LiveClock,
    arrived: threading.Event,
    *,
    with_video: bool,
) -> Station:
    station = Station(camera, Fuser(camera.policy.smoothing_s), WarningMachine(camera.policy))
    if not with_video:
        return station
    live = source is None or source.info.live
    policy = camera.reader
    if policy == "auto":
        policy = "latest" if source is None else default_policy(source.info)

    def reopen() -> FrameSource:
        return open_source(camera.source if camera.source is not None else "", clock, fps=camera.fps)

    station.reader = Reader(camera.name, source, policy, reopen=reopen if live else None, arrived=arrived)
    return station


def _pipeline(
    settings: RunSettings, stations: list[Station], hub: SensorHub, health: HealthBoard, stack: ExitStack
) -> tuple[VideoPipeline, SelfCalibration]:
    bundle = settings.bundle
    if bundle is None:
        raise ConfigError("a camera needs a model", where="bundle", fix="give --bundle NAME.vadb")
    manifest = bundle.manifest
    engine = open_engine(
        bundle,
        batch=len(stations),
        engine=settings.engine,
        precision=settings.precision,
        threads=settings.threads,
    )
    stack.callback(engine.close)
    _log.info("engine: %s", engine.name)
    lanes = []
    for station in stations:
        others = may_fall_back(settings, engine.graph)
        station.config = learned_camera(station.config, settings.learned, bundle, engine.graph, others=others)
        camera = without_lost_packs(station.config, settings, engine.graph, health)
        slow = slow_pace(camera, bundle, engine.graph)
        # What the streams had learned by the full rate's footage is what they go on from.
        station.slow = None if slow is None else with_streams(slow, hub)
        station.full = with_streams(full_pace(camera, bundle, engine.graph), hub)
        station.run_at(station.full)
        zones = {zone.name: zone.polygon for zone in station.config.zone}
        if zones:
            station.regions = RegionTracker(Zones(zones, manifest.map_height, manifest.map_width))
        lanes.append(
            Lane(
                station.name,
                station.full.scorer,
                station.full.weight,
                ValidityCheck(known_views(station.full.views)),
            )
        )

    failed: list[str] = []

    def replace(error: EngineError) -> Engine:
        if settings.engine != "auto" or failed or engine.name.startswith(f"{LAST_RESORT}-cpu"):
            raise error
        failed.append(engine.name)
        _log.error("engine %s failed, going on with %s: %s", engine.name, LAST_RESORT, error)
        health.raise_condition("engine_failed", engine.name, str(error))
        spare = _spare_engine(settings, bundle, engine.graph, stations)
        stack.callback(spare.close)
        if spare.graph.member != engine.graph.member:
            learner.close()  # scores of two graphs are no life of either
            for row, (camera, station) in enumerate(zip(settings.site.camera, stations, strict=True)):
                lose_levels(station, camera.policy, engine.graph, spare.graph, health)
                weight = None if station.full is None else station.full.weight
                pipeline.recalibrate(row, _scorer_of(spare.graph, manifest), weight)
        return spare

    pipeline = VideoPipeline(engine, manifest, lanes, replace=replace)
    learner = SelfCalibration(
        stations,
        pipeline,
        bundle,
        engine.graph,
        settings.learned,
        settings.site.learning,
        health,
    )
    stack.callback(learner.close)
    return pipeline, learner


def _spare_engine(settings: RunSettings, bundle: Bundle, graph: Graph, stations: Sequence[Station]) -> Engine:
    """An engine that needs nothing but a CPU: with the same graph where levels depend on it, if it can."""
    batch, threads = len(stations), settings.threads
    if any(station.governor is not None for station in stations) and graph.precision != "fp16":
        try:
            return open_engine(
                bundle, batch=batch, engine=LAST_RESORT, precision=graph.precision, threads=threads
            )
        except (EngineError, BundleError) as error:
            _log.warning("the %s graph cannot be run by %s: %s", graph.precision, LAST_RESORT, error)
    return open_engine(bundle, batch=batch, engine=LAST_RESORT, threads=threads)


def _scorer_of(graph: Graph, manifest: Manifest) -> Scorer | None:
    return Scorer(graph.calibration, manifest.cues) if graph.calibration is not None else None


def _connect(
    site: SiteConfig,
    stations: list[Station],
    hub: SensorHub,
    store: EventStore,
    clock: LiveClock | MediaClock,
    model: str,
    stack: ExitStack,
) -> SensorSubscriber | None:
    """Publishers and the sensors' subscriber; none without a broker. They connect when they are started."""
    if site.broker.url == "none":
        return None
    broker: BrokerConfig = site.broker
    if broker.url == "embedded":
        embedded = stack.enter_context(EmbeddedBroker())
        broker = broker.model_copy(update={"url": embedded.url})
        _log.info(
            "embedded broker at %s, to try things on this machine: no passwords, nothing outlives it",
            embedded.url,
        )
    for station in stations:
        station.publisher = camera_publisher(
            broker,
            site=site.site,
            camera=station.name,
            store=store,
            age_s=clock.age_s,
            model=model,
        )
    client = MqttClient(broker, client_id=client_id(broker, site.site, "sensors"), pace_s=PACE_S)
    return SensorSubscriber(client, hub, site.site)
