"""Another bundle for the board this runs on: a release like the one that runs, but for the model."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

from vad_edge.bundle.archive import read_bundle
from vad_edge.errors import ConfigError, DeviceError
from vad_edge_devices.release import RECORD, Item, Release, named

MODEL: Final = "model.vadb"

_ENDINGS: Final = {
    1: ("the new model gave no score within a minute; the one before runs again", "journalctl -u vad-edge"),
    3: ("it gave no score within a minute, and neither does the one before", "journalctl -u vad-edge"),
    4: ("it was not begun; what ran before still runs", "see what it said above"),
}


def update(bundle: Path, prefix: Path, say: Callable[[str], None]) -> bool:
    """Make `bundle` the model of the service; False where it is already.

    It is verified first; compiled, examined and swapped by the release's own activation, which goes back by
    itself. The packages are those of the release that runs. Raises BundleError, ConfigError or DeviceError.
    """
    read_bundle(bundle)
    now = prefix / "current"
    if not (now / RECORD).is_file():
        raise ConfigError("no release runs from here", where=str(prefix), fix="provision this board first")
    if not (now / "site.toml").is_file():
        raise ConfigError("the release has no site file", where=str(prefix), fix="provision it with --config")
    release = release_with(now.resolve(), bundle)
    if now.resolve().name == release.name:
        return False
    try:
        folder = _write(release, now.resolve(), prefix)
    except OSError as error:
        raise DeviceError(
            f"the release cannot be written: {error.strerror or error}; what runs is not touched",
            where=str(prefix),
            fix="make room, or run it as root",
        ) from error
    _activate(folder, say)
    return True


def release_with(running: Path, bundle: Path) -> Release:
    """The release in the folder `running`, with another model."""
    names = (path.relative_to(running) for path in _files(running))
    items = {
        name.as_posix(): Item(running / name, (running / name).stat().st_mode & 0o777)
        for name in names
        if name.as_posix() not in (RECORD, ".complete")
    }
    return named({**items, MODEL: Item(bundle)})


def _files(folder: Path) -> list[Path]:
    found: list[Path] = []
    for path in sorted(folder.iterdir()):
        if path.name == "venv":
            continue
        found += _files(path) if path.is_dir() else [path]
    return found


def _write(release: Release, running: Path, prefix: Path) -> Path:
    """The folder of the release, complete: wheels linked, not copied, and the packages shared."""
    folder = prefix / release.folder
    for name, item in release.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        if isinstance(item.content, Path) and name.startswith("wheelhouse/"):
            os.link(item.content, path)
        else:
            path.write_bytes(item.read())
            path.chmod(item.mode)
    if not (folder / "venv").exists():
        (folder / "venv").symlink_to((running / "venv").resolve())
    (folder / ".complete").touch()
    os.sync()
    return folder


def _activate(folder: Path, say: Callable[[str], None]) -> None:
    process = subprocess.Popen(  # noqa: S603 - the release's own script
        [str(folder / "activate")],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    with process:
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        for line in process.stdout:
            say(line.rstrip("\n"))
    if process.returncode != 0:
        ended = f"activation ended with {process.returncode}"
        what, fix = _ENDINGS.get(process.returncode, (ended, "run the same again"))
        raise DeviceError(what, where=str(folder), fix=fix)
