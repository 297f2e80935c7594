"""`vad-edge provision` to a whole Debian, with real packages: minutes, so only where one was made.

mmdebstrap --variant=minbase --include=openssh-server,python3,python3-venv,sudo,procps bookworm debian
vad-edge devices wheelhouse --python 3.11 --machine x86_64 --output wheels --wheel dist/vad_edge-*.whl
VAD_EDGE_DEBIAN=debian VAD_EDGE_WHEELS=wheels pytest tests/devices/provision/test_debian.py
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.mosquitto import wait_until

import vad_edge.demo
from vad_edge.bundle.archive import sign_bundle
from vad_edge.bundle.keys import make_key, read_private_key

ROOT, WHEELS = os.environ.get("VAD_EDGE_DEBIAN", ""), os.environ.get("VAD_EDGE_WHEELS", "")
BUNDLE = Path(vad_edge.demo.__file__).parent / "scene.vadb"
USER = "ann"

pytestmark = pytest.mark.skipif(
    not (ROOT and WHEELS) or os.geteuid() != 0,
    reason="VAD_EDGE_DEBIAN and VAD_EDGE_WHEELS name no Debian and no wheels, or this is not root",
)


@dataclass
class Debian:
    """A root file system whose sshd answers on loopback; ann may use sudo."""

    root: Path
    folder: Path
    port: int = 0

    def inside(self, *words: str) -> str:
        command = ["chroot", str(self.root), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def link(self, name: str) -> str:
        return str((self.root / "opt/vad-edge" / name).readlink())

    def provision(self, *more: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.command(*more), capture_output=True, text=True, check=False)

    def command(self, *more: object) -> Sequence[str]:
        words = ["provision", "board", "--ssh-config", self.folder / "ssh_config", *more]
        return [sys.executable, "-m", "vad_edge", *map(str, words)]


@pytest.fixture(scope="module")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Debian]:
    made = Debian(Path(ROOT), tmp_path_factory.mktemp("debian"))
    shutil.rmtree(made.root / "opt/vad-edge", ignore_errors=True)
    shutil.rmtree(made.root / "etc/vad-edge", ignore_errors=True)
    mounted = [made.root / name for name in ("proc", "dev")]
    subprocess.run(["mount", "-t", "proc", "proc", str(mounted[0])], check=True)
    subprocess.run(["mount", "--bind", "/dev", str(mounted[1])], check=True)
    server = None
    try:
        if USER not in (made.root / "etc/passwd").read_text():
            made.inside("useradd", "--create-home", "--shell", "/bin/sh", "--password", "*", USER)
        (made.root / "etc/sudoers.d" / USER).write_text(f"{USER} ALL=(ALL) NOPASSWD: ALL\n")
        made.inside("ssh-keygen", "-A")
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(made.folder / "key")], check=True
        )
        home = made.root / "home" / USER / ".ssh"
        home.mkdir(mode=0o700, exist_ok=True)
        (home / "authorized_keys").write_text((made.folder / "key.pub").read_text())
        made.inside("chown", "-R", f"{USER}:", f"/home/{USER}/.ssh")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            made.port = probe.getsockname()[1]
        host = " ".join((made.root / "etc/ssh/ssh_host_ed25519_key.pub").read_text().split()[:2])
        (made.folder / "known").write_text(f"[127.0.0.1]:{made.port} {host}\n")
        (made.folder / "ssh_config").write_text(
            f"Host board\n  HostName 127.0.0.1\n  Port {made.port}\n  User {USER}\n"
            f"  IdentityFile {made.folder}/key\n  IdentitiesOnly yes\n"
            f"  UserKnownHostsFile {made.folder}/known\n  GlobalKnownHostsFile /dev/null\n"
        )
        (made.root / "run/sshd").mkdir(parents=True, exist_ok=True)
        server = subprocess.Popen(
            [
                *("chroot", str(made.root), "/usr/sbin/sshd", "-D", "-e", "-o", "ListenAddress=127.0.0.1"),
                *("-o", f"Port={made.port}", "-o", "UsePAM=no", "-o", "PidFile=none"),
            ],
            stderr=subprocess.DEVNULL,
        )
        wait_until(lambda: _listens(made.port), "sshd to listen")
        yield made
    finally:
        if server is not None:
            server.terminate()
            server.wait()
        for folder in reversed(mounted):
            subprocess.run(["umount", "-l", str(folder)], check=False)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_debian_becomes_a_board_that_watches(debian: Debian, tmp_path: Path) -> None:
    key = make_key(tmp_path / "site.key")
    for name in ("old", "new"):
        sign_bundle(BUNDLE, tmp_path / f"{name}.vadb", read_private_key(tmp_path / "site.key"))
    site = tmp_path / "site.toml"
    site.write_text('site = "gate"\n[[camera]]\nname = "front"\nsource = 0\n')
    given = ["--config", site, "--bundle", tmp_path / "old.vadb", "--wheelhouse", WHEELS, "--trust", key]

    # Killed half-way: what was sent stays, and the same command goes on.
    process = subprocess.Popen(
        debian.command(*given, "--yes"),
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    releases = debian.root / "opt/vad-edge/releases"
    wait_until(lambda: bool(list(releases.glob("*/wheelhouse/*.whl"))), "the first wheel to arrive", 60)
    process.kill()
    process.wait()
    time.sleep(2.0)
    done = debian.provision(*given, "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "packages: installed" in done.stderr
    assert "ok   bundle:" in done.stderr
    assert "signed by a trusted key" in done.stderr
    first = debian.link("current")

    # Twice changes nothing.
    again = debian.provision(*given, "--yes", "--json")
    assert again.returncode == 0
    assert [step["needed"] for step in json.loads(again.stdout)["steps"]] == [False] * 5
    assert debian.link("current") == first

    # The service's own user runs the demo with what was installed.
    said = debian.inside(
        "runuser", "-u", "vad-edge", "--", "/opt/vad-edge/current/venv/bin/vad-edge", "doctor",
        "--bundle", "/opt/vad-edge/current/model.vadb", "--json",
    )  # fmt: skip
    assert not [each for each in json.loads(said)["findings"] if each["state"] == "fail"]

    # An unsigned bundle is refused on the board from now on.
    refused = subprocess.run(
        [
            *("chroot", str(debian.root), "/opt/vad-edge/current/venv/bin/vad-edge", "bundle", "verify"),
            "/opt/vad-edge/current/venv/lib/python3.11/site-packages/vad_edge/demo/scene.vadb",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 2
    assert "it is not signed" in refused.stderr

    # Another site is another release; rolled back, the first runs again.
    site.write_text(site.read_text().replace("gate", "yard"))
    assert debian.provision(*given, "--yes").returncode == 0
    assert debian.link("current") != first
    back = debian.provision("--rollback")
    assert back.returncode == 0, back.stderr
    assert debian.link("current") == first
