"""The main job as separate programs: a run, a replay, and a listener that is not ours."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.mosquitto import Mosquitto

import vad_edge.demo

DEMO = Path(vad_edge.demo.__file__).parent
VAD_EDGE = [sys.executable, "-m", "vad_edge"]


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts programs; whatever still runs in the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def begin(*command: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


class Heard:
    """What mosquitto_sub writes down, one `topic payload` a line."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def messages(self, leaf: str = "") -> list[tuple[str, str]]:
        lines = self._path.read_text().splitlines()
        pairs = [(line.partition(" ")[0], line.partition(" ")[2]) for line in lines]
        return [(topic, payload) for topic, payload in pairs if topic.endswith(leaf)]

    def wait_for(self, leaf: str, payload: str, timeout_s: float = 30.0) -> None:
        deadline_s = time.monotonic() + timeout_s
        while not any(heard == payload for _, heard in self.messages(leaf)):
            assert time.monotonic() < deadline_s, f"{leaf} {payload} never came: {self.messages()[-5:]}"
            time.sleep(0.05)


@pytest.fixture
def listen(mosquitto: Mosquitto, tmp_path: Path) -> Iterator[Heard]:
    """An independent client of the broker."""
    program = shutil.which("mosquitto_sub")
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail("mosquitto_sub is not installed: apt-get install mosquitto-clients")
        pytest.skip("mosquitto_sub is not installed: apt-get install mosquitto-clients")
    path = tmp_path / "heard.txt"
    with path.open("w") as stream:
        process = subprocess.Popen(
            [program, "-h", "127.0.0.1", "-p", str(mosquitto.port), "-t", "#", "-v"], stdout=stream
        )
        yield Heard(path)
        process.kill()
        process.wait()


@pytest.fixture
def demo_run(mosquitto: Mosquitto, tmp_path: Path) -> list[object]:
    """The command that runs the shipped bundle on the shipped clip, publishing to Mosquitto."""
    return [
        *VAD_EDGE, "run", "--config", DEMO / "site.toml", "--bundle", DEMO / "scene.vadb",
        "--source", DEMO / "clip.mp4", "--broker", mosquitto.broker.address, "--output", tmp_path / "out",
    ]  # fmt: skip
