"""`vad-edge provision` over a real SSH server, to a folder that stands in for the board."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.support.small_disk import fill
from tests.support.sshd import Board
from tests.support.wheels import make_wheel, make_wheelhouse

import vad_edge.demo
from vad_edge.bundle.archive import sign_bundle
from vad_edge.bundle.keys import make_key, read_private_key
from vad_edge.cli import main
from vad_edge_devices.provision import plan as planning
from vad_edge_devices.release import build_release

BUNDLE = Path(vad_edge.demo.__file__).parent / "scene.vadb"

Provision = Callable[..., Result]


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    return make_wheelhouse(tmp_path / "wheels")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    path = tmp_path / "site.toml"
    path.write_text('site = "gate"\n[[camera]]\nname = "front"\nsource = 0\n')
    return path


@pytest.fixture
def arguments(board: Board, wheels: Path, site: Path) -> list[str]:
    return [
        *("provision", "board", "--ssh-config", str(board.config), "--prefix", str(board.machine.prefix)),
        *("--config", str(site), "--bundle", str(BUNDLE), "--wheelhouse", str(wheels)),
    ]


@pytest.fixture
def provision(arguments: list[str]) -> Provision:
    return lambda *more: CliRunner().invoke(main, [*arguments, *map(str, more)])


def shortcut(board: Board, wheels: Path, site: Path, bundle: Path = BUNDLE) -> str:
    """Put the release there as if its packages were installed; the folder's name below the prefix."""
    release = build_release(wheels, site=site, bundle=bundle, prefix=str(board.machine.prefix))
    folder = board.machine.prefix / release.folder
    board.machine.unpack(release)
    for name in release.files:
        (folder / name).unlink()
    return release.folder


def test_a_board_is_looked_at_planned_changed_and_then_left_alone(board: Board, provision: Provision) -> None:
    dry = provision("--dry-run", "--json")
    assert dry.exit_code == 0, dry.output
    plan = json.loads(dry.stdout)
    assert [step["needed"] for step in plan["steps"]] == [False, True, False, True, True]
    assert "+source = 0" in plan["diff"]
    assert not board.machine.prefix.exists()

    done = provision("--yes")
    assert done.exit_code == 0, done.output
    assert "it scores" in done.output
    current = board.machine.link("current")
    said = subprocess.run(
        [str(board.machine.prefix / "current/venv/bin/vad-edge"), "x"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout == "stand-in 1.0 x\n"

    calls = len(board.machine.systemctl)
    again = provision("--yes", "--json")
    assert again.exit_code == 0
    assert [step["needed"] for step in json.loads(again.stdout)["steps"]] == [False] * 5
    assert json.loads(again.stdout)["diff"] == []
    assert board.machine.link("current") == current
    assert len(board.machine.systemctl) == calls


def test_what_was_cut_off_while_sending_goes_on_from_there(
    board: Board, provision: Provision, wheels: Path, site: Path
) -> None:
    folder = board.machine.prefix / shortcut(board, wheels, site)
    release = build_release(wheels, site=site, bundle=BUNDLE, prefix=str(board.machine.prefix))
    whole = [name for name in release.files if name.startswith("wheelhouse/pip")]
    for name in whole:
        (folder / name).write_bytes(release.files[name].read())
    (folder / "model.vadb").write_bytes(BUNDLE.read_bytes()[:1000])
    result = provision("--yes")
    assert result.exit_code == 0, result.output
    assert f"do   send: {len(release.files) - len(whole)} of {len(release.files)} files" in result.output
    assert (folder / "model.vadb").read_bytes() == BUNDLE.read_bytes()


def test_a_desktop_that_dies_in_the_middle_leaves_a_board_the_next_try_completes(
    board: Board, arguments: list[str], provision: Provision
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "vad_edge", *arguments, "--yes"],
        start_new_session=True,
        stderr=subprocess.DEVNULL,
    )
    deadline_s = time.monotonic() + 60
    while not list(board.machine.prefix.glob("releases/*/venv")):
        assert time.monotonic() < deadline_s
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (board.machine.prefix / "current").exists()
    result = provision("--yes")
    assert result.exit_code == 0, result.output
    assert "it scores" in result.output


def test_a_release_that_does_not_score_is_rolled_back_by_itself(
    board: Board, provision: Provision, wheels: Path, site: Path
) -> None:
    old = shortcut(board, wheels, site)
    assert provision("--yes").exit_code == 0
    site.write_text(site.read_text() + "fps = 10\n")
    new = shortcut(board, wheels, site)
    (board.machine.prefix / new / "silent").touch()
    result = provision("--yes")
    assert result.exit_code == 1
    assert "the new release gave no score in time; the one before runs again" in result.output
    assert board.machine.link("current") == old


def test_rollback_is_one_command(board: Board, provision: Provision, wheels: Path, site: Path) -> None:
    old = shortcut(board, wheels, site)
    provision("--yes")
    site.write_text(site.read_text() + "fps = 10\n")
    new = shortcut(board, wheels, site)
    changed = provision("--yes")
    assert "+fps = 10" in changed.output
    assert board.machine.link("current") == new
    back = provision("--rollback")
    assert back.exit_code == 0, back.output
    assert board.machine.link("current") == old


def test_what_the_board_has_already_is_not_sent_again_and_damage_is_mended(
    board: Board, provision: Provision, wheels: Path, site: Path
) -> None:
    old = board.machine.prefix / shortcut(board, wheels, site)
    provision("--yes")
    (damaged,) = (old / "wheelhouse").glob("vad_edge-*")
    damaged.write_bytes(b"half")
    site.write_text(site.read_text() + "fps = 10\n")
    new = board.machine.prefix / shortcut(board, wheels, site)
    (new / ".complete").unlink()
    result = provision("--yes")
    assert result.exit_code == 0, result.output
    assert "do   link: 2 files the release that runs has too" in result.output
    pip = next((new / "wheelhouse").glob("pip-*"))
    assert pip.stat().st_nlink == 2
    assert (new / "wheelhouse" / damaged.name).read_bytes() == (wheels / damaged.name).read_bytes()


def test_without_a_release_before_there_is_no_way_back(provision: Provision) -> None:
    result = provision("--rollback")
    assert result.exit_code == 1
    assert "there is no release before this one" in result.output


def test_only_the_release_that_runs_and_the_one_before_are_kept(
    board: Board, provision: Provision, wheels: Path, site: Path
) -> None:
    names = []
    for fps in (5, 10, 15):
        site.write_text(f'[[camera]]\nname = "front"\nsource = 0\nfps = {fps}\n')
        names.append(shortcut(board, wheels, site))
        assert provision("--yes").exit_code == 0
    kept = {f"releases/{path.name}" for path in (board.machine.prefix / "releases").iterdir()}
    assert kept == set(names[1:])


def test_a_trust_anchor_comes_with_it_and_unsigned_bundles_do_not_even_leave(
    board: Board, provision: Provision, wheels: Path, site: Path, tmp_path: Path
) -> None:
    key = tmp_path / "site.key"
    make_key(key)
    refused = provision("--yes", "--trust", tmp_path / "site.pub")
    assert refused.exit_code == 2
    assert "it is not signed" in refused.output
    signed = tmp_path / "signed.vadb"
    sign_bundle(BUNDLE, signed, read_private_key(key))
    shortcut(board, wheels, site, signed)
    taken = provision("--yes", "--trust", tmp_path / "site.pub", "--bundle", signed)
    assert taken.exit_code == 0, taken.output
    anchor = board.machine.root / "etc/vad-edge/trust/site.pub"
    assert anchor.read_bytes() == (tmp_path / "site.pub").read_bytes()


def test_a_disk_that_runs_full_while_sending_leaves_what_runs(
    board: Board, arguments: list[str], small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "SPARE_BYTES", -(10**12))  # as if it had been filled after the look
    filler = fill(small_disk)
    place = arguments.index("--prefix") + 1
    words = [*arguments[:place], str(small_disk / "opt"), *arguments[place + 1 :], "--yes"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 1
    assert "what runs is not touched" in result.output or "the folder cannot be made" in result.output
    assert "No space left on device" in result.output
    assert "run the same again" in result.output
    filler.unlink()
    board.machine.prefix = small_disk / "opt"
    assert not (board.machine.prefix / "current").exists()


def test_a_host_key_that_changed_is_refused_before_anything_is_said(
    board: Board, provision: Provision
) -> None:
    board.stop()
    board.make_key("host")
    board.start()
    result = provision("--yes")
    assert result.exit_code == 1
    assert "its host key is not the one that is known: another board answers" in result.output
    assert not board.machine.prefix.exists()


def test_an_unknown_host_is_not_trusted_blindly(board: Board, provision: Provision) -> None:
    (board.folder / "known").write_text("")
    result = provision("--yes")
    assert result.exit_code == 1
    assert "its host key is not known here; log in once by hand" in result.output


def test_a_key_the_board_does_not_know_is_explained(board: Board, provision: Provision) -> None:
    board.make_key("client")
    result = provision("--yes")
    assert result.exit_code == 1
    assert "it does not accept your key" in result.output


def test_a_board_that_is_off_is_explained(board: Board, provision: Provision) -> None:
    board.stop()
    result = provision("--yes")
    assert result.exit_code == 1
    assert "no SSH server answers there; switch it on" in result.output


@pytest.mark.parametrize("target", ["-oProxyCommand=reboot", "a b", "ann@", ""])
def test_a_target_that_is_none_never_reaches_ssh(target: str, arguments: list[str]) -> None:
    result = CliRunner().invoke(main, ["provision", "--", target])
    assert result.exit_code == 2
    result = CliRunner().invoke(main, ["provision", "--rollback", "--", target])
    assert result.exit_code == 2
    assert "is no [user@]host" in result.output


def test_no_is_no(board: Board, arguments: list[str]) -> None:
    result = CliRunner().invoke(main, arguments, input="n\n")
    assert result.exit_code == 1
    assert "not confirmed; nothing was changed" in result.output
    assert not board.machine.prefix.exists()


def test_wheels_for_another_machine_are_refused(board: Board, provision: Provision, wheels: Path) -> None:
    path = make_wheel(wheels, "numpy", "1.26.4", {})
    path.rename(path.with_name("numpy-1.26.4-cp310-cp310-manylinux_2_17_aarch64.whl"))
    result = provision("--yes")
    assert result.exit_code == 1
    assert "numpy-1.26.4-cp310-cp310-manylinux_2_17_aarch64.whl does not fit it" in result.output


def test_a_time_to_calibrate_on_that_is_none_is_the_users_mistake(tmp_path: Path) -> None:
    arguments = ["provision", "board", f"--config={tmp_path / 'site.toml'}", f"--wheelhouse={tmp_path}"]
    result = CliRunner().invoke(main, [*arguments, "--calibrate", "400d"])
    assert result.exit_code == 2
    assert "--calibrate: 400 days are not a time to calibrate on; give 24h, 7d" in result.output
