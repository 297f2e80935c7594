from __future__ import annotations

from importlib.resources import files

import pytest
from tests.devices.facts import MODULES, RELEASES

from vad_edge.errors import ConfigError, DeviceError
from vad_edge_devices.registry import read_registry, registry

JETPACKS = (files("vad_edge_devices") / "jetpacks.toml").read_text(encoding="utf-8")
BOARD = (files("vad_edge_devices") / "boards" / "thor-t5000.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("module", MODULES)
def test_every_module_of_the_facts_page_is_there_as_it_says(module: str) -> None:
    found = {f"{board.module}-{board.sku}": board for board in registry().boards}[module]
    facts = (
        found.usb_id,
        found.l4t_board,
        found.compute_capability,
        found.memory_gb,
        found.dla_cores,
    )
    assert facts == MODULES[module]


def test_no_board_is_there_that_the_facts_page_does_not_have() -> None:
    assert {f"{board.module}-{board.sku}" for board in registry().boards} == set(MODULES)


@pytest.mark.parametrize("l4t", RELEASES)
def test_an_l4t_release_is_the_jetpack_of_the_facts_page(l4t: str) -> None:
    line = registry().line_of_l4t(l4t)
    assert line is not None
    found = (line.jetpack, line.python, line.cuda, line.tensorrt, "t234" in line.socs, "t264" in line.socs)
    assert found == RELEASES[l4t]


def test_an_unknown_release_is_no_line() -> None:
    assert registry().line_of_l4t("99.1") is None


def test_jetpack_5_is_not_supported_since_its_python_is_too_old() -> None:
    supported = {line.jetpack for line in registry().jetpacks if line.supported}
    assert not {name for name in supported if name.startswith("5.")}
    assert {"6.0", "6.2", "7.0", "7.2.2"} <= supported


def test_only_thor_and_nothing_older_than_7_1_on_the_t4000() -> None:
    board = registry().board("thor-t4000")
    assert [line.jetpack for line in registry().lines(board)] == ["7.1", "7.2", "7.2.1", "7.2.2"]


@pytest.mark.parametrize("board", registry().boards, ids=lambda board: board.board)
def test_what_a_board_does_not_know_is_marked(board) -> None:  # type: ignore[no-untyped-def]
    assert board.power_modes or "power_modes" in board.uncertain


def test_an_unknown_board_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="there is no board 'nano'; give one of agx-orin-32gb, "):
        registry().board("nano")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (('usb_id = "0955:7026"', 'usb_id = "7026"'), "thor-t5000.toml: usb_id"),
        (('board = "thor-t5000"', 'board = "thor"'), "it describes 'thor'; name the file after the board"),
        (('module = "NVIDIA', 'model = "NVIDIA'), "no source is given for module"),
        (("[uncertain]", "[uncertain]\ncolour = 'green?'"), "there is no fact colour"),
        (('"7.2.2"]', '"6.2"]'), "thor-t5000 cannot run JetPack 6.2"),
        (('rootdev = "internal"', 'rootdev = "internal"\nlayout = "x.xml"'), "come together"),
        (("[flash.nvme]", "[flash.floppy]"), "flash.floppy"),
        (("dla_cores = 0", "dla_cores = "), "not valid TOML"),
    ],
)
def test_a_board_file_that_cannot_be_true_is_refused(change: tuple[str, str], reason: str) -> None:
    assert change[0] in BOARD
    with pytest.raises(DeviceError) as refused:
        read_registry({"thor-t5000.toml": BOARD.replace(*change)}, JETPACKS)
    assert reason in str(refused.value)
