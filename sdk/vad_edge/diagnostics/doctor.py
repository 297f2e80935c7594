"""What this machine has for a run, and what is missing."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import platformdirs
import psutil

from vad_edge.bundle.archive import Bundle, read_bundle
from vad_edge.bundle.keys import trusted_keys
from vad_edge.bundle.manifest import Graph
from vad_edge.common.jetson import board_model, l4t_release
from vad_edge.common.verdict import Verdict
from vad_edge.config.site import BrokerConfig, SiteConfig
from vad_edge.diagnostics.finding import Finding, State, failure, unreached
from vad_edge.errors import BundleError, VadEdgeError
from vad_edge.health.clock_sync import clock_synced
from vad_edge.health.overload import Overload, heat_of, overload_of
from vad_edge.health.power import read_power_mode
from vad_edge.health.thermal import read_thermal
from vad_edge.health.vitals import nearest_existing
from vad_edge.runtime.settings import RunSettings
from vad_edge.video.ffmpeg import find_ffmpeg

LOW_MEMORY_BYTES = 500_000_000
LOW_DISK_BYTES = 2_000_000_000
BROKER_WAIT_S = 5.0
_UNREACHED = (("settings", "fail"), ("tls", "fail"), ("connect", "fail"))
"""Findings about a broker after which no sensor can be heard either."""


def examine(
    *,
    bundle: Path | None = None,
    broker: BrokerConfig | None = None,
    site: SiteConfig | None = None,
    output: Path | None = None,
    parity: int = 0,
) -> Iterator[Finding]:
    """Look at everything a run uses, one thing after the other; what is not given is left out. Never raises.

    With a site its cameras are opened, its sensors listened for, and its broker is talked to; bundle is the
    model it runs with. output is the folder a run keeps its events in, as in `RunSettings`. With parity the
    engine for so many cameras is opened, which may compile for minutes, and held against the reference.
    """
    heat = partial(_heat, None if site is None else site.board.hot_c)
    checks: list[Callable[[], Iterator[Finding]]] = [_machine, _clock, heat, _opencv, _gstreamer, _ffmpeg]
    checks += [_engines, _memory, _trust]
    if site is None or not site.camera:
        checks.insert(6, _cameras)
    for check in checks:
        yield from check()
    state = output or platformdirs.user_state_path("vad-edge")
    yield _room(state)
    model = graph = None
    if bundle is not None:
        try:
            model = read_bundle(bundle)
        except VadEdgeError as error:
            yield failure("bundle", error)
    if model is not None:
        graph = yield from _bundle(model, 1 if site is None else max(len(site.camera), 1))
        if parity:
            from vad_edge.diagnostics.parity import check_parity

            yield check_parity(model, parity, state)
    if site is not None:
        yield from _site(RunSettings(site, model, output), graph)
    elif broker is not None:
        yield from _broker(broker)


def _machine() -> Iterator[Finding]:
    what = board_model() or platform.system()
    release = l4t_release()
    parts = [what, platform.machine(), f"{os.cpu_count()} cores", f"Python {platform.python_version()}"]
    yield Finding("machine", "ok", ", ".join([*parts, *([f"Jetson Linux {release}"] if release else [])]))


def _clock() -> Iterator[Finding]:
    synced = clock_synced()
    if synced:
        yield Finding("clock", "ok", "a time service keeps it")
    else:
        reason = "no time service keeps it" if synced is False else "the system does not tell who keeps it"
        fix = "switch one on (timedatectl set-ntp true); without one no time stamp and no certificate is sure"
        yield Finding("clock", "warn", reason, fix)


def _heat(hot_c: float | None) -> Iterator[Finding]:
    thermal, mode = read_thermal(Path("/sys")), read_power_mode(Path("/"))
    if thermal.hottest is None:
        yield Finding("heat", "ok", "this machine tells no temperature")
    else:
        hot = overload_of(thermal, 0.0, hot_c, before=Overload()).hot
        text = ", ".join(f"{zone.name} {zone.celsius:.0f} °C" for zone in thermal.zones)
        if hot:
            yield Finding(
                "heat", "warn", f"{heat_of(thermal, hot_c)} ({text})", "cool it, or lower its power mode"
            )
        else:
            yield Finding("heat", "ok", text)
    if thermal.overcurrents:
        text = f"its supply gave way {thermal.overcurrents} times since it was switched on"
        yield Finding("supply", "warn", text, "use a stronger supply, or a lower power mode")
    if mode is not None:
        yield Finding("power mode", "ok", f"{mode.name}, of {', '.join(mode.known)}")


def _trust() -> Iterator[Finding]:
    try:
        keys = trusted_keys()
    except BundleError as error:
        yield failure("trust", error)
        return
    if keys:
        yield Finding("trust", "ok", f"bundles must be signed by one of {len(keys)} keys")
    else:
        on_board = bool(board_model())
        fix = "install a key with `vad-edge provision --trust KEY.pub`" if on_board else ""
        yield Finding("trust", "warn" if on_board else "ok", "no key is trusted: any bundle is taken", fix)


def _opencv() -> Iterator[Finding]:
    try:
        import cv2
    except ImportError as error:
        fix = "on a Jetson use the system's packages (venv --system-site-packages), else pip install vad-edge"
        yield Finding("opencv", "fail", f"cv2 cannot be imported: {error}", fix)
        return
    with_gstreamer = any(
        line.split(":")[-1].strip().startswith("YES")
        for line in cv2.getBuildInformation().splitlines()
        if "GStreamer" in line
    )
    yield Finding(
        "opencv", "ok", f"cv2 {cv2.__version__}, GStreamer {'inside' if with_gstreamer else 'not inside'}"
    )


def _gstreamer() -> Iterator[Finding]:
    if shutil.which("gst-launch-1.0"):
        yield Finding("gstreamer", "ok", "gst-launch-1.0 is there, for csi: and gst: sources")
    else:
        fix = "apt install gstreamer1.0-tools, if you need them"
        yield Finding("gstreamer", "warn", "no gst-launch-1.0: no csi: or gst: sources", fix)


def _ffmpeg() -> Iterator[Finding]:
    if find_ffmpeg():
        yield Finding("ffmpeg", "ok", "ffmpeg is there: it reads network cameras, and clips are copied")
    else:
        what = "no ffmpeg: clips are encoded again, and interlaced video is refused"
        yield Finding("ffmpeg", "warn", what, "apt install ffmpeg")


def _cameras() -> Iterator[Finding]:
    devices = sorted(str(path) for path in Path("/dev").glob("video*"))
    if devices:
        unreadable = [device for device in devices if not os.access(device, os.R_OK)]
        if unreadable:
            fix = "add yourself to the group video and log in again"
            yield Finding("cameras", "warn", f"{', '.join(unreadable)} may not be read", fix)
        else:
            yield Finding("cameras", "ok", ", ".join(devices))
    else:
        yield Finding("cameras", "warn", "no /dev/video*", "connect one, or use a file or URL")


def _engines() -> Iterator[Finding]:
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    try:
        import onnxruntime
    except ImportError as error:
        yield Finding("engine", "fail", f"onnxruntime cannot be imported: {error}", "pip install onnxruntime")
        return
    providers = ", ".join(onnxruntime.get_available_providers())
    yield Finding("engine", "ok", f"onnxruntime {onnxruntime.__version__} ({providers})")


def _memory() -> Iterator[Finding]:
    memory = psutil.virtual_memory().available
    state: State = "warn" if memory < LOW_MEMORY_BYTES else "ok"
    yield Finding(
        "memory", state, f"{memory / 1e9:.1f} GB available", "" if state == "ok" else "close something"
    )


def _room(folder: Path) -> Finding:
    existing = nearest_existing(folder)
    if not os.access(existing, os.W_OK):
        fix = "give --output, correct its permissions, or look as the user it belongs to"
        return Finding("state", "fail", f"{existing} may not be written", fix)
    free = shutil.disk_usage(existing).free
    state: State = "warn" if free < LOW_DISK_BYTES else "ok"
    return Finding(
        "disk", state, f"{free / 1e9:.1f} GB free at {existing}", "" if state == "ok" else "make room"
    )


def _bundle(bundle: Bundle, cameras: int) -> Generator[Finding, None, Graph | None]:
    """Whether the bundle can run here. Returns the graph that a run of so many cameras takes, if one does."""
    from vad_edge.inference.select import engine_verdicts, graph_of, open_engine

    signed = "signed by a trusted key" if bundle.signed else "not signed by a trusted key"
    try:
        verdicts = engine_verdicts(bundle)
        for name, verdict in verdicts:
            if name != "onnxruntime":
                yield _accelerator(name, verdict)
        # Opening an accelerator's engine may compile for minutes.
        engine = open_engine(bundle, batch=1, engine="onnxruntime")
        engine.step()
        name, calibration = engine.name, engine.graph.calibration
        engine.close()
        graph = graph_of(next(name for name, verdict in verdicts if verdict.ok), bundle, batch=cameras)
    except VadEdgeError as error:
        yield failure("bundle", error)
        return None
    text = f"{bundle.path} is whole, {signed}, and runs on {name}"
    if calibration is None:
        yield Finding("bundle", "warn", f"{text}, but is not calibrated", "export it with --data")
    else:
        yield Finding("bundle", "ok", text)
    return graph


def _accelerator(name: str, verdict: Verdict) -> Finding:
    if verdict.ok:
        return Finding(name, "ok", "it can run the bundle")
    return Finding(name, "warn", f"it cannot run the bundle: {verdict.reason}", verdict.fix)


def _site(settings: RunSettings, graph: Graph | None) -> Iterator[Finding]:
    """What the site file names; its sensors and broker are not asked where there is none to ask.

    graph is what a run takes, None where there is none to hold calibrations against.
    """
    from vad_edge.diagnostics import site as site_check
    from vad_edge.diagnostics.broker import check_broker

    site, model = settings.site, settings.bundle
    yield from site_check.check_cameras(site, model)
    if any(camera.onvif is not None for camera in site.camera):
        from vad_edge.diagnostics.onvif import check_onvif

        yield from check_onvif(site)
    if model is not None and graph is not None:
        yield from site_check.check_calibrations(site, model, graph, settings.learned)
    yield from site_check.check_store(settings.store_path)
    reached = True
    if site.broker.address not in ("none", "embedded"):
        for found in check_broker(site):
            reached = reached and (found.subject, found.state) not in _UNREACHED
            yield replace(found, subject=f"broker {found.subject}")
    if reached:
        yield from site_check.check_sensors(site)


def _broker(broker: BrokerConfig) -> Iterator[Finding]:
    from vad_edge.mqtt.client import MqttClient
    from vad_edge.mqtt.identity import client_id

    try:
        client = MqttClient(broker, client_id=client_id(broker, "doctor", "check"))
    except VadEdgeError as error:
        yield Finding("broker", "fail", str(error))
        return
    client.start()
    try:
        if client.wait_connected(BROKER_WAIT_S):
            yield Finding("broker", "ok", f"{client.address} answers")
        else:
            yield unreached("broker", client.problem)
    finally:
        client.stop()
