"""A secret in every setting that can hold one, and none of it in anything that a run or a command shows."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel, SecretStr
from tests.support.footage import quiet_frames, write_video

from vad_edge.bundle.archive import Bundle
from vad_edge.config.site import SiteConfig

pytestmark = pytest.mark.slow

CANARY = "Canary"
PASSWORDS = {
    "camera.source": f"{CANARY}A#1/x?y@z",
    "camera.record_source": f"{CANARY}E?2",
    "camera.view_source": f"{CANARY}F",
    "broker.url": f"{CANARY}B%231",
    "webhook.url": f"{CANARY}C",
}
"""A password for each setting that is a secret; the test fails for a new one that is not here."""


def secret_settings(model: type[BaseModel] = SiteConfig, place: str = "") -> Iterator[str]:
    """Every setting of the site file whose type cannot be printed."""
    for name, field in model.model_fields.items():
        kinds = [field.annotation]
        while any(get_args(kind) for kind in kinds):
            kinds = [part for kind in kinds for part in (get_args(kind) or (kind,))]
        for kind in kinds:
            if kind is SecretStr:
                yield f"{place}{name}"
            elif isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from secret_settings(kind, f"{place}{name}.")


def test_each_setting_that_is_a_secret_has_a_canary() -> None:
    assert set(secret_settings()) == set(PASSWORDS)


@pytest.fixture
def sites(mosquitto: Any, calibrated_bundle: Bundle, tmp_path: Path) -> tuple[Path, Path]:
    """A site of two cameras that do not answer, and one of a clip."""
    clip = write_video(tmp_path / "clip.mkv", quiet_frames(30))
    host = mosquitto.broker.address.partition("://")[2]
    shared = (
        f'[broker]\nurl = "mqtt://cam:{PASSWORDS["broker.url"]}@{host}"\n'
        f'[webhook]\nurl = "http://127.0.0.1:9/hook?token={PASSWORDS["webhook.url"]}"\n'
    )
    head = f'site = "home"\nbundle = "{calibrated_bundle.path}"\n'
    (tmp_path / "onvif.txt").write_text(f"{CANARY}D")
    dead = "".join(
        f'[[camera]]\nname = "{name}"\nsource = "rtsp://admin:{PASSWORDS["camera.source"]}@127.0.0.1:9/live"\n'
        f'record_source = "rtsp://admin:{PASSWORDS["camera.record_source"]}@127.0.0.1:9/large"\n'
        f'view_source = "rtsp://admin:{PASSWORDS["camera.view_source"]}@127.0.0.1:9/small"\n'
        '[camera.onvif]\naddress = "127.0.0.1:9"\nuser = "admin"\npassword_file = "onvif.txt"\n'
        for name in ("dead", "gone")
    )
    (tmp_path / "dead.toml").write_text(f'{head}[privacy]\nevidence = "full"\n{dead}{shared}')
    (tmp_path / "clip.toml").write_text(f'{head}[[camera]]\nname = "clip"\nsource = "{clip}"\n{shared}')
    return tmp_path / "dead.toml", tmp_path / "clip.toml"


def children(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found += [child, *children(child)]
    return found


def told_by(arguments: list[object], home: Path, seconds: float = 60.0) -> bytes:
    """What a command prints, and what its processes have in their arguments."""
    environment = {**os.environ, "XDG_STATE_HOME": str(home), "CI": "true"}
    command = [sys.executable, "-m", "vad_edge", *map(str, arguments)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    seen = b""
    deadline_s = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline_s:
        for child in [process.pid, *children(process.pid)]:
            try:
                seen += Path(f"/proc/{child}/cmdline").read_bytes()
            except OSError:
                continue
        time.sleep(0.05)
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    return seen + said


def test_no_canary_is_seen_in_outputs_topics_files_and_arguments(
    sites: tuple[Path, Path], tmp_path: Path, mosquitto: Any, listen: Any
) -> None:
    dead, clip = sites
    listener = listen(mosquitto.broker, "#").ready()
    out, home = tmp_path / "out", tmp_path / "home"
    seen = [
        told_by(arguments, home, seconds)
        for arguments, seconds in (
            (["run", "--config", dead, "--output", out, "--log-level", "debug"], 8.0),
            (["run", "--config", clip, "--output", tmp_path / "clip-out", "--log-level", "debug"], 60.0),
            (["--debug", "doctor", "--config", dead], 60.0),
            (["mqtt", "check", "--config", clip], 30.0),
            (["mask", "--config", dead, "--camera", "dead"], 20.0),
            (["record", "--config", dead, "--name", "dead", "--output", tmp_path / "clips"], 10.0),
            (["bridge", "webhook", "--config", dead], 3.0),
        )
    ]
    assert b"127.0.0.1:9" in seen[0]  # the camera was named
    health = [payload for topic, payload in listener.messages if topic.endswith("/dead/health")]
    assert any(b"camera_lost" in payload for payload in health)
    for folder in (out, home, tmp_path / "clip-out", tmp_path / "clips"):
        seen += [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    seen += [topic.encode() + payload for topic, payload in listener.messages]
    found = [text[max(text.find(b"Canary") - 100, 0) :][:160] for text in seen if b"Canary" in text]
    assert found == []
