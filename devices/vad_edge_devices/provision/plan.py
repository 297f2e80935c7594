"""What has to be done on a board, and what would change; decided on plain data."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from vad_edge.common.verdict import Verdict
from vad_edge_devices.provision.probe import BoardState
from vad_edge_devices.registry import OLDEST_PYTHON
from vad_edge_devices.release import Release

SPARE_BYTES: Final = 300_000_000
UNPACKED: Final = 4
"""Installed packages take about this many times the size of their wheels."""


@dataclass(frozen=True, slots=True)
class ProvisionStep:
    """One thing to do, or that is done already."""

    name: str
    needed: bool
    text: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"name": self.name, "needed": self.needed, "text": self.text}


@dataclass(frozen=True, slots=True)
class ProvisionPlan:
    """The steps, the files to send, the keys to install, and what changes for people to read.

    link are files that the release that runs has too: they need not be sent.
    """

    steps: tuple[ProvisionStep, ...]
    send: tuple[str, ...]
    link: tuple[str, ...]
    trust: tuple[Path, ...]
    diff: tuple[str, ...]

    @property
    def needed(self) -> bool:
        """Whether there is anything to do."""
        return any(step.needed for step in self.steps)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"steps": [step.to_dict() for step in self.steps], "diff": list(self.diff)}


def can_take(state: BoardState, release: Release) -> Verdict:
    """Whether this board can take the release, and if not, why and what to do."""
    if state.system != "Linux":
        return Verdict(False, f"it runs {state.system or 'nothing known'}, not Linux", "give a Linux machine")
    version = tuple(int(part) for part in state.python.split(".")) if state.python else ()
    if version < OLDEST_PYTHON:
        found = f"Python {state.python}" if state.python else "no python3"
        return Verdict(False, f"it has {found}; vad-edge needs 3.10", "flash a newer JetPack")
    if not state.rights:
        return Verdict(
            False, "this user is neither root nor may use sudo without a password", "log in as one who may"
        )
    for name in release.files:
        verdict = _wheel_fits(Path(name).name, state)
        if name.startswith("wheelhouse/") and not verdict.ok:
            return verdict
    needed = SPARE_BYTES + UNPACKED * sum(item.size for item in release.files.values())
    if not state.complete and state.free_bytes < needed:
        free = f"{state.free_bytes / 1e9:.1f} GB are free, {needed / 1e9:.1f} GB are needed"
        return Verdict(False, f"its disk is full: {free}", "make room on the board; what runs is not touched")
    return Verdict(True)


def _wheel_fits(name: str, state: BoardState) -> Verdict:
    """Whether a wheel's tags can be this board's; a pure wheel always fits."""
    python, abi, platform = (
        name.removesuffix(".whl").split("-")[-3:] if name.endswith(".whl") else ("", "", "any")
    )
    own = f"cp{state.python.replace('.', '')}"
    wrong = "abi3" not in abi and python.startswith("cp3") and own not in python.split(".")
    if wrong or (platform != "any" and state.machine not in platform):
        return Verdict(
            False,
            f"{name} does not fit it: it has Python {state.python} on {state.machine}",
            "make a wheelhouse for this board",
        )
    return Verdict(True)


def plan_provision(state: BoardState, release: Release, trust: tuple[Path, ...]) -> ProvisionPlan:
    """What makes the board run `release`; on a board that does there is nothing needed."""
    there, runs_now = state.files or {}, _recorded(state.record)
    missing = [
        name
        for name, item in release.files.items()
        if there.get(name) != release.hashes.get(name, hashlib.sha256(item.read()).hexdigest())
    ]
    link = tuple(
        name
        for name in missing
        if name.startswith("wheelhouse/") and runs_now.get(name) == release.hashes.get(name, "")
    )
    send = tuple(name for name in missing if name not in link)
    size = sum(release.files[name].size for name in send)
    keys = tuple(key for key in trust if hashlib.sha256(key.read_bytes()).hexdigest() not in state.trust)
    runs = state.current == release.folder and state.complete
    steps = (
        ProvisionStep("link", bool(link), f"{len(link)} files the release that runs has too"),
        ProvisionStep("send", bool(send), f"{len(send)} of {len(release.files)} files, {size / 1e6:.1f} MB"),
        ProvisionStep("trust", bool(keys), f"{len(keys)} keys that bundles must be signed by"),
        ProvisionStep("install", not state.complete, "the packages, in a folder of their own"),
        ProvisionStep(
            "activate", not runs or bool(missing), f"release {release.name}; now: {state.current or 'none'}"
        ),
    )
    return ProvisionPlan(steps, send, link, keys, tuple(_diff(state, release)))


def _diff(state: BoardState, release: Release) -> Iterator[str]:
    """What changes: the site file line by line, other files by name."""
    site = release.files.get("site.toml")
    yield from difflib.unified_diff(
        state.site.decode(errors="replace").splitlines(),
        site.read().decode(errors="replace").splitlines() if site else [],
        "site.toml on the board",
        "site.toml",
        lineterm="",
        n=1,
    )
    before = _recorded(state.record)
    for name in sorted(before.keys() | release.hashes.keys()):
        if name != "site.toml" and before.get(name) != release.hashes.get(name):
            mark = "+" if name not in before else "-" if name not in release.hashes else "~"
            yield f"{mark} {name}"


def _recorded(record: bytes) -> Mapping[str, str]:
    try:
        files = json.loads(record)["files"]
    except (ValueError, KeyError, TypeError):
        return {}
    return {str(name): str(digest) for name, digest in files.items()} if isinstance(files, dict) else {}
