"""A release made the one that runs: real venv and pip, a stand-in for vad-edge, systemctl that records."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.support.machine import Machine
from tests.support.wheels import make_wheel, make_wheelhouse

import vad_edge.demo
from vad_edge.errors import ConfigError
from vad_edge_devices.release import build_release

BUNDLE = Path(vad_edge.demo.__file__).parent / "scene.vadb"


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    folder = tmp_path_factory.mktemp("wheels")
    return {version: make_wheelhouse(folder / version, version) for version in ("1.0", "2.0")}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    path = tmp_path / "site.toml"
    path.write_text('site = "gate"\n[[camera]]\nname = "a"\nsource = 0\n[[camera]]\nname = "b"\nsource = 1\n')
    return path


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_the_first_release_is_installed_and_runs(
    machine: Machine, wheels: Mapping[str, Path], site: Path
) -> None:
    release = build_release(wheels["1.0"], site=site, bundle=BUNDLE, prefix=str(machine.prefix))
    result = machine.activate(machine.unpack(release, installed=False))
    assert result.returncode == 0, result.stdout + result.stderr
    assert machine.link("current") == release.folder
    assert "it scores" in result.stdout
    unit = (machine.root / "etc/systemd/system/vad-edge.service").read_text()
    assert f"ExecStart={machine.prefix}/current/venv/bin/vad-edge run" in unit
    wanted = ["daemon-reload", "--quiet enable vad-edge.service"]
    assert machine.systemctl[:2] == wanted
    calls = machine.systemctl
    assert calls.index("stop vad-edge.service") < calls.index("start --no-block vad-edge.service")
    said = subprocess.run(
        [str(machine.prefix / "current/venv/bin/vad-edge"), "hello"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert said == "stand-in 1.0 hello\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes users")
def test_a_user_of_its_own_is_made(machine: Machine, wheels: Mapping[str, Path], site: Path) -> None:
    machine.activate(machine.unpack(build_release(wheels["1.0"], site=site, bundle=BUNDLE)))
    assert "useradd --system --user-group" in (machine.root / "users").read_text()
    assert "--append --groups video vad-edge" in (machine.root / "users").read_text()


def test_the_engine_is_compiled_for_as_many_cameras_as_the_site_has(
    machine: Machine, wheels: Mapping[str, Path], site: Path
) -> None:
    folder = machine.unpack(build_release(wheels["1.0"], site=site, bundle=BUNDLE))
    result = machine.activate(folder)
    assert f"stand-in compile --bundle {folder}/model.vadb --batch 2" in result.stdout
    assert f"stand-in doctor --bundle {folder}/model.vadb --parity 2" in result.stdout


def test_doing_it_twice_installs_once_and_ends_the_same(
    machine: Machine, wheels: Mapping[str, Path], site: Path
) -> None:
    folder = machine.unpack(build_release(wheels["1.0"], site=site, bundle=BUNDLE), installed=False)
    machine.activate(folder)
    made = (folder / "venv/pyvenv.cfg").stat().st_mtime_ns
    result = machine.activate(folder)
    assert result.returncode == 0
    assert "packages: in place" in result.stdout
    assert (folder / "venv/pyvenv.cfg").stat().st_mtime_ns == made
    assert not (machine.prefix / "previous").exists()


def test_an_installation_that_was_cut_off_begins_again(
    machine: Machine, wheels: Mapping[str, Path], site: Path
) -> None:
    folder = machine.unpack(build_release(wheels["1.0"], site=site, bundle=BUNDLE), installed=False)
    (folder / "venv/bin").mkdir(parents=True)
    (folder / "venv/bin/python").write_text("half a file")
    assert machine.activate(folder).returncode == 0


def test_a_release_that_does_not_score_gives_way_to_the_one_before(
    machine: Machine, wheels: Mapping[str, Path], site: Path
) -> None:
    old = build_release(wheels["1.0"], site=site, bundle=BUNDLE)
    new = build_release(wheels["2.0"], site=site, bundle=BUNDLE)
    machine.activate(machine.unpack(old))
    folder = machine.unpack(new)
    (folder / "silent").touch()
    result = machine.activate(folder)
    assert result.returncode == 1
    assert f"release {new.name} gave no valid score within 1 s" in result.stdout
    assert f"rolled back: {old.folder} runs again" in result.stdout
    assert machine.link("current") == old.folder


def test_a_first_release_that_does_not_score_leaves_nothing_running(
    machine: Machine, wheels: Mapping[str, Path], site: Path
) -> None:
    folder = machine.unpack(build_release(wheels["1.0"], site=site, bundle=BUNDLE))
    (folder / "silent").touch()
    result = machine.activate(folder)
    assert result.returncode == 3
    assert "nothing runs" in result.stdout


def test_activating_the_release_before_is_the_way_back(
    machine: Machine, wheels: Mapping[str, Path], site: Path
) -> None:
    old = build_release(wheels["1.0"], site=site, bundle=BUNDLE)
    new = build_release(wheels["2.0"], site=site, bundle=BUNDLE)
    for release in (old, new):
        assert machine.activate(machine.unpack(release)).returncode == 0
    assert (machine.link("current"), machine.link("previous")) == (new.folder, old.folder)
    assert machine.activate(machine.prefix / old.folder).returncode == 0
    assert (machine.link("current"), machine.link("previous")) == (old.folder, new.folder)


def test_what_the_doctor_finds_in_the_way_changes_nothing(
    machine: Machine, wheels: Mapping[str, Path], site: Path
) -> None:
    old = build_release(wheels["1.0"], site=site, bundle=BUNDLE)
    machine.activate(machine.unpack(old))
    new = build_release(wheels["2.0"], site=site, bundle=BUNDLE)
    result = machine.activate(machine.unpack(new), STAND_IN_DOCTOR="1")
    assert result.returncode == 4
    assert "what ran before still runs" in result.stdout
    assert machine.link("current") == old.folder


def test_a_board_without_tensorrt_runs_all_the_same(
    machine: Machine, wheels: Mapping[str, Path], site: Path
) -> None:
    folder = machine.unpack(build_release(wheels["1.0"], site=site, bundle=BUNDLE))
    result = machine.activate(folder, STAND_IN_COMPILE="1")
    assert result.returncode == 0
    assert "ONNX Runtime will do the work" in result.stdout


def test_wheels_that_do_not_fit_change_nothing(
    machine: Machine, wheels: Mapping[str, Path], site: Path
) -> None:
    folder = machine.unpack(build_release(wheels["1.0"], site=site, bundle=BUNDLE), installed=False)
    for wheel in folder.glob("wheelhouse/vad_edge-*"):
        wheel.rename(wheel.with_name(wheel.name.replace("py3-none", "cp27-cp27mu")))
    result = machine.activate(folder)
    assert result.returncode == 4
    assert "the packages cannot be installed; what ran before still runs" in result.stdout
    assert not (machine.prefix / "current").exists()


def test_a_wheel_that_is_not_the_one_that_was_sent_is_not_installed(
    machine: Machine, wheels: Mapping[str, Path], site: Path
) -> None:
    folder = machine.unpack(build_release(wheels["1.0"], site=site, bundle=BUNDLE), installed=False)
    (wheel,) = folder.glob("wheelhouse/vad_edge-*")
    make_wheel(folder / "wheelhouse", "vad_edge", "1.0", {"stand_in.py": "def main(): print('evil')"})
    assert wheel.exists()
    result = machine.activate(folder)
    assert result.returncode == 4
    assert "DO NOT MATCH THE HASHES" in result.stdout + result.stderr
    assert not (machine.prefix / "current").exists()


def test_without_systemd_it_says_how_to_start(
    machine: Machine, wheels: Mapping[str, Path], site: Path
) -> None:
    (machine.root / "run/systemd/system").rmdir()
    result = machine.activate(machine.unpack(build_release(wheels["1.0"], site=site, bundle=BUNDLE)))
    assert result.returncode == 0
    assert "no systemd here; start it with:" in result.stdout
    assert machine.systemctl == []


def test_without_a_site_file_there_is_nothing_to_watch_yet(
    machine: Machine, wheels: Mapping[str, Path]
) -> None:
    result = machine.activate(machine.unpack(build_release(wheels["1.0"])))
    assert result.returncode == 0
    assert "there is nothing to watch yet" in result.stdout
    assert machine.systemctl == []


def test_the_same_contents_are_the_same_release(wheels: Mapping[str, Path], site: Path) -> None:
    once = build_release(wheels["1.0"], site=site, bundle=BUNDLE)
    assert build_release(wheels["1.0"], site=site, bundle=BUNDLE).name == once.name
    site.write_text(site.read_text() + "# changed\n")
    assert build_release(wheels["1.0"], site=site, bundle=BUNDLE).name != once.name


def test_files_the_site_names_come_along_and_passwords_do_not(wheels: Mapping[str, Path], site: Path) -> None:
    folder = site.parent
    (folder / "ca.pem").write_text("a certificate")
    (folder / "secret").write_text("a password")
    (folder / "front.pack").write_text("a pack")
    site.write_text(
        '[[camera]]\nname = "a"\nsource = 0\ncalibration = "front.pack"\n'
        '[broker]\nurl = "mqtts://x"\nca_file = "ca.pem"\nusername = "a"\npassword_file = "secret"\n'
    )
    files = build_release(wheels["1.0"], site=site, bundle=BUNDLE).files
    assert {"ca.pem", "front.pack"} <= files.keys()
    assert "secret" not in files


@pytest.mark.parametrize("name", ["../ca.pem", "/etc/ca.pem", "none.pem"])
def test_a_file_the_site_names_must_lie_beside_it(wheels: Mapping[str, Path], site: Path, name: str) -> None:
    site.write_text(f'[[camera]]\nname = "a"\nsource = 0\n[broker]\nca_file = "{name}"\n')
    with pytest.raises(ConfigError, match="the site file names it, and it is not a file beside it"):
        build_release(wheels["1.0"], site=site, bundle=BUNDLE)


def test_a_folder_without_the_needed_wheels_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="it holds no vad_edge-"):
        build_release(tmp_path)
