"""Another model for a board that runs, and what a power cut in the middle leaves."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.support.machine import Machine
from tests.support.small_disk import fill
from tests.support.wheels import make_wheel

import vad_edge.demo
from vad_edge.bundle.archive import sign_bundle
from vad_edge.bundle.keys import make_key, read_private_key
from vad_edge.cli import main
from vad_edge_devices.release import build_release

OLD = Path(vad_edge.demo.__file__).parent / "scene.vadb"


@pytest.fixture
def new(tmp_path: Path) -> Path:
    """The same model, signed: another file."""
    make_key(tmp_path / "site.key")
    sign_bundle(OLD, tmp_path / "new.vadb", read_private_key(tmp_path / "site.key"))
    return tmp_path / "new.vadb"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A board that runs a release."""
    made = Machine(tmp_path)
    for name in ("vad_edge", "pip"):
        make_wheel(tmp_path / "wheels", name, "1.0", {})
    site = tmp_path / "site.toml"
    site.write_text('[[camera]]\nname = "front"\nsource = 0\n')
    release = build_release(tmp_path / "wheels", site=site, bundle=OLD, prefix=str(made.prefix))
    assert made.activate(made.unpack(release)).returncode == 0
    for name, value in made.environment().items():
        monkeypatch.setenv(name, value)
    return made


def update(machine: Machine, bundle: Path) -> Result:
    return CliRunner().invoke(main, ["update", "--bundle", str(bundle), "--prefix", str(machine.prefix)])


def test_a_new_model_runs_with_the_packages_and_the_site_that_are_there(machine: Machine, new: Path) -> None:
    before = machine.link("current")
    result = update(machine, new)
    assert result.exit_code == 0, result.output
    assert f"{new}: runs\n" in result.output
    now = machine.prefix / machine.link("current")
    assert machine.link("previous") == before
    assert (now / "model.vadb").read_bytes() == new.read_bytes()
    assert (now / "venv").resolve() == (machine.prefix / before / "venv").resolve()
    for name in ("site.toml", "settings", "vad-edge.service"):
        assert (now / name).read_bytes() == (machine.prefix / before / name).read_bytes()
    wheel = next((now / "wheelhouse").iterdir())
    assert wheel.stat().st_nlink == 2


def test_an_updated_release_is_what_provisioning_it_would_have_made(
    machine: Machine, new: Path, tmp_path: Path
) -> None:
    update(machine, new)
    same = build_release(
        tmp_path / "wheels", site=tmp_path / "site.toml", bundle=new, prefix=str(machine.prefix)
    )
    assert machine.link("current") == same.folder


def test_the_same_model_changes_nothing(machine: Machine) -> None:
    calls = len(machine.systemctl)
    assert f"{OLD}: runs already" in update(machine, OLD).output
    assert len(machine.systemctl) == calls


def test_updating_an_updated_board_keeps_the_packages_where_they_are(machine: Machine, new: Path) -> None:
    first = machine.link("current")
    update(machine, new)
    assert update(machine, OLD).exit_code == 0
    assert machine.link("current") == first
    assert not (machine.prefix / first / "venv").is_symlink()


def test_a_model_that_does_not_score_gives_way_to_the_one_before(machine: Machine, new: Path) -> None:
    before = machine.link("current")
    # Silent as long as a release is on trial.
    machine.tool(
        "systemctl",
        '#!/bin/sh\necho "$*" >>"$VAD_EDGE_ROOT/systemctl"\n'
        'case "$*" in *is-active*) [ -e "$PREFIX/trial" ] && echo activating || echo active ;; esac\n',
    )
    result = update(machine, new)
    assert result.exit_code == 1
    assert "the new model gave no score within a minute; the one before runs again" in result.output
    assert machine.link("current") == before
    assert not (machine.prefix / "trial").exists()


def test_an_unsigned_model_is_refused_where_keys_are_trusted(
    machine: Machine, new: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAD_EDGE_TRUST", str(tmp_path))
    before = machine.link("current")
    result = update(machine, OLD)
    assert result.exit_code == 2
    assert "it is not signed" in result.output
    assert machine.link("current") == before
    assert update(machine, new).exit_code == 0


def test_a_damaged_model_changes_nothing(machine: Machine, new: Path) -> None:
    new.write_bytes(new.read_bytes()[:5000])
    result = update(machine, new)
    assert result.exit_code == 2
    assert "damaged" in result.output
    assert len(list((machine.prefix / "releases").iterdir())) == 1


def test_a_full_disk_leaves_what_runs_and_room_is_all_it_takes(
    machine: Machine, new: Path, small_disk: Path
) -> None:
    shutil.copytree(machine.prefix, small_disk / "opt", symlinks=True)
    machine.prefix = small_disk / "opt"
    before = machine.link("current")
    filler = fill(small_disk)
    result = update(machine, new)
    assert result.exit_code == 1
    assert "the release cannot be written: No space left on device; what runs is not touched" in result.output
    assert "make room" in result.output
    assert machine.link("current") == before
    filler.unlink()
    assert update(machine, new).exit_code == 0
    assert machine.link("current") != before


def test_a_board_without_a_release_says_what_to_do(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["update", "--bundle", str(OLD), "--prefix", str(tmp_path)])
    assert result.exit_code == 2
    assert "no release runs from here; provision this board first" in result.output


def test_after_a_power_cut_a_release_on_trial_that_fails_gives_way(machine: Machine, new: Path) -> None:
    before = machine.link("current")
    update(machine, new)
    now = machine.link("current")
    (machine.prefix / "trial").write_text(f"{before}\n")  # as the cut left it: swapped, and not yet scored
    result = machine.activate(machine.prefix / now, arguments=("fallback",))
    assert result.returncode == 0
    assert f"fell back: {before} runs again" in result.stdout
    assert machine.link("current") == before
    assert not (machine.prefix / "trial").exists()


def test_a_proven_release_that_fails_later_stays(machine: Machine, new: Path) -> None:
    update(machine, new)
    now = machine.link("current")
    result = machine.activate(machine.prefix / now, arguments=("fallback",))
    assert (result.returncode, machine.link("current")) == (0, now)
    assert "no release is on trial" in result.stdout


def test_an_update_that_was_cut_off_is_done_again(machine: Machine, new: Path) -> None:
    assert update(machine, new).exit_code == 0
    folder = machine.prefix / machine.link("current")
    os.replace(machine.prefix / "previous", machine.prefix / "current")  # noqa: PTH105
    (folder / "model.vadb").write_bytes(b"half")
    shutil.rmtree(folder / "wheelhouse")
    assert update(machine, new).exit_code == 0
    assert (folder / "model.vadb").read_bytes() == new.read_bytes()
