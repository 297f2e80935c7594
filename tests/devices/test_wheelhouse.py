"""Wheelhouses by the real pip, from a folder instead of an index."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.support.wheels import make_wheel, pip_wheel

from vad_edge.cli import main
from vad_edge.errors import ConfigError, DeviceError
from vad_edge_devices.registry import registry
from vad_edge_devices.wheelhouse import WheelTarget, closure, download, other, target_of

JP6 = target_of(registry().line("6.2"))
JP7 = target_of(registry().line("7.2"))
CV2 = "opencv-python-headless; platform_machine != 'aarch64'"


def tagged(path: Path, tag: str) -> Path:
    return path.rename(path.with_name(path.name.replace("py3-none-any", tag)))


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What there is to download: numpy for two Pythons and two machines, and pure packages."""
    folder = tmp_path / "index"
    for python in ("cp310", "cp312"):
        for machine in ("aarch64", "x86_64"):
            for version in ("1.26.4", "2.2.6"):
                tag = f"{python}-{python}-manylinux_2_28_{machine}"
                tagged(make_wheel(folder, "numpy", version, {}), tag)
    make_wheel(folder, "tomli", "2.0", {})
    make_wheel(folder, "colours", "1.0", {}, "Requires-Dist: winonly; sys_platform == 'win32'\n")
    make_wheel(folder, "opencv_python_headless", "4.9", {})
    pip_wheel(folder)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def vad_edge(folder: Path, *requirements: str) -> Path:
    lines = "".join(f"Requires-Dist: {text}\n" for text in requirements)
    return make_wheel(folder, "vad_edge", "1.0", {}, lines)


NEEDS = ("numpy>=1.26", "colours", "tomli; python_version < '3.11'", CV2)


def test_a_board_gets_its_own_wheels_and_none_that_shadow_jetpack(index: Path, tmp_path: Path) -> None:
    names = download(JP6, tmp_path / "out", vad_edge(tmp_path / "dist", *NEEDS))
    assert [name.partition("-")[0] for name in names] == ["colours", "numpy", "pip", "tomli", "vad_edge"]
    assert names[1] == "numpy-1.26.4-cp310-cp310-manylinux_2_28_aarch64.whl"


def test_markers_are_those_of_the_board_and_not_of_this_machine(index: Path, tmp_path: Path) -> None:
    wheel = vad_edge(tmp_path / "dist", *NEEDS)
    for target, has in ((JP6, True), (JP7, False)):
        names = download(target, tmp_path / target.python, wheel)
        assert any(name.startswith("tomli") for name in names) == has


def test_a_pc_gets_cv2_and_the_newest_numpy(index: Path, tmp_path: Path) -> None:
    names = download(other("3.12", "x86_64"), tmp_path / "out", vad_edge(tmp_path / "dist", *NEEDS))
    assert "numpy-2.2.6-cp312-cp312-manylinux_2_28_x86_64.whl" in names
    assert any(name.startswith("opencv_python_headless") for name in names)


def test_what_an_older_version_needed_is_taken_away_again(index: Path, tmp_path: Path) -> None:
    make_wheel(tmp_path / "out", "left_over", "1.0", {})
    names = download(JP6, tmp_path / "out", vad_edge(tmp_path / "dist", "colours"))
    assert not [name for name in names if name.startswith("left_over")]


def test_a_wheel_that_would_shadow_jetpack_is_refused(index: Path, tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="opencv-python-headless would shadow what JetPack brings"):
        download(JP6, tmp_path / "out", vad_edge(tmp_path / "dist", "opencv-python-headless"))


def test_a_package_without_wheels_for_the_board_s_python_is_named(index: Path, tmp_path: Path) -> None:
    tagged(make_wheel(index, "newest", "1.0", {}), "cp313-cp313-manylinux_2_28_aarch64")
    with pytest.raises(DeviceError, match=r"no wheels for Python 3.10 on aarch64: .*newest"):
        download(JP6, tmp_path / "out", vad_edge(tmp_path / "dist", "newest"))


def test_extras_are_followed(index: Path, tmp_path: Path) -> None:
    make_wheel(
        tmp_path / "out", "codec", "1.0", {}, "Provides-Extra: fast\nRequires-Dist: speed; extra == 'fast'\n"
    )
    make_wheel(tmp_path / "out", "pip", "1.0", {})
    vad_edge(tmp_path / "out", "codec[fast]")
    missing, used = closure(tmp_path / "out", JP6)
    assert missing == ["speed"]
    assert used == {"vad-edge", "pip", "codec"}


def test_a_board_that_calibrates_itself_gets_what_that_takes(index: Path, tmp_path: Path) -> None:
    make_wheel(index, "scipy", "1.11", {})
    extra = "Provides-Extra: calibrate\nRequires-Dist: scipy; extra == 'calibrate'\n"
    wheel = make_wheel(tmp_path / "dist", "vad_edge", "1.0", {}, extra)
    with_it = download(JP6, tmp_path / "with", wheel, frozenset({"calibrate"}))
    assert any(name.startswith("scipy-") for name in with_it)
    assert not any(name.startswith("scipy-") for name in download(JP6, tmp_path / "without", wheel))


def test_the_platforms_are_those_of_the_board_s_ubuntu() -> None:
    assert JP6.platforms[0] == "manylinux_2_35_aarch64"
    assert JP6.platforms[-1] == "manylinux2014_aarch64"
    assert JP7.platforms[0] == "manylinux_2_39_aarch64"
    assert WheelTarget("3.12", "x86_64", 17).platforms == ("manylinux_2_17_x86_64", "manylinux2014_x86_64")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--jetpack", "5.1"), "JetPack 5.1 has Python 3.8, vad-edge needs 3.10; flash a newer JetPack"),
        (("--jetpack", "9"), "there is no JetPack 9; give one of 5.1, "),
        (("--python", "3.8", "--machine", "x86_64"), "'3.8' is no Python vad-edge runs on"),
        (("--python", "3.12"), "which machine is meant?"),
        ((), "which machine is meant?"),
        (("--jetpack", "6.2", "--wheel", "none.whl"), "none.whl: no such wheel; build one with"),
    ],
)
def test_a_machine_that_cannot_be_meant_is_refused(
    options: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    result = CliRunner().invoke(main, ["devices", "wheelhouse", "--output", str(tmp_path / "out"), *options])
    assert result.exit_code == 2
    assert message in result.output


def test_an_unknown_line_is_refused() -> None:
    with pytest.raises(ConfigError):
        registry().line("8.0")
