"""What this machine has for a run, and what is missing."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import platformdirs
import psutil

from vad_edge.bundle.verdict import Verdict
from vad_edge.config.site import BrokerConfig
from vad_edge.errors import VadEdgeError
from vad_edge.events.evidence.ffmpeg import find_ffmpeg
from vad_edge.inference.tensorrt.host import board_model

State = Literal["ok", "warn", "fail"]

LOW_MEMORY_BYTES = 500_000_000
LOW_DISK_BYTES = 2_000_000_000
BROKER_WAIT_S = 5.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: ok, worth knowing (warn), or in the way of a run (fail)."""

    subject: str
    state: State
    text: str
    fix: str = ""

    def to_dict(self) -> dict[str, str]:
        """Plain values for JSON."""
        return asdict(self)


def examine(*, bundle: Path | None = None, broker: BrokerConfig | None = None) -> list[Finding]:
    """Look at everything a run uses; bundle and broker only where they are given. Never raises."""
    checks: list[Callable[[], Iterator[Finding]]] = [
        _machine,
        _opencv,
        _gstreamer,
        _ffmpeg,
        _cameras,
        _engines,
        _room,
    ]
    if bundle is not None:
        checks.append(lambda: _bundle(bundle))
    if broker is not None:
        checks.append(lambda: _broker(broker))
    return [finding for check in checks for finding in check()]


def _machine() -> Iterator[Finding]:
    what = board_model() or f"{platform.system()} {platform.machine()}"
    yield Finding("machine", "ok", f"{what}, {os.cpu_count()} cores, Python {platform.python_version()}")


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
        yield Finding("ffmpeg", "ok", "ffmpeg is there: clips of H.264 and H.265 are copied")
    else:
        fix = "apt install ffmpeg, if clips are kept"
        yield Finding("ffmpeg", "warn", "no ffmpeg: every clip is encoded anew", fix)


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


def _room() -> Iterator[Finding]:
    memory = psutil.virtual_memory().available
    state: State = "warn" if memory < LOW_MEMORY_BYTES else "ok"
    yield Finding(
        "memory", state, f"{memory / 1e9:.1f} GB available", "" if state == "ok" else "close something"
    )
    folder = platformdirs.user_state_path("vad-edge")
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(existing, os.W_OK):
        yield Finding("state", "fail", f"{existing} may not be written", "give --output, or mend its rights")
        return
    free = shutil.disk_usage(existing).free
    state = "warn" if free < LOW_DISK_BYTES else "ok"
    yield Finding(
        "disk", state, f"{free / 1e9:.1f} GB free at {existing}", "" if state == "ok" else "make room"
    )


def _bundle(path: Path) -> Iterator[Finding]:
    from vad_edge.bundle.archive import read_bundle
    from vad_edge.inference.select import engine_verdicts, open_engine

    try:
        bundle = read_bundle(path)
        for name, verdict in engine_verdicts(bundle):
            if name != "onnxruntime":
                yield _accelerator(name, verdict)
        # Opening an accelerator's engine may compile for minutes.
        engine = open_engine(bundle, batch=1, engine="onnxruntime")
        engine.step()
        name, calibration = engine.name, engine.graph.calibration
        engine.close()
    except VadEdgeError as error:
        yield Finding("bundle", "fail", str(error))
        return
    if calibration is None:
        yield Finding(
            "bundle", "warn", f"{path} runs on {name} but is not calibrated", "export it with --data"
        )
    else:
        yield Finding("bundle", "ok", f"{path} runs on {name}")


def _accelerator(name: str, verdict: Verdict) -> Finding:
    if verdict.ok:
        return Finding(name, "ok", "it can run the bundle")
    return Finding(name, "warn", f"it cannot run the bundle: {verdict.reason}", verdict.fix)


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
        elif client.problem is not None:
            yield Finding("broker", "fail", client.problem.text, client.problem.fix)
        else:
            yield Finding("broker", "fail", f"no answer within {BROKER_WAIT_S:.0f} s", "check host and port")
    finally:
        client.stop()
