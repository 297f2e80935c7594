"""A real Mosquitto on a loopback port."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.netns import Network

from vad_edge.config.site import BrokerConfig

MOSQUITTO = shutil.which("mosquitto") or shutil.which("/usr/sbin/mosquitto")


def wait_until(condition: Callable[[], bool], what: str, timeout_s: float = 30.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, f"waited {timeout_s} s for {what}"
        time.sleep(0.01)


class Mosquitto:
    """A Mosquitto of our own on a port that stays the same over restarts: on loopback, or in a network."""

    def __init__(
        self, folder: Path, settings: str = "allow_anonymous true\n", at: Network | None = None
    ) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._address = "127.0.0.1" if at is None else at.address
        self._command = () if at is None else at.command
        self.config = folder / "mosquitto.conf"
        user = "user root\n" if os.geteuid() == 0 else ""
        self.config.write_text(f"listener {self.port} {self._address}\n{user}{settings}")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def broker(self) -> BrokerConfig:
        return BrokerConfig(url=f"mqtt://{self._address}:{self.port}")

    def start(self) -> None:
        assert MOSQUITTO is not None
        arguments = [*self._command, MOSQUITTO, "-c", str(self.config)]
        self._process = subprocess.Popen(arguments, stderr=subprocess.DEVNULL)
        wait_until(self._listens, "Mosquitto to listen")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()  # goes through to a stopped process, too
            self._process.wait()
            self._process = None

    def signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((self._address, self.port)) == 0


@pytest.fixture
def new_mosquitto(tmp_path: Path) -> Iterator[Callable[..., Mosquitto]]:
    if MOSQUITTO is None:
        if os.environ.get("CI") == "true":
            pytest.fail("Mosquitto is not installed: apt-get install mosquitto mosquitto-clients")
        pytest.skip("Mosquitto is not installed: apt-get install mosquitto mosquitto-clients")
    made: list[Mosquitto] = []

    def new(settings: str = "allow_anonymous true\n", at: Network | None = None) -> Mosquitto:
        made.append(Mosquitto(tmp_path, settings, at))
        return made[-1]

    yield new
    for mosquitto in made:
        mosquitto.kill()


@pytest.fixture
def mosquitto(new_mosquitto: Callable[..., Mosquitto]) -> Mosquitto:
    started = new_mosquitto()
    started.start()
    return started
