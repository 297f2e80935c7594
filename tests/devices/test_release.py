"""What a board gets at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.wheels import make_wheel

import vad_edge.demo
from vad_edge.config.load import load_site
from vad_edge.config.site import LearningConfig
from vad_edge.errors import ConfigError
from vad_edge_devices.release import build_release

BUNDLE = Path(vad_edge.demo.__file__).parent / "scene.vadb"
ASKED = LearningConfig(hours=24.0, alarm_budget="1/day")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    path = tmp_path / "site.toml"
    path.write_text('[[camera]]\nname = "front"\nsource = 0')
    for name in ("vad_edge", "pip", "scipy"):
        make_wheel(tmp_path / "wheels", name, "1.0", {})
    return path


def test_a_board_that_is_to_calibrate_itself_is_told_so_in_its_site_file(site: Path, tmp_path: Path) -> None:
    release = build_release(tmp_path / "wheels", site=site, bundle=BUNDLE, learning=ASKED)
    told = tmp_path / "told.toml"
    told.write_bytes(release.files["site.toml"].read())
    assert load_site(told).learning == ASKED
    assert load_site(told).camera == load_site(site).camera


def test_a_site_file_that_says_otherwise_is_not_overruled(site: Path, tmp_path: Path) -> None:
    site.write_text(site.read_text() + '\n[learning]\nalarm_budget = "1/day"\n')
    with pytest.raises(ConfigError, match=r"a \[learning\] table of its own"):
        build_release(tmp_path / "wheels", site=site, bundle=BUNDLE, learning=ASKED)


def test_calibrating_takes_packages_that_must_come_along(site: Path, tmp_path: Path) -> None:
    next((tmp_path / "wheels").glob("scipy-*")).unlink()
    build_release(tmp_path / "wheels", site=site, bundle=BUNDLE)
    with pytest.raises(ConfigError, match="vad-edge devices wheelhouse --calibrate"):
        build_release(tmp_path / "wheels", site=site, bundle=BUNDLE, learning=ASKED)


def test_every_wheel_but_pip_is_pinned_by_its_hash(site: Path, tmp_path: Path) -> None:
    release = build_release(tmp_path / "wheels", site=site, bundle=BUNDLE)
    lines = release.files["requirements.txt"].read().decode().splitlines()
    assert [line.partition(" ")[0] for line in lines] == ["scipy==1.0", "vad-edge==1.0"]
    for line in lines:
        name = line.partition("==")[0].replace("-", "_")
        digest = next(value for key, value in release.hashes.items() if key.startswith(f"wheelhouse/{name}-"))
        assert line.endswith(f" --hash=sha256:{digest}")
