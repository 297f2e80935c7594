"""A folder of wheels that one kind of board can install from without a network."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from email.parser import HeaderParser
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from vad_edge.errors import ConfigError, DeviceError
from vad_edge_devices.registry import OLDEST_PYTHON, JetPack

FORBIDDEN: Final = frozenset(
    ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "tensorrt", "pycuda")
)
"""What JetPack brings and a wheel would shadow."""

_OLDEST_GLIBC: Final = 28
_ROUNDS: Final = 6
_GLIBC: Final = {"22.04": 35, "24.04": 39}


@dataclass(frozen=True, slots=True)
class WheelTarget:
    """What the wheels must fit: a Python such as ``3.10``, a machine, a glibc 2.x; constraints by file name.

    jetson says that cv2 and TensorRT are the system's.
    """

    python: str
    machine: str
    glibc: int
    jetson: bool = False
    constraints: str | None = None

    @property
    def platforms(self) -> tuple[str, ...]:
        """The platform tags its pip would accept, newest first."""
        newer = [f"manylinux_2_{minor}_{self.machine}" for minor in range(self.glibc, 16, -1)]
        return (*newer, f"manylinux2014_{self.machine}")

    def environment(self) -> dict[str, str]:
        """What environment markers mean there."""
        return {
            "python_version": self.python,
            "python_full_version": f"{self.python}.0",
            "implementation_name": "cpython",
            "implementation_version": f"{self.python}.0",
            "platform_python_implementation": "CPython",
            "platform_machine": self.machine,
            "platform_system": "Linux",
            "platform_release": "",
            "platform_version": "",
            "sys_platform": "linux",
            "os_name": "posix",
            "extra": "",
        }


def target_of(line: JetPack) -> WheelTarget:
    """The target of a JetPack line. Raises ConfigError for one whose Python is too old."""
    if not line.supported:
        raise ConfigError(
            f"JetPack {line.jetpack} has Python {line.python}, vad-edge needs 3.10",
            fix="flash a newer JetPack",
        )
    major = line.jetpack.partition(".")[0]
    return WheelTarget(
        line.python, "aarch64", _GLIBC[line.ubuntu], jetson=True, constraints=f"constraints-jp{major}.txt"
    )


def other(python: str, machine: str) -> WheelTarget:
    """A machine that is no Jetson. Raises ConfigError for a Python that is too old, or none."""
    match = re.fullmatch(r"3\.(\d+)", python)
    if match is None or int(match[1]) < OLDEST_PYTHON[1]:
        raise ConfigError(
            f"{python!r} is no Python vad-edge runs on", where="--python", fix="give such as 3.12"
        )
    return WheelTarget(python, machine, _OLDEST_GLIBC)


def download(
    target: WheelTarget, folder: Path, package: str | Path, extras: frozenset[str] = frozenset()
) -> list[str]:
    """Fill `folder` with `package` (a wheel, or a requirement), pip, and all they need on `target`.

    extras are those of the package to bring along.

    Returns the wheels' names. pip asks markers of the machine it runs on, so what it brought is looked
    through as the target would, and what is missing fetched. Raises ConfigError or DeviceError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    wanted: list[str] = [str(package), "pip"]
    if isinstance(package, Path):
        if not package.is_file():
            raise ConfigError(
                "no such wheel", where=str(package), fix="build one with `pip wheel . --no-deps`"
            )
        (folder / package.name).write_bytes(package.read_bytes())
        wanted = ["pip", *map(str, _requirements(folder / package.name, target, extras))]
    else:
        _pip(target, folder, [str(package)], alone=True)
        wanted = ["pip", *map(str, _requirements(_wheel(folder, "vad_edge"), target, extras))]
    for _ in range(_ROUNDS):
        _pip(target, folder, wanted)
        missing, needed = closure(folder, target, extras)
        if not missing:
            break
        wanted += missing
    else:
        raise DeviceError(
            f"no set of wheels for it was found; missing: {', '.join(missing)}", where=str(folder)
        )
    for path in folder.glob("*.whl"):
        if _name(path) not in needed:
            path.unlink()
    shadowing = sorted(FORBIDDEN & needed) if target.jetson else []
    if shadowing:
        raise DeviceError(f"{', '.join(shadowing)} would shadow what JetPack brings", where=str(folder))
    return sorted(path.name for path in folder.glob("*.whl"))


def closure(
    folder: Path, target: WheelTarget, extras: frozenset[str] = frozenset()
) -> tuple[list[str], frozenset[str]]:
    """What vad-edge and pip need on the target: requirements no wheel meets, and the wheels that are used."""
    wheels = {_name(path): path for path in folder.glob("*.whl")}
    missing: list[str] = []
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = [("vad-edge", extras), ("pip", frozenset[str]())]
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        for requirement in _requirements(wheels[name], target, extras):
            needed = canonicalize_name(requirement.name)
            path = wheels.get(needed)
            version = path.name.split("-")[1] if path else None
            if version is None or not requirement.specifier.contains(version, prereleases=True):
                missing.append(str(requirement))
            else:
                waiting.append((needed, frozenset(requirement.extras)))
    return missing, frozenset(name for name, _ in seen)


def _requirements(wheel: Path, target: WheelTarget, extras: Iterable[str]) -> Iterator[Requirement]:
    """What a wheel asks for on the target, markers already decided."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(entry for entry in archive.namelist() if entry.endswith(".dist-info/METADATA"))
        metadata = HeaderParser().parsestr(archive.read(name).decode())
    environments: list[Mapping[str, str]] = [
        {**target.environment(), "extra": extra} for extra in ("", *extras)
    ]
    for text in metadata.get_all("Requires-Dist", []):
        requirement = Requirement(text)
        marker, requirement.marker = requirement.marker, None
        if marker is None or any(marker.evaluate(dict(each)) for each in environments):
            yield requirement


def _pip(target: WheelTarget, folder: Path, wanted: list[str], *, alone: bool = False) -> None:
    with as_file(files("vad_edge_devices") / (target.constraints or "constraints-jp6.txt")) as constraints:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        command += ["--dest", str(folder), "--only-binary=:all:", "--implementation", "cp"]
        command += ["--python-version", target.python]
        command += [part for platform in target.platforms for part in ("--platform", platform)]
        command += ["--constraint", str(constraints)] if target.constraints else []
        command += ["--no-deps"] if alone else []
        result = subprocess.run(  # noqa: S603 - pip of this interpreter
            [*command, "--find-links", str(folder), *wanted], capture_output=True, text=True, check=False
        )
    if result.returncode != 0:
        errors = [line for line in result.stderr.splitlines() if line.startswith("ERROR")]
        raise DeviceError(
            f"pip found no wheels for Python {target.python} on {target.machine}:"
            f" {errors[-1].removeprefix('ERROR: ') if errors else result.stderr.strip()[-200:]}",
            fix="check the network; a package may have dropped this Python",
        )


def _wheel(folder: Path, name: str) -> Path:
    return next(folder.glob(f"{name}-*.whl"))


def _name(wheel: Path) -> str:
    return canonicalize_name(wheel.name.split("-")[0])
