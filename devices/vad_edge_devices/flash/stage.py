"""What is put into the root file system before it is flashed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from vad_edge.errors import ConfigError, DeviceError
from vad_edge_devices.flash.network import NetworkConnection, keyfiles
from vad_edge_devices.release import PREFIX, Item, Release, asset

UNITS: Final = ("vad-edge-identity.service", "vad-edge-firstboot.service")


@dataclass(frozen=True, slots=True)
class StagedFile:
    """One change of the root file system; path is relative to it.

    write puts `item` there, link makes a symbolic link to `target`, empty leaves an empty file, remove takes
    away everything the pattern matches. owner is a user of the root file system, root where None.
    """

    path: str
    action: Literal["write", "link", "empty", "remove"]
    item: Item | None = None
    target: str = ""
    owner: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        facts: dict[str, Any] = {"path": self.path, "action": self.action}
        if self.item is not None:
            facts |= {"bytes": self.item.size, "mode": f"{self.item.mode:04o}"}
        if self.target:
            facts["target"] = self.target
        return facts


def staged_files(
    release: Release | None,
    *,
    hostname: str,
    many: bool,
    user: str | None = None,
    ssh_key: bytes | None = None,
    trust: tuple[Path, ...] = (),
    network: tuple[NetworkConnection, ...] = (),
) -> tuple[StagedFile, ...]:
    """All changes, in order. With `many` boards each adds the end of its serial number to the host name.

    Nothing that identifies one board is in it: machine id, SSH host keys and MQTT client id are made on the
    first boot, and what is left of the host's are taken away.
    """
    staged = _staged(release, hostname, many, user, ssh_key, trust)
    links = (StagedFile(path, "write", item) for path, item in keyfiles(network))
    return (*staged, *links)


def _staged(
    release: Release | None,
    hostname: str,
    many: bool,
    user: str | None,
    ssh_key: bytes | None,
    trust: tuple[Path, ...],
) -> Iterator[StagedFile]:
    yield StagedFile("etc/ssh/ssh_host_*", "remove")
    yield StagedFile("etc/vad-edge/identity.env", "remove")
    yield StagedFile("var/lib/vad-edge/firstboot.done", "remove")
    yield StagedFile("etc/machine-id", "empty")
    folder = f"{PREFIX}/{release.folder}" if release else ""
    settings = f"hostname={hostname}\nunique_hostname={'yes' if many else 'no'}\nrelease={folder}\n"
    yield StagedFile("etc/vad-edge/firstboot.conf", "write", Item(settings.encode()))
    yield StagedFile("usr/local/lib/vad-edge/firstboot", "write", Item(asset("firstboot"), 0o755))
    for unit in UNITS:
        yield StagedFile(f"etc/systemd/system/{unit}", "write", Item(asset(unit)))
        yield StagedFile(
            f"etc/systemd/system/multi-user.target.wants/{unit}", "link", target=f"/etc/systemd/system/{unit}"
        )
    for key in trust:
        yield StagedFile(f"etc/vad-edge/trust/{key.name}", "write", Item(key))
    if release is not None:
        for name, item in release.files.items():
            yield StagedFile(f"{folder[1:]}/{name}", "write", item)
    if user and ssh_key:
        path = f"home/{user}/.ssh/authorized_keys"
        yield StagedFile(path, "write", Item(ssh_key, 0o600), owner=user)


def apply_staged(files: tuple[StagedFile, ...], rootfs: Path) -> None:
    """Make the changes. Raises DeviceError where one cannot be made; done twice it changes nothing."""
    for file in files:
        try:
            _apply(file, rootfs)
        except OSError as error:
            raise DeviceError(
                f"cannot {file.action} {file.path}: {error.strerror or error}",
                where=str(rootfs),
                fix="nothing was flashed; correct it and run the same command again",
            ) from error


def _apply(file: StagedFile, rootfs: Path) -> None:
    path = rootfs / file.path
    if file.action == "remove":
        for found in path.parent.glob(path.name):
            found.unlink()
        return
    real = next(each for each in path.parents if each.exists()).resolve()
    if rootfs.resolve() not in (real, *real.parents):
        raise DeviceError(
            f"{file.path} leads out of it, to {real}",
            where=str(rootfs),
            fix="unpack the root file system again",
        )
    owner = _owner(file.owner, rootfs)
    _make_folders(path.parent, rootfs, owner)
    if path.is_symlink():  # never written through: it would lead into the host's own file system
        path.unlink()
    if file.action == "link":
        path.unlink(missing_ok=True)
        path.symlink_to(file.target)
        return
    path.write_bytes(file.item.read() if file.item else b"")
    path.chmod(file.item.mode if file.item else 0o644)
    _give(path, owner)


def _make_folders(folder: Path, rootfs: Path, owner: tuple[int, int]) -> None:
    """Make a folder and those above it; a private one, and its own, belong to `owner`."""
    missing = [each for each in (folder, *folder.parents) if rootfs in each.parents and not each.exists()]
    for each in reversed(missing):
        each.mkdir()
        each.chmod(0o700 if each.name == ".ssh" else 0o755)
        _give(each, owner if each.name == ".ssh" else (0, 0))


def _owner(user: str | None, rootfs: Path) -> tuple[int, int]:
    if user is None:
        return 0, 0
    for line in (rootfs / "etc/passwd").read_text(encoding="utf-8").splitlines():
        fields = line.split(":")
        if fields[0] == user:
            return int(fields[2]), int(fields[3])
    raise ConfigError(f"there is no user {user}", where=str(rootfs / "etc/passwd"), fix="give --user")


def _give(path: Path, owner: tuple[int, int]) -> None:
    with contextlib.suppress(PermissionError):  # the preflight asked for root; a test may be another user
        os.chown(path, *owner)
