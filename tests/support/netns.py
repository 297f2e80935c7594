"""A network of its own behind a cable that can be pulled: Linux network namespaces."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest

_NETWORK = "198.51.100"  # set aside for documentation, so that no machine has it


class Network:
    """A namespace reached over one cable; `address` is its end, programs start there with `command`."""

    def __init__(self) -> None:
        self._name = f"vad-edge-{os.getpid()}"
        self._near, self._far = f"vn{os.getpid()}", f"vf{os.getpid()}"
        self.address = f"{_NETWORK}.2"
        self.command = ("ip", "netns", "exec", self._name)
        _ip("netns", "add", self._name)
        _ip("link", "add", self._near, "type", "veth", "peer", "name", self._far, "netns", self._name)
        _ip("addr", "add", f"{_NETWORK}.1/24", "dev", self._near)
        _ip("link", "set", self._near, "up")
        self._inside("addr", "add", f"{self.address}/24", "dev", self._far)
        self.mend()

    def cut(self) -> None:
        """Pull the cable at the far end: what is sent is gone, without an error."""
        self._inside("link", "set", self._far, "down")

    def mend(self) -> None:
        """Plug the cable in again."""
        self._inside("link", "set", self._far, "up")

    def close(self) -> None:
        _ip("netns", "del", self._name)

    def _inside(self, *arguments: str) -> None:
        _ip("-n", self._name, *arguments)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@pytest.fixture
def network() -> Iterator[Network]:
    if shutil.which("ip") is None:
        pytest.skip("a network of its own takes the ip command: apt-get install iproute2")
    try:
        made = Network()
    except subprocess.CalledProcessError as error:
        pytest.skip(f"a network of its own may not be made here: {error.stderr.decode().strip()}")
    yield made
    made.close()
