"""Whether what a site file names is there and works: cameras, calibrations, sensors, the event store."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from vad_edge.bundle.archive import Bundle
from vad_edge.bundle.manifest import Graph, Manifest
from vad_edge.cameras.decoding import stream_options
from vad_edge.clock import LiveClock
from vad_edge.config.site import CameraConfig, SensorConfig, SiteConfig
from vad_edge.diagnostics.finding import Finding, failure
from vad_edge.errors import SensorError, VadEdgeError
from vad_edge.events.store import EventStore
from vad_edge.mqtt.listener import TopicListener
from vad_edge.runtime.monitor import SLOW_SHARE
from vad_edge.runtime.profile import resolve_camera
from vad_edge.runtime.settings import sensors_heard
from vad_edge.sensors.parse import read_value, unwrap
from vad_edge.video.frame import SHAPE_FIX, Frame, shape_fault
from vad_edge.video.open import open_source
from vad_edge.video.source import FrameSource
from vad_edge.video.validity import ValidityCheck

CAMERA_S: Final = 3.0
"""How long each live camera is watched to see how many frames a second it really gives."""
LISTEN_S: Final = 5.0
CONNECT_S: Final = 10.0


def check_cameras(site: SiteConfig, bundle: Bundle | None) -> Iterator[Finding]:
    """Open every camera, and look at what it gives and how fast."""
    for camera in site.camera:
        yield from _camera(camera, bundle.manifest if bundle is not None else None)


def _camera(camera: CameraConfig, model: Manifest | None) -> Iterator[Finding]:
    subject = f"camera {camera.name}"
    if camera.spec is None:
        yield Finding(subject, "fail", "it has no source", "give source = 0, a path or a URL")
        return
    try:
        source = open_source(camera.spec, LiveClock(), fps=camera.fps, options=stream_options(camera))
    except VadEdgeError as error:
        yield failure(subject, error)
        return
    try:
        yield _looked_through(subject, source, model)
    except VadEdgeError as error:
        yield failure(subject, error)
    finally:
        source.close()


def _looked_through(subject: str, source: FrameSource, model: Manifest | None) -> Finding:
    last, fps = _measured(source)
    if last is None:
        fix = "check cable and power, and whether another program has it: a service that runs does"
        return Finding(subject, "fail", f"{source.info.name} gives no frame", fix)
    height, width = last.image.shape[:2]
    text = f"{source.info.name}, {width}x{height}" + (f", {fps:.1f} frames a second" if fps else "")
    verdict = ValidityCheck().check(last.image, last.time_s)
    if not verdict.ok:
        return Finding(subject, "warn", f"{text}, the picture is {verdict.reason}", "look at the camera")
    if model is not None and fps and fps < SLOW_SHARE * model.clock.fps:
        fix = "raise the camera's rate (more light, another mode), or train for this one"
        return Finding(subject, "warn", f"{text}; the model wants {model.clock.fps:g}", fix)
    if model is not None and (fault := shape_fault(width, height, model.width, model.height)):
        return Finding(subject, "warn", f"{text}; {fault}", SHAPE_FIX)
    return Finding(subject, "ok", text)


def _measured(source: FrameSource) -> tuple[Frame | None, float | None]:
    """The last frame and the rate: measured where the source is live, else its own word."""
    last = source.read()
    if last is None or not source.info.live:
        return last, source.info.fps
    first, frames, deadline_s = last, 0, time.monotonic() + CAMERA_S
    while time.monotonic() < deadline_s and (frame := source.read()) is not None:
        last, frames = frame, frames + 1
    passed_s = last.time_s - first.time_s
    return last, frames / passed_s if passed_s > 0 else None


def check_calibrations(site: SiteConfig, bundle: Bundle, graph: Graph, learned: Path) -> Iterator[Finding]:
    """Whether each camera is calibrated for the very graph that will run, at its rate and its slow one.

    learned is where cameras keep what they learn themselves.
    """
    for camera in site.camera:
        subject = f"calibration {camera.name}"
        try:
            profile = resolve_camera(camera, bundle, graph, learned=learned)
        except VadEdgeError as error:
            yield failure(subject, error)
            continue
        full, slow = profile.full, profile.slow
        rates = f"at {full.fps:g}" + ("" if slow is None else f" and {slow.fps:g}") + " frames a second"
        if profile.pack is None:
            unused = f"; the pack that it learned is not used: {profile.unused}" if profile.unused else ""
            text = f"none of its own; the bundle's {graph.precision} calibration is used, {rates}{unused}"
            fix = "make one with `vad-edge calibrate`: levels then keep an alarm budget"
            yield Finding(subject, "warn", text, fix)
        else:
            yield Finding(subject, "ok", f"{profile.pack.path} fits the {graph.precision} graph, {rates}")


def check_sensors(site: SiteConfig) -> Iterator[Finding]:
    """Listen for every sensor for some seconds."""
    if not site.sensor:
        return
    heard = sensors_heard(site)
    if not heard.ok:
        yield Finding("sensors", "warn" if site.camera else "fail", heard.reason, heard.fix)
        return
    if site.broker.address == "embedded":
        yield Finding("sensors", "ok", "they are heard by the run's own broker, which is there while it runs")
        return
    try:
        topics = [sensor.topic for sensor in site.sensor]
        listener = TopicListener(site.broker, site=site.site, role="doctor", topics=topics)
    except VadEdgeError as error:
        yield failure("sensors", error)
        return
    listener.client.start()
    try:
        if not listener.client.wait_connected(CONNECT_S):
            yield Finding("sensors", "fail", "the broker does not answer", "see `vad-edge mqtt check`")
            return
        deadline_s = time.monotonic() + LISTEN_S
        while time.monotonic() < deadline_s and not all(listener.heard_under(topic) for topic in topics):
            time.sleep(0.05)
        yield from (_sensor(sensor, listener.heard_under(sensor.topic)) for sensor in site.sensor)
    finally:
        listener.client.stop()


def _sensor(sensor: SensorConfig, payload: bytes | None) -> Finding:
    subject = f"sensor {sensor.name}"
    if payload is None:
        if sensor.period_s is None:
            text = f"nothing on {sensor.topic} in {LISTEN_S:.0f} s: it speaks when it changes"
            return Finding(subject, "warn", text, "open the door, or whatever moves it, and look again")
        late = sensor.period_s > LISTEN_S
        text = f"nothing on {sensor.topic} in {LISTEN_S:.0f} s; it is to speak every {sensor.period_s:g} s"
        fix = "listen with `vad-edge mqtt listen`; check topic, battery and the broker's ACL"
        return Finding(subject, "warn" if late else "fail", text, fix)
    try:
        value = read_value(sensor, unwrap(sensor, payload).content)
    except SensorError as error:
        return failure(subject, error)
    return Finding(subject, "ok", f"{sensor.topic} says {value:g}{sensor.unit}")


def check_store(path: Path) -> Iterator[Finding]:
    """Whether the event store can be read and is whole, and how many events wait in it."""
    try:
        there = path.exists()
    except OSError as error:
        fix = "look as the user it belongs to"
        yield Finding("store", "fail", f"{path} cannot be read: {error.strerror or error}", fix)
        return
    if not there:
        yield Finding("store", "ok", f"{path} is made by the first run")
        return
    try:
        store = EventStore(path, repair=False)
    except VadEdgeError as error:
        yield failure("store", error)
        return
    try:
        ((damage,),) = store.database.rows("PRAGMA quick_check(1)")
        ((waiting,),) = store.database.rows("SELECT count(*) FROM events WHERE delivered_at IS NULL")
    except VadEdgeError as error:
        yield failure("store", error)
        return
    finally:
        store.close()
    if damage != "ok":
        fix = "the next run keeps it as NAME.corrupt-<time> and goes on with what can be read"
        yield Finding("store", "fail", f"{path} is damaged: {damage}", fix)
        return
    text = f"{path} is whole" + (f"; {waiting} events wait for the broker" if waiting else "")
    yield Finding("store", "ok", text)
