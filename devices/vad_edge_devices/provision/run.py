"""Doing what the plan says on a board: send, install, activate, or go back."""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import IO, Final

from vad_edge.errors import DeviceError
from vad_edge_devices.provision.plan import ProvisionPlan, plan_provision
from vad_edge_devices.provision.probe import SCRIPT, BoardState, read_state
from vad_edge_devices.provision.ssh import Ssh
from vad_edge_devices.release import Release

Report = Callable[[str, float, float], None]
Say = Callable[[str], None]

_ENDINGS: Final = {
    1: ("the new release gave no score in time; the one before runs again", "journalctl -u vad-edge there"),
    3: (
        "it gave no score in time, and there is none before it: nothing runs",
        "journalctl -u vad-edge there",
    ),
    4: ("it was not begun; what ran before still runs", "see what it said above"),
}

_INSTALL_KEY: Final = (
    'folder=${VAD_EDGE_ROOT:-}/etc/vad-edge/trust && mkdir -p "$folder"'
    ' && cat >"$folder/$1.new" && mv "$folder/$1.new" "$folder/$1"'
)

_LINK: Final = (
    'while IFS= read -r name; do mkdir -p "$(dirname "$2/$name")" && ln -f "$1/$name" "$2/$name"; done;'
    " exit 0"
)

# Removes releases that neither run nor are the way back. Called as: sh -s PREFIX.
_TIDY: Final = r"""
cd -P "$1/releases" || exit 0
for folder in *; do
  for kept in "$(readlink ../current)" "$(readlink ../previous)"; do
    # An update shares the packages of the release it came from.
    packages=$(readlink -f "../$kept/venv")
    [ "releases/$folder" != "$kept" ] && [ "$PWD/$folder/venv" != "$packages" ] || continue 2
  done
  rm -rf -- "$folder"
done
"""


def look(ssh: Ssh, prefix: str, release: str) -> BoardState:
    """The board as it is, and what of `release` (a folder below the prefix) is there. Changes nothing."""
    answer = ssh.run(["sh", "-s", prefix, release], SCRIPT.encode())
    if answer.code != 0:
        raise DeviceError(f"it cannot be looked at: {answer.errors.strip()}", where=ssh.target)
    return read_state(answer.text)


def provision(
    ssh: Ssh, state: BoardState, plan: ProvisionPlan, release: Release, prefix: str, report: Report, say: Say
) -> None:
    """Do the steps that are needed. Cut off anywhere, the same call goes on from there.

    `say` gets what the board says. Raises DeviceError, which says what runs on the board now.
    """
    folder = f"{prefix}/{release.folder}"
    send = plan.send
    if plan.link:
        names = "".join(f"{name}\n" for name in plan.link).encode()
        words = ["sh", "-c", _LINK, "sh", f"{prefix}/current", folder]
        _as_root(ssh, state, words, "files cannot be linked", names)
        # What was linked is looked at again: a file that is not what it should be is sent after all.
        now = replace(look(ssh, prefix, release.folder), record=b"")
        send = plan_provision(now, release, ()).send
    if send:
        _as_root(ssh, state, ["mkdir", "-p", folder], "the folder cannot be made")
        _send(ssh, state, send, release, folder, report)
    for key in plan.trust:
        words = ["sh", "-c", _INSTALL_KEY, "sh", key.name]
        _as_root(ssh, state, words, "the key cannot be installed", key.read_bytes())
    if any(step.needed for step in plan.steps):
        activate(ssh, state, f"{folder}/activate", say)
        _as_root(ssh, state, ["sh", "-s", prefix], "old releases cannot be removed", _TIDY.encode())


def roll_back(ssh: Ssh, state: BoardState, prefix: str, say: Say) -> None:
    """Make the release before the one that runs. Raises DeviceError where there is none."""
    if not state.previous:
        raise DeviceError("there is no release before this one", where=ssh.target, fix="provision another")
    activate(ssh, state, f"{prefix}/{state.previous}/activate", say)


def activate(ssh: Ssh, state: BoardState, script: str, say: Say) -> None:
    """Run a release's own activation. Raises DeviceError with the state it left the board in."""
    answer = ssh.run([*_root(state), script], on_line=say)
    if answer.code != 0:
        for line in answer.errors.splitlines():
            say(line)
        what, fix = _ENDINGS.get(answer.code, (f"activation ended with {answer.code}", "run the same again"))
        raise DeviceError(what, where=ssh.target, fix=fix)


def _send(
    ssh: Ssh, state: BoardState, send: Sequence[str], release: Release, folder: str, report: Report
) -> None:
    total = sum(release.files[name].size for name in send)

    def feed(pipe: IO[bytes]) -> None:
        sent = 0
        with tarfile.open(fileobj=pipe, mode="w|") as archive:
            for name in send:
                item = release.files[name]
                info = tarfile.TarInfo(name)
                info.size, info.mode = item.size, item.mode
                content = item.content
                with BytesIO(content) if isinstance(content, bytes) else Path(content).open("rb") as file:
                    archive.addfile(info, file)
                sent += item.size
                report("send", float(sent), float(max(total, 1)))

    answer = ssh.run([*_root(state), "tar", "-x", "--no-same-owner", "-f", "-", "-C", folder], feed)
    if answer.code != 0:
        reason = answer.errors.strip() or f"tar ended with {answer.code}"
        raise DeviceError(
            f"sending failed: {reason}; what runs is not touched",
            where=ssh.target,
            fix="correct it and run the same again: it goes on from there",
        )


def _as_root(ssh: Ssh, state: BoardState, words: list[str], failure: str, feed: bytes = b"") -> None:
    answer = ssh.run([*_root(state), *words], feed)
    if answer.code != 0:
        raise DeviceError(f"{failure}: {answer.errors.strip()}", where=ssh.target, fix="run the same again")


def _root(state: BoardState) -> list[str]:
    return [] if state.rights == "root" else ["sudo", "-n"]
