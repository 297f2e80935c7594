from __future__ import annotations

from pathlib import Path

import pytest

from vad_edge_devices.catalogue import findings
from vad_edge_devices.detect import l4t_release, module_of, this_board, usb_boards
from vad_edge_devices.registry import registry


def plug(root: Path, port: str, vendor: str, product: str) -> None:
    device = root / "sys/bus/usb/devices" / port
    device.mkdir(parents=True)
    (device / "idVendor").write_text(f"{vendor}\n")
    (device / "idProduct").write_text(f"{product}\n")


def boot(root: Path, compatible: tuple[str, ...], release: str, model: str = "A board") -> None:
    tree = root / "proc/device-tree"
    tree.mkdir(parents=True)
    (tree / "model").write_text(f"{model}\0")
    (tree / "compatible").write_text("\0".join(compatible) + "\0")
    (root / "etc").mkdir()
    (root / "etc/nv_tegra_release").write_text(release)


@pytest.mark.parametrize(
    ("product", "boards"),
    [
        ("7023", ["agx-orin-64gb", "agx-orin-devkit"]),
        ("7223", ["agx-orin-32gb"]),
        ("7323", ["orin-nx-16gb"]),
        ("7423", ["orin-nx-8gb"]),
        ("7523", ["orin-nano-8gb", "orin-nano-devkit"]),
        ("7623", ["orin-nano-4gb"]),
        ("7026", ["thor-t5000"]),
        ("7226", ["thor-t4000"]),
        ("7019", ["agx-xavier"]),
        ("7E19", ["xavier-nx"]),
        ("7919", []),
    ],
)
def test_a_board_in_recovery_is_told_by_its_usb_id(tmp_path: Path, product: str, boards: list[str]) -> None:
    plug(tmp_path, "1-2", "0955", product)
    (found,) = usb_boards(registry(), tmp_path)
    assert [board.board for board in found.boards] == boards
    assert found.recovery


def test_a_running_jetson_is_seen_but_is_not_in_recovery(tmp_path: Path) -> None:
    plug(tmp_path, "1-2", "0955", "7020")
    (found,) = usb_boards(registry(), tmp_path)
    assert not found.recovery
    assert "  to flash it, put it into recovery mode" in findings([found], None)


def test_other_things_on_usb_are_left_alone(tmp_path: Path) -> None:
    plug(tmp_path, "1-1", "1d6b", "0002")
    plug(tmp_path, "1-2", "0955", "b42a")  # a game controller by the same maker
    (tmp_path / "sys/bus/usb/devices/1-3").mkdir()
    assert usb_boards(registry(), tmp_path) == []


def test_two_boards_are_two_boards(tmp_path: Path) -> None:
    plug(tmp_path, "1-2", "0955", "7523")
    plug(tmp_path, "1-1", "0955", "7323")
    assert [found.port for found in usb_boards(registry(), tmp_path)] == ["1-1", "1-2"]


@pytest.mark.parametrize(
    ("compatible", "release", "board", "jetpack"),
    [
        (
            ("nvidia,p3768-0000+p3767-0005-super", "nvidia,p3767-0005", "nvidia,tegra234"),
            "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64",
            "orin-nano-devkit",
            "6.2",
        ),
        (
            ("nvidia,p3737-0000+p3701-0005", "nvidia,p3701-0005", "nvidia,tegra234"),
            "# R36 (release), REVISION: 5.0, GCID: 1",
            "agx-orin-64gb",
            "6.2.2",
        ),
        (
            ("nvidia,p4071-0000+p3834-0008", "nvidia,p3834-0008", "nvidia,tegra264"),
            "# R39 (release), REVISION: 2.0, GCID: 1",
            "thor-t5000",
            "7.2",
        ),
        (
            ("nvidia,p3509-0000+p3668-0001", "nvidia,tegra194"),
            "# R35 (release), REVISION: 4.1",
            "xavier-nx",
            "5.1.2",
        ),
    ],
)
def test_the_board_we_run_on_is_told_by_its_device_tree(
    tmp_path: Path, compatible: tuple[str, ...], release: str, board: str, jetpack: str
) -> None:
    boot(tmp_path, compatible, release)
    found = this_board(registry(), tmp_path)
    assert found is not None
    assert found.to_dict()["board"] == board
    assert found.to_dict()["jetpack"] == jetpack


def test_an_old_jetpack_is_told_apart_and_turned_away(tmp_path: Path) -> None:
    boot(tmp_path, ("nvidia,p3509-0000+p3668-0001",), "# R35 (release), REVISION: 4.1", "Xavier NX")
    text = "\n".join(findings([], this_board(registry(), tmp_path)))
    assert "this machine: Xavier NX: xavier-nx, L4T 35.4.1 (JetPack 5.1.2, Python 3.8)" in text
    assert "its Python is too old for vad-edge; flash a newer JetPack" in text


def test_an_unknown_module_is_named(tmp_path: Path) -> None:
    boot(tmp_path, ("nvidia,p9999-0000+p9998-0007", "nvidia,tegra299"), "nonsense")
    found = this_board(registry(), tmp_path)
    assert found is not None
    assert (found.board, found.module, found.sku, found.l4t) == (None, "p9998", "0007", "")


@pytest.mark.parametrize("compatible", [("raspberrypi,4-model-b", "brcm,bcm2711"), ()])
def test_another_machine_is_no_jetson(tmp_path: Path, compatible: tuple[str, ...]) -> None:
    boot(tmp_path, compatible, "")
    assert this_board(registry(), tmp_path) is None


def test_a_machine_without_a_device_tree_is_no_jetson(tmp_path: Path) -> None:
    assert this_board(registry(), tmp_path) is None
    assert "connect the recovery port" in list(findings([], None))[-1]


def test_a_release_file_that_is_none_has_no_release() -> None:
    assert l4t_release("# R36 (developer), REVISION: 2") == ""
    assert module_of(("nvidia,tegra234",)) == ("", "")
