"""A release: everything one board gets at once, in a folder named after its contents."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

from vad_edge.bundle.archive import read_bundle
from vad_edge.bundle.keys import read_public_key
from vad_edge.config.load import load_site
from vad_edge.config.site import LearningConfig, SiteConfig
from vad_edge.errors import ConfigError

PREFIX: Final = "/opt/vad-edge"
RECORD: Final = "release.json"


@dataclass(frozen=True, slots=True)
class Item:
    """One file of a release or root file system: its bytes, or where they are on this machine."""

    content: bytes | Path
    mode: int = 0o644

    def read(self) -> bytes:
        """Its bytes. Raises OSError."""
        return self.content if isinstance(self.content, bytes) else self.content.read_bytes()

    @property
    def size(self) -> int:
        """Its length in bytes."""
        return len(self.content) if isinstance(self.content, bytes) else self.content.stat().st_size


@dataclass(frozen=True, slots=True)
class Release:
    """The files of a release by their path in its folder; the same contents have the same name."""

    name: str
    files: Mapping[str, Item]
    hashes: Mapping[str, str]

    @property
    def folder(self) -> str:
        """Its folder below the prefix."""
        return f"releases/{self.name}"


def asset(name: str) -> bytes:
    """A file that is shipped with this package."""
    return (files("vad_edge_devices") / "assets" / name).read_bytes()


def unit(name: str = "vad-edge.service", prefix: str = PREFIX) -> bytes:
    """A systemd unit that comes with a release, for releases below `prefix`."""
    return asset(name).replace(b"@PREFIX@", prefix.encode())


def build_release(
    wheelhouse: Path,
    *,
    site: Path | None = None,
    bundle: Path | None = None,
    trust: tuple[Path, ...] = (),
    prefix: str = PREFIX,
    learning: LearningConfig | None = None,
) -> Release:
    """A release of these wheels, this site file and this bundle; the bundle may be the site file's.

    learning is put into the site file, which must not have any of its own.
    One of the `trust` keys, where there are any, must have signed the bundle: the board would refuse it.
    Raises ConfigError or BundleError where one of them is not what it should be.
    """
    for key in trust:
        if key.suffix != ".pub":
            raise ConfigError("a key to trust must end in .pub", where=str(key), fix="rename it")
    trusted = [read_public_key(key) for key in trust]
    wheels = sorted(wheelhouse.glob("*.whl"))
    for needed in ("vad_edge", "pip"):
        if not any(wheel.name.startswith(f"{needed}-") for wheel in wheels):
            raise ConfigError(
                f"it holds no {needed}-*.whl",
                where=str(wheelhouse),
                fix="make one with `vad-edge devices wheelhouse`",
            )
    found = {f"wheelhouse/{wheel.name}": Item(wheel) for wheel in wheels}
    if site is not None:
        config = load_site(site)
        bundle = bundle or config.bundle
        found["site.toml"] = Item(site) if learning is None else Item(_with_learning(site, config, learning))
        asked = learning or config.learning
        if asked.hours is not None and not any(wheel.name.startswith("scipy-") for wheel in wheels):
            raise ConfigError(
                "it holds no scipy-*.whl, which a board needs to calibrate its own cameras",
                where=str(wheelhouse),
                fix="make one with `vad-edge devices wheelhouse --calibrate`",
            )
        for path in _beside(config):
            found[_inside(path, site.parent)] = Item(path)
        found["settings"] = Item(f"cameras={max(1, len(config.camera))}\n".encode())
    if bundle is not None:
        read_bundle(bundle, trusted=trusted or None)
        found["model.vadb"] = Item(bundle)
    found["requirements.txt"] = Item(_pinned(wheels).encode())
    found["activate"] = Item(asset("activate"), 0o755)
    for name in ("vad-edge.service", "vad-edge-fallback.service"):
        found[name] = Item(unit(name, prefix))
    return named(found)


def named(items: Mapping[str, Item]) -> Release:
    """The release of these files: its name is made from all they contain, its record says what that was."""
    hashes = dict(sorted(_hashed(items)))
    listing = "".join(f"{digest}  {name}\n" for name, digest in hashes.items())
    name = hashlib.sha256(listing.encode()).hexdigest()[:12]
    record = json.dumps({"name": name, "files": hashes}, indent=2) + "\n"
    return Release(name, {**items, RECORD: Item(record.encode())}, hashes)


def _with_learning(site: Path, config: SiteConfig, learning: LearningConfig) -> bytes:
    if "learning" in config.model_fields_set:
        raise ConfigError(
            "it has a [learning] table of its own", where=str(site), fix="leave out --calibrate"
        )
    table = f'[learning]\nhours = {learning.hours!r}\nalarm_budget = "{learning.alarm_budget}"\n'
    return site.read_bytes().rstrip(b"\n") + b"\n\n" + table.encode()


def _pinned(wheels: Sequence[Path]) -> str:
    """Every wheel but pip, by version and hash: the board installs these bytes and no others."""
    lines = []
    for wheel in wheels:
        name, version = wheel.name.split("-")[:2]
        if name != "pip":
            digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
            lines.append(f"{name.replace('_', '-')}=={version} --hash=sha256:{digest}\n")
    return "".join(lines)


def _beside(config: SiteConfig) -> Iterator[Path]:
    """Files a site file names that must come along. The password never does: each board gets its own."""
    for camera in config.camera:
        yield from (pack for pack in (camera.calibration, camera.slow_calibration) if pack is not None)
    if config.broker.ca_file is not None:
        yield config.broker.ca_file


def _inside(path: Path, folder: Path) -> str:
    try:
        inside = path.relative_to(folder)
    except ValueError:
        inside = Path("..")
    if ".." in inside.parts or not path.is_file():
        raise ConfigError(
            "the site file names it, and it is not a file beside it", where=str(path), fix="put it there"
        )
    return inside.as_posix()


def _hashed(items: Mapping[str, Item]) -> Iterator[tuple[str, str]]:
    for name, item in items.items():
        yield name, hashlib.sha256(item.read()).hexdigest()
