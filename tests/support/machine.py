"""A folder that stands in for a board: its prefix, its root, and tools that record what they are asked."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from vad_edge_devices.release import Release

# is-active answers by whether the release that `current` names holds a file called silent.
SYSTEMCTL = """#!/bin/sh
echo "$*" >>"$VAD_EDGE_ROOT/systemctl"
case "$*" in
*is-active*) if [ -e "$PREFIX/current/silent" ]; then echo activating; else echo active; fi ;;
esac
"""
# Answers as the wheel's stand-in does.
PROGRAM = """#!/bin/sh
echo "stand-in $*"
case $1 in compile) exit "${STAND_IN_COMPILE:-0}" ;; doctor) exit "${STAND_IN_DOCTOR:-0}" ;; esac
"""


class Machine:
    """A folder that stands in for a board: prefix, root and tools."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        self.prefix = folder / "opt"
        for name in ("etc/systemd/system", "run/systemd/system", "bin"):
            (self.root / name).mkdir(parents=True)
        self.tool("systemctl", SYSTEMCTL)
        for name in ("useradd", "usermod"):
            self.tool(name, f'#!/bin/sh\necho "{name} $*" >>"$VAD_EDGE_ROOT/users"\n')
        for name in ("chown", "runuser"):
            self.tool(name, "#!/bin/sh\nexit 0\n")

    def tool(self, name: str, text: str) -> None:
        path = self.root / "bin" / name
        path.write_text(text)
        path.chmod(0o755)

    def unpack(self, release: Release, *, installed: bool = True) -> Path:
        """Put a release there; its packages as if they were installed, or as they come."""
        folder = self.prefix / release.folder
        for name, item in release.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(item.read())
            path.chmod(item.mode)
        if installed:
            program = folder / "venv/bin/vad-edge"
            program.parent.mkdir(parents=True)
            program.write_text(PROGRAM)
            program.chmod(0o755)
            (folder / ".complete").touch()
        return folder

    def environment(self) -> dict[str, str]:
        """What a program on the board finds set."""
        return {
            "VAD_EDGE_ROOT": str(self.root),
            "VAD_EDGE_PYTHON": sys.executable,
            "VAD_EDGE_WAIT_S": "1",
            "PREFIX": str(self.prefix),
            "PATH": f"{self.root / 'bin'}:/usr/sbin:/usr/bin:/sbin:/bin",
        }

    def activate(
        self, folder: Path, *, arguments: tuple[str, ...] = (), **more: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(folder / "activate"), *arguments],
            env={**self.environment(), **more},
            capture_output=True,
            text=True,
            check=False,
        )

    def link(self, name: str) -> str:
        return os.readlink(self.prefix / name)  # noqa: PTH115

    @property
    def systemctl(self) -> list[str]:
        path = self.root / "systemctl"
        return path.read_text().splitlines() if path.exists() else []
