"""The units as systemd itself reads them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from vad_edge_devices.flash.stage import UNITS
from vad_edge_devices.release import PREFIX, asset, unit

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")

SERVICES = ("vad-edge.service", "vad-edge-fallback.service")
START = (
    f"ExecStart={PREFIX}/current/venv/bin/vad-edge run --config {PREFIX}/current/site.toml"
    f" --bundle {PREFIX}/current/model.vadb"
)
EXPOSURE = 2.2
"""What docs/boards.md says; lower is better, 10 is a service without any protection."""


@pytest.fixture
def board(tmp_path: Path) -> Path:
    """A root file system with the units and whatever they start."""
    units = {**{name: unit(name) for name in SERVICES}, **{name: asset(name) for name in UNITS}}
    for name, text in units.items():
        path = tmp_path / "etc/systemd/system" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)
    for target in ("multi-user", "network-online", "network", "local-fs", "sysinit", "basic", "shutdown"):
        path = tmp_path / "lib/systemd/system" / f"{target}.target"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("[Unit]\nDescription=x\n")
    for name in (
        f"{PREFIX}/current/venv/bin/vad-edge",
        f"{PREFIX}/current/activate",
        "/usr/local/lib/vad-edge/firstboot",
        "/bin/kill",
        "/bin/rm",
    ):
        path = tmp_path / name[1:]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
    return tmp_path


@needs_systemd
@pytest.mark.parametrize("name", [*SERVICES, *UNITS])
def test_systemd_understands_every_line(board: Path, name: str) -> None:
    result = subprocess.run(
        ["systemd-analyze", "verify", f"--root={board}", name], capture_output=True, text=True, check=False
    )
    # It returns 0 on keys it does not know: what it says is what counts.
    assert (result.returncode, result.stderr) == (0, "")


@needs_systemd
def test_the_service_is_as_closed_as_the_docs_say(board: Path) -> None:
    path = board / "etc/systemd/system/vad-edge.service"
    shown = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(path)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    (line,) = (line for line in shown.splitlines() if "Overall exposure level" in line)
    assert float(line.partition("service: ")[2].split()[0]) <= EXPOSURE


@pytest.mark.parametrize(
    "line",
    [
        "Type=notify",
        "WatchdogSec=30",
        "StartLimitBurst=5",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "StateDirectory=vad-edge",
        "SupplementaryGroups=video",
        "User=vad-edge",
        "MemoryMax=75%",
        "OnFailure=vad-edge-fallback.service",
        f"ExecStartPost=+-/bin/rm -f {PREFIX}/trial",
        START,
    ],
)
def test_the_service_says(line: str) -> None:
    assert line in unit().decode().splitlines()


def test_the_service_waits_for_nothing_that_waits_for_it() -> None:
    after = next(line for line in unit().decode().splitlines() if line.startswith("After="))
    assert "firstboot" not in after
