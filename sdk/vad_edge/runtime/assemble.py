"""Opening everything a run needs, in the order of the rooms."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np

from vad_edge.budget import AlarmBudget
from vad_edge.bundle.archive import Bundle
from vad_edge.bundle.calibration import Calibration
from vad_edge.bundle.levels import AlarmLevels
from vad_edge.bundle.manifest import Graph, Manifest
from vad_edge.bundle.pack import CameraPack, pack_fits, read_pack
from vad_edge.clock import LiveClock, MediaClock
from vad_edge.config.site import (
    SENSORS_ONLY,
    BrokerConfig,
    CameraConfig,
    PolicyConfig,
    SensorConfig,
    SiteConfig,
)
from vad_edge.errors import BundleError, ConfigError, EngineError, SourceError, StoreError
from vad_edge.events.evidence.keeper import EvidenceKeeper
from vad_edge.events.incidents import Incidents
from vad_edge.events.store import EventStore
from vad_edge.fusion.fuse import Fuser
from vad_edge.fusion.gather import Gatherer
from vad_edge.fusion.governor import FloodGovernor
from vad_edge.fusion.machine import WarningMachine
from vad_edge.fusion.policy import policy_of
from vad_edge.fusion.standing import Standing
from vad_edge.health.board import HealthBoard
from vad_edge.inference.engine import Engine
from vad_edge.inference.select import LAST_RESORT, open_engine
from vad_edge.mqtt.broker import EmbeddedBroker
from vad_edge.mqtt.client import MqttClient
from vad_edge.mqtt.identity import client_id
from vad_edge.mqtt.publisher import camera_publisher
from vad_edge.mqtt.subscriber import PACE_S, SensorSubscriber
from vad_edge.pipeline import Lane, VideoPipeline
from vad_edge.runtime.armed import ArmedFile
from vad_edge.runtime.desk import store_conditions
from vad_edge.runtime.evidence import evidence_keeper
from vad_edge.runtime.learned import LearnedFile
from vad_edge.runtime.settings import RunSettings
from vad_edge.runtime.station import Station
from vad_edge.scoring.scorer import Scorer
from vad_edge.sensors.hub import SensorHub
from vad_edge.video.reader import Reader
from vad_edge.video.resample import FrameRateGate
from vad_edge.video.source import FrameSource, default_policy, open_source

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
    armed: ArmedFile
    learned: LearnedFile


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
    hub = SensorHub(site.sensor, clock)
    pipeline = _pipeline(settings, stations, hub, health, stack) if site.camera else None
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
    learned = LearnedFile(settings.store_path.with_name("sensors.json"))
    if not clock.is_media:  # a run on a recording is the same every time
        hub.take_up(learned.read())
    armed = ArmedFile(settings.store_path.with_name("armed.json"))
    if armed.problem:
        health.raise_condition("armed_unknown", "store", armed.problem)
    for station in stations:
        station.armed = armed.armed(station.name)
    model = settings.bundle.manifest.name if settings.bundle is not None and site.camera else ""
    keeper = evidence_keeper(site, stations, sources, store, health, clock.now, stack)
    subscriber = _connect(site, stations, hub, store, clock, model, stack)
    for station in stations:
        if station.reader is not None:
            station.reader.start()
            stack.callback(station.reader.stop)
    return Assembly(
        clock, stations, pipeline, hub, store, health, keeper, subscriber, arrived, armed, learned
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
        calibration, pack = _calibration(station.config, settings, engine.graph, health)
        station.block_s = calibration.block_s
        station.footage_frames = calibration.frames
        if calibration.block_s > 0:
            station.footage_frames = round(calibration.seconds / calibration.block_s)
        if pack is not None and pack.levels is not None:
            keep_levels(station, pack.levels)
            keep_streams(station, pack, hub, settings.site.sensor, health)
        station.gate = FrameRateGate(manifest.clock.fps, manifest.clock.max_gap_s)
        lanes.append(
            Lane(
                station.name,
                Scorer(calibration, manifest.cues),
                None if pack is None or pack.weight is None else np.asarray(pack.weight, np.float32),
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
            for camera, station, lane in zip(settings.site.camera, stations, lanes, strict=True):
                lose_levels(station, camera.policy, engine.graph, spare.graph, health)
                lane.scorer = _scorer_of(spare.graph, manifest)
        return spare

    return VideoPipeline(engine, manifest, lanes, replace=replace)


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


def lose_levels(
    station: Station, policy: PolicyConfig, before: Graph, now: Graph, health: HealthBoard
) -> None:
    """Go on without the pack's levels, which were made for another graph: at those of the site file.

    The budget cannot be kept then. The flood governor stays, so that a flood is still rolled up.
    """
    station.block_s = 0.0
    station.footage_frames = now.calibration.frames if now.calibration is not None else 0
    if station.governor is None:
        return
    station.config = station.config.model_copy(update={"policy": policy})
    station.standing = station.gatherer = None
    station.machine.follow(policy)
    health.raise_condition("budget_not_kept", station.name, budget_lost(before.precision, now))


def budget_lost(made_for: str, graph: Graph) -> str:
    """Why a camera's budget is not kept, and what to do."""
    blind = "" if graph.calibration is not None else "; that graph has no calibration: video adds no risk"
    return (
        f"the pack's levels are for the {made_for} graph and the {graph.precision} one"
        f" ({graph.member}) runs: warning at the site file's levels, the alarm budget is not kept{blind};"
        " mend the engine, or calibrate the camera again"
    )


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


def keep_streams(
    station: Station, pack: CameraPack, hub: SensorHub, sensors: Sequence[SensorConfig], health: HealthBoard
) -> None:
    """Let only the streams that a budget was calibrated with add to the risk, with what they had learned."""
    taken = hub.take_up({name: stream.learned for name, stream in pack.sensors.items()})
    station.weights = {name: pack.sensors[name].weight for name in taken}
    policies = {name: policy_of(levels) for name, levels in pack.partial_levels.items()}
    station.gatherer = None if pack.gathering is None else Gatherer(pack.gathering)
    station.standing = Standing(pack.sensors, station.config.policy, policies)
    left = [
        sensor.name
        for sensor in sensors
        if sensor.role == "evidence"
        and (not sensor.cameras or station.name in sensor.cameras)
        and sensor.name not in station.weights
    ]
    if left:
        health.raise_condition(
            "sensors_uncalibrated",
            station.name,
            f"{', '.join(left)} add nothing to the risk: the alarm budget was calibrated without"
            " them, or they were declared otherwise; record them with the camera and calibrate it again",
        )


def _calibration(
    camera: CameraConfig, settings: RunSettings, graph: Graph, health: HealthBoard
) -> tuple[Calibration, CameraPack | None]:
    """The camera pack's calibration, and the pack; the graph's own calibration without a pack.

    Where the engine was chosen for us and fell back to another graph of the bundle than the pack's, the run
    goes on without the pack, and says so.
    """
    bundle = settings.bundle
    assert bundle is not None  # noqa: S101 - asked for by the caller
    if camera.calibration is not None:
        pack = read_pack(camera.calibration)
        verdict = pack_fits(pack, bundle, graph)
        if verdict.ok:
            return pack.calibration, pack
        fell_back = settings.engine == "auto" and settings.precision is None and graph.calibration is not None
        if not fell_back or not _fits_another_graph(pack, bundle, graph):
            raise BundleError(verdict.reason, where=str(camera.calibration), fix=verdict.fix)
        health.raise_condition("budget_not_kept", camera.name, budget_lost(pack.precision, graph))
    if graph.calibration is None:
        raise BundleError(
            f"its {graph.precision} graph has no calibration, and the camera has no pack",
            where=f"{bundle.path}, camera {camera.name}",
            fix="export it again with --data of the scene's normal life",
        )
    return graph.calibration, None


def _fits_another_graph(pack: CameraPack, bundle: Bundle, graph: Graph) -> bool:
    others = [other for other in bundle.manifest.graphs if other.member != graph.member]
    return any(pack_fits(pack, bundle, other).ok for other in others)


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
    client = MqttClient(broker, client_id=client_id(broker, site.site, "sensors"), pace_s=PACE_S)
    return SensorSubscriber(client, hub, site.site)
