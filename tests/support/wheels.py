"""A wheelhouse whose vad-edge is a few lines of shell-like Python, and whose pip is the real one."""

from __future__ import annotations

import importlib.metadata
import zipfile
from pathlib import Path

import pytest

# Says what it was asked on standard output, and fails where the environment tells it to.
STAND_IN = """
import os, sys
def main():
    print("stand-in", VERSION, *sys.argv[1:])
    sys.exit(int(os.environ.get("STAND_IN_" + sys.argv[1].upper(), "0")))
"""


def make_wheel(folder: Path, name: str, version: str, files: dict[str, str], metadata: str = "") -> Path:
    """A pure wheel; pip asks for no more than this."""
    info = f"{name}-{version}.dist-info"
    members = {
        **files,
        f"{info}/METADATA": (
            f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: {version}\n{metadata}"
        ),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    if "stand_in.py" in files:
        members[f"{info}/entry_points.txt"] = "[console_scripts]\nvad-edge = stand_in:main\n"
    members[f"{info}/RECORD"] = "".join(f"{member},,\n" for member in (*members, f"{info}/RECORD"))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for member, text in members.items():
            wheel.writestr(member, text)
    return path


def pip_wheel(folder: Path) -> Path:
    """The pip of this interpreter, packed as a wheel again."""
    distribution = importlib.metadata.distribution("pip")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"pip-{distribution.version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for file in distribution.files or ():
            if file.parts[0] != ".." and file.suffix != ".pyc":
                wheel.write(str(file.locate()), file.as_posix())
    return path


def make_wheelhouse(folder: Path, version: str = "1.0") -> Path:
    make_wheel(folder, "vad_edge", version, {"stand_in.py": f"VERSION = {version!r}\n{STAND_IN}"})
    if not list(folder.glob("pip-*.whl")):
        pip_wheel(folder)
    return folder


@pytest.fixture
def wheelhouse(tmp_path: Path) -> Path:
    return make_wheelhouse(tmp_path / "wheels")
