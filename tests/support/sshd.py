"""A real OpenSSH server on a loopback port, with keys and configuration of its own, and a client's for it."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.machine import Machine
from tests.support.mosquitto import wait_until

SSHD = shutil.which("sshd") or shutil.which("/usr/sbin/sshd")


class Board:
    """A machine that is reached over SSH as ``board``; `config` is what the client needs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.machine = Machine(folder)
        self.machine.tool("python3", f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        self.config = folder / "ssh_config"
        self._process: subprocess.Popen[bytes] | None = None
        for name in ("host", "client"):
            self.make_key(name)
        (folder / "authorized").write_text((folder / "client.pub").read_text())
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.know()
        self.config.write_text(
            f"Host board\n  HostName 127.0.0.1\n  Port {self.port}\n  User {getpass.getuser()}\n"
            f"  IdentityFile {folder}/client\n  IdentitiesOnly yes\n  UserKnownHostsFile {folder}/known\n"
            "  GlobalKnownHostsFile /dev/null\n  UpdateHostKeys no\n"
        )

    def make_key(self, name: str) -> None:
        for path in self.folder.glob(f"{name}*"):
            path.unlink()
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.folder / name)], check=True
        )

    def know(self) -> None:
        key = " ".join((self.folder / "host.pub").read_text().split()[:2])
        (self.folder / "known").write_text(f"[127.0.0.1]:{self.port} {key}\n")

    def start(self) -> None:
        assert SSHD is not None
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        path = f"{self.machine.root / 'bin'}:/usr/sbin:/usr/bin:/sbin:/bin"
        environment = (
            f"PATH={path} VAD_EDGE_ROOT={self.machine.root} VAD_EDGE_WAIT_S=1 PREFIX={self.machine.prefix}"
        )
        (self.folder / "sshd_config").write_text(
            f"ListenAddress 127.0.0.1\nPort {self.port}\nHostKey {self.folder}/host\nPidFile none\n"
            f"AuthorizedKeysFile {self.folder}/authorized\nStrictModes no\nUsePAM no\nPermitRootLogin yes\n"
            f"PasswordAuthentication no\nKbdInteractiveAuthentication no\nSetEnv {environment}\n"
        )
        self._process = subprocess.Popen(
            [SSHD, "-D", "-e", "-f", str(self.folder / "sshd_config")], stderr=subprocess.DEVNULL
        )
        wait_until(self._listens, "sshd to listen")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Board]:
    if SSHD is None or shutil.which("ssh") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("OpenSSH is not installed: sh tests/install_sshd.sh")
        pytest.skip("OpenSSH is not installed: sh tests/install_sshd.sh")
    made = Board(tmp_path)
    made.start()
    yield made
    made.stop()
