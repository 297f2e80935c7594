"""A real Node-RED, installed once into the user's cache and run on loopback."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs
import pytest

VERSION = "4.1.8"


def installed() -> Path:
    """The folder of the installation; skips the test where npm cannot make one."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("Node.js with npm is not installed")
    folder = platformdirs.user_cache_path("vad-edge-tests") / f"node-red-{VERSION}"
    if not (folder / "done").exists():
        folder.mkdir(parents=True, exist_ok=True)
        command = [npm, "install", "--no-fund", "--no-audit", "--prefix", str(folder), f"node-red@{VERSION}"]
        try:
            result = subprocess.run(command, capture_output=True, text=True, timeout=240)
        except subprocess.TimeoutExpired:
            pytest.skip("npm did not install Node-RED within 240 s")
        if result.returncode:
            pytest.skip(f"npm cannot install Node-RED: {result.stderr.strip().splitlines()[-1:]}")
        (folder / "done").touch()
    return folder


@contextmanager
def running(flow: Path, folder: Path, port: int, environment: dict[str, str]) -> Iterator[Path]:
    """Runs `flow` with its user folder in `folder`; gives its log."""
    (folder / "flows.json").write_text(flow.read_text())
    settings = {"uiHost": "127.0.0.1", "uiPort": port, "flowFile": "flows.json", "httpAdminRoot": False}
    (folder / "settings.js").write_text(f"module.exports = {json.dumps(settings)}\n")
    start = installed() / "node_modules" / "node-red" / "red.js"
    log = folder / "log.txt"
    with log.open("w") as output:
        process = subprocess.Popen(
            ["node", str(start), "--userDir", str(folder)],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
        )
        try:
            yield log
        finally:
            process.terminate()
            process.wait(10)
