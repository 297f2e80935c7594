"""The first boot, in a folder that stands in for the board's root."""

from __future__ import annotations

import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

FIRSTBOOT = str(files("vad_edge_devices") / "assets" / "firstboot")

pytestmark = pytest.mark.skipif(shutil.which("/usr/bin/ssh-keygen") is None, reason="needs ssh-keygen")


class Root:
    """A freshly flashed root file system, on one board."""

    def __init__(self, folder: Path, serial: bytes = b"1421623012345\0", many: bool = True) -> None:
        self.folder = folder
        for name in ("etc/ssh", "etc/vad-edge", "proc/device-tree", "var/lib"):
            (folder / name).mkdir(parents=True)
        (folder / "etc/machine-id").touch()
        (folder / "etc/hosts").write_text("127.0.0.1\tlocalhost\n")
        (folder / "proc/device-tree/serial-number").write_bytes(serial)
        unique = "yes" if many else "no"
        self.settings(f"hostname=gate\nunique_hostname={unique}\nrelease=\n")
        # The machine id is systemd's to make; its tool wants a real root file system.
        self.tool(
            "systemd-machine-id-setup",
            "od -An -tx1 -N16 /dev/urandom | tr -d ' \\n' >\"${1#--root=}/etc/machine-id\"",
        )
        # Only the quickest of the keys `ssh-keygen -A -f ROOT` makes.
        self.tool(
            "ssh-keygen",
            "[ \"$1 $2\" = '-A -f' ] && exec /usr/bin/ssh-keygen -q -t ed25519 -N ''"
            ' -f "$3/etc/ssh/ssh_host_ed25519_key"',
        )

    def tool(self, name: str, body: str) -> None:
        path = self.folder / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    def settings(self, text: str) -> None:
        (self.folder / "etc/vad-edge/firstboot.conf").write_text(text)

    def boot(self, what: str = "identity") -> subprocess.CompletedProcess[str]:
        path = f"{self.folder / 'bin'}:/usr/sbin:/usr/bin:/sbin:/bin"
        environment = {"VAD_EDGE_ROOT": str(self.folder), "PATH": path}
        return subprocess.run(
            ["sh", FIRSTBOOT, what], env=environment, capture_output=True, text=True, check=False
        )

    def read(self, name: str) -> str:
        return (self.folder / name).read_text()


def test_a_board_gets_name_keys_and_client_id_of_its_own(tmp_path: Path) -> None:
    root = Root(tmp_path)
    assert root.boot().returncode == 0
    assert root.read("etc/hostname") == "gate-012345\n"
    assert "127.0.1.1\tgate-012345" in root.read("etc/hosts")
    assert root.read("etc/vad-edge/identity.env") == "VAD_EDGE_CLIENT_ID=vad-edge-1421623012345\n"
    assert len(root.read("etc/machine-id").strip()) == 32
    assert "PRIVATE KEY" in root.read("etc/ssh/ssh_host_ed25519_key")


def test_two_boards_flashed_alike_share_nothing(tmp_path: Path) -> None:
    names = ("etc/hostname", "etc/machine-id", "etc/ssh/ssh_host_ed25519_key", "etc/vad-edge/identity.env")
    roots = [Root(tmp_path / serial.decode(), serial) for serial in (b"1421623012345", b"1421623054321")]
    for root in roots:
        assert root.boot().returncode == 0
    for name in names:
        assert roots[0].read(name) != roots[1].read(name)


def test_keys_are_not_made_from_the_serial_number(tmp_path: Path) -> None:
    roots = [Root(tmp_path / name) for name in ("a", "b")]
    for root in roots:
        assert root.boot().returncode == 0
    assert roots[0].read("etc/ssh/ssh_host_ed25519_key") != roots[1].read("etc/ssh/ssh_host_ed25519_key")


def test_a_second_boot_changes_nothing(tmp_path: Path) -> None:
    root = Root(tmp_path)
    root.boot()
    names = ("etc/hostname", "etc/hosts", "etc/machine-id", "etc/ssh/ssh_host_ed25519_key")
    once = [root.read(name) for name in names]
    assert root.boot().returncode == 0
    assert [root.read(name) for name in names] == once


def test_a_single_board_keeps_the_name_it_was_given(tmp_path: Path) -> None:
    root = Root(tmp_path, many=False)
    root.boot()
    assert root.read("etc/hostname") == "gate\n"


@pytest.mark.parametrize("serial", [b"", b"$(reboot)\0"])
def test_without_a_serial_number_the_machine_id_stands_in(tmp_path: Path, serial: bytes) -> None:
    root = Root(tmp_path, serial)
    assert root.boot().returncode == 0
    assert root.read("etc/vad-edge/identity.env").strip().endswith(root.read("etc/machine-id")[:13])


def test_the_release_is_started_once_and_tried_again_until_it_runs(tmp_path: Path) -> None:
    root = Root(tmp_path)
    root.settings("hostname=gate\nunique_hostname=no\nrelease=/opt/vad-edge/releases/1\n")
    activate = tmp_path / "opt/vad-edge/releases/1/activate"
    activate.parent.mkdir(parents=True)
    activate.write_text("#!/bin/sh\nexit 3\n")
    activate.chmod(0o755)
    assert root.boot("release").returncode == 3
    assert not (tmp_path / "var/lib/vad-edge/firstboot.done").exists()
    activate.write_text("#!/bin/sh\nexit 0\n")
    assert root.boot("release").returncode == 0
    assert (tmp_path / "var/lib/vad-edge/firstboot.done").exists()


def test_it_says_how_it_is_called(tmp_path: Path) -> None:
    assert Root(tmp_path).boot("everything").returncode == 2
