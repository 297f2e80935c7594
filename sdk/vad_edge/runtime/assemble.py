"""Opening everything a run needs, in the order of the rooms."""

from __future__ import annotations

import logging
import threading
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vad_edge.budget import AlarmBudget
from vad_edge.bundle.archive import Bundle
from vad_edge.bundle.calibration import Calibration
from vad_edge.bundle.levels import AlarmLevels
from vad_edge.bundle.manifest import Graph, Manifest
from vad_edge.bundle.pack import CameraPack, masks_fit, pack_fits, read_pack
from vad_edge.clock import LiveClock, MediaClock
from vad_edge.config.schedule import ScheduleConfig
from vad_edge.config.site import SENSORS_ONLY, BrokerConfig, CameraConfig, SiteConfig
from vad_edge.errors import BundleError, ConfigError, EngineError, SourceError, StoreError
from vad_edge.events.evidence.keeper import EvidenceKeeper
from vad_edge.events.incidents import Incidents
from vad_edge.events.store import EventStore
from vad_edge.fusion.fuse import Fuser
from vad_edge.fusion.governor import FloodGovernor
from vad_edge.fusion.machine import WarningMachine
from vad_edge.fusion.policy import policy_of
from vad_edge.health.board import HealthBoard
from vad_edge.inference.engine import Engine
from vad_edge.inference.select import LAST_RESORT, open_engine
from vad_edge.mqtt.broker import EmbeddedBroker
from vad_edge.mqtt.client import MqttClient
from vad_edge.mqtt.identity import client_id
from vad_edge.mqtt.publisher import camera_publisher
from vad_edge.mqtt.subscriber import SensorSubscriber
from vad_edge.pipeline import Lane, VideoPipeline, known_views
from vad_edge.runtime.armed import ArmedFile
from vad_edge.runtime.arming_desk import ArmingDesk
from vad_edge.runtime.desk import store_conditions
from vad_edge.runtime.evidence import evidence_keeper
from vad_edge.runtime.settings import RunSettings
from vad_edge.runtime.station import Station
from vad_edge.scoring.drift import DriftWatch
from vad_edge.scoring.places import Zones, ignore_weight
from vad_edge.scoring.regions import RegionTracker
from vad_edge.scoring.scorer import Scorer
from vad_edge.sensors.hub import SensorHub
from vad_edge.video.reader import Reader
from vad_edge.video.resample import FrameRateGate
from vad_edge.video.source import FrameSource, default_policy, open_source
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
    keeper: EvidenceKeeper
    subscriber: SensorSubscriber | None
    arrived: threading.Event
    arming: ArmingDesk


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
    sources = {camera.name: _open(camera, live, len(site.camera), health) for camera in site.camera}
    clock = _clock(sources, live)
    stations = [
        _station(camera, sources.get(camera.name), live, arrived, with_video=bool(site.camera))
        for camera in cameras
    ]
    pipeline = _pipeline(settings, stations, health, stack) if site.camera else None
    hub = SensorHub(site.sensor, clock)
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
    armed = ArmedFile(settings.store_path.with_name("armed.json"))
    if armed.problem:
        health.raise_condition("armed_unknown", "store", armed.problem)
    # A recording has no time of day: what was asked counts, schedules do not.
    schedule = ScheduleConfig() if clock.is_media else site.schedule
    arming = ArmingDesk(stations, schedule, armed)
    model = settings.bundle.manifest.name if settings.bundle is not None and site.camera else ""
    keeper = evidence_keeper(site, stations, sources, store, health, clock.now, stack)
    subscriber = _connect(site, stations, hub, store, clock, model, stack)
    for station in stations:
        if station.reader is not None:
            station.reader.start()
            stack.callback(station.reader.stop)
    return Assembly(clock, stations, pipeline, hub, store, health, keeper, subscriber, arrived, arming)


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
    settings: RunSettings, stations: list[Station], health: HealthBoard, stack: ExitStack
) -> VideoPipeline:
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
        calibration, pack = _calibration(station.config, bundle, engine.graph)
        station.block_s = calibration.block_s
        station.footage_frames = calibration.frames
        if calibration.block_s > 0:
            station.drift = DriftWatch(calibration.block_s)
            station.footage_frames = round(calibration.seconds / calibration.block_s)
        if pack is not None and pack.levels is not None:
            keep_levels(station, pack.levels)
        station.gate = FrameRateGate(manifest.clock.fps, manifest.clock.max_gap_s)
        zones = {zone.name: zone.polygon for zone in station.config.zone}
        if zones:
            station.regions = RegionTracker(Zones(zones, manifest.map_height, manifest.map_width))
        lanes.append(
            Lane(
                station.name,
                Scorer(calibration, manifest.cues),
                _weight(station.config, pack, manifest),
                ValidityCheck(known_views(pack.views) if pack is not None else None),
            )
        )

    failed: list[str] = []

    def replace(error: EngineError) -> Engine:
        if settings.engine != "auto" or failed or engine.name.startswith(f"{LAST_RESORT}-cpu"):
            raise error
        failed.append(engine.name)
        _log.error("engine %s failed, going on with %s: %s", engine.name, LAST_RESORT, error)
        health.raise_condition("engine_failed", engine.name, str(error))
        spare = open_engine(bundle, batch=len(stations), engine=LAST_RESORT, threads=settings.threads)
        stack.callback(spare.close)
        return spare

    return VideoPipeline(engine, manifest, lanes, replace=replace)


def keep_levels(station: Station, levels: AlarmLevels) -> None:
    """Let a camera warn at the levels of its pack, in place of those of the site file."""
    policy = policy_of(levels)
    station.config = station.config.model_copy(update={"policy": policy})
    station.fuser = Fuser(policy.smoothing_s)
    station.machine = WarningMachine(policy)
    station.governor = FloodGovernor(AlarmBudget.parse(levels.kept).per_hour)
    _log.info(
        "camera %s keeps %s: watch %.2f, warning %.2f, alarm %.2f",
        station.name, levels.kept, levels.watch, levels.warning, levels.alarm,
    )  # fmt: skip
    if levels.needed_s > levels.armed_s:
        _log.warning(
            "camera %s: %s was asked for, but its calibration cannot know that", station.name, levels.asked
        )


def _calibration(camera: CameraConfig, bundle: Bundle, graph: Graph) -> tuple[Calibration, CameraPack | None]:
    """The camera pack's calibration, and the pack; the graph's own calibration without a pack."""
    if camera.calibration is not None:
        pack = read_pack(camera.calibration)
        for verdict in (pack_fits(pack, bundle, graph), masks_fit(pack, camera.ignored)):
            if not verdict.ok:
                raise BundleError(verdict.reason, where=str(camera.calibration), fix=verdict.fix)
        return pack.calibration, pack
    if graph.calibration is None:
        raise BundleError(
            f"its {graph.precision} graph has no calibration, and the camera has no pack",
            where=f"{bundle.path}, camera {camera.name}",
            fix="export it again with --data of the scene's normal life",
        )
    return graph.calibration, None


def _weight(camera: CameraConfig, pack: CameraPack | None, manifest: Manifest) -> NDArray[np.float32] | None:
    """The weights of the camera's pack; those of its masks without a pack."""
    if pack is not None:
        return None if pack.weight is None else np.asarray(pack.weight, np.float32)
    if not camera.ignored:
        return None
    return ignore_weight(camera.ignored, manifest.map_height, manifest.map_width)


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
        _log.info("embedded broker at %s", embedded.url)
    for station in stations:
        station.publisher = camera_publisher(
            broker,
            site=site.site,
            camera=station.name,
            store=store,
            now=lambda: clock.wall(clock.now()),
            model=model,
        )
    client = MqttClient(broker, client_id=client_id(broker, site.site, "sensors"))
    return SensorSubscriber(client, hub, site.site)
