"""Every row of the registry, held against the commands of the facts page."""

from __future__ import annotations

from pathlib import Path

import pytest

from vad_edge.errors import ConfigError
from vad_edge_devices.flash.facts import BspFacts
from vad_edge_devices.flash.plan import FlashRequest, commands, files_needed, method_for, then
from vad_edge_devices.registry import Storage, registry

INITRD = "./tools/kernel_flash/l4t_initrd_flash.sh"
EXTERNAL = ("--external-device", "nvme0n1p1", "-c", "tools/kernel_flash/flash_l4t_t234_nvme.xml")
QSPI = ("-p", "-c bootloader/generic/cfg/flash_t234_qspi.xml")
SHOWN = ("--showlogs", "--network", "usb0")
NANO = (INITRD, *EXTERNAL, *QSPI, *SHOWN, "jetson-orin-nano-devkit", "internal")
AGX = (INITRD, *EXTERNAL, *SHOWN, "jetson-agx-orin-devkit", "external")

EXPECTED: dict[tuple[str, Storage], tuple[str, ...]] = {
    ("orin-nano-4gb", "nvme"): NANO,
    ("orin-nano-8gb", "nvme"): NANO,
    ("orin-nano-devkit", "nvme"): NANO,
    ("orin-nano-devkit", "sd"): ("./flash.sh", "jetson-orin-nano-devkit", "internal"),
    ("orin-nx-8gb", "nvme"): NANO,
    ("orin-nx-16gb", "nvme"): NANO,
    ("agx-orin-32gb", "emmc"): ("./flash.sh", "jetson-agx-orin-devkit", "internal"),
    ("agx-orin-32gb", "nvme"): AGX,
    ("agx-orin-64gb", "emmc"): ("./flash.sh", "jetson-agx-orin-devkit", "internal"),
    ("agx-orin-64gb", "nvme"): AGX,
    ("agx-orin-devkit", "emmc"): ("./flash.sh", "jetson-agx-orin-devkit", "internal"),
    ("agx-orin-devkit", "nvme"): AGX,
    ("thor-t5000", "nvme"): ("./l4t_initrd_flash.sh", "jetson-agx-thor-devkit", "internal"),
    ("thor-t4000", "nvme"): ("./l4t_initrd_flash.sh", "jetson-agx-thor-t4000", "internal"),
}
NOT_FLASHED = {"agx-xavier", "xavier-nx"}


def request(board: str, storage: Storage, **changes: object) -> FlashRequest:
    return FlashRequest(registry().board(board), storage, Path("/bsp"), **changes)  # type: ignore[arg-type]


def bsp(users: tuple[str, ...] = ()) -> BspFacts:
    return BspFacts(Path("/bsp"), frozenset(), "36.4.3", users, 10**12)


def test_the_table_has_every_board_and_every_storage() -> None:
    rows = {(board.board, storage) for board in registry().boards for storage in board.flash}
    assert rows == set(EXPECTED)
    assert {board.board for board in registry().boards if not board.flash} == NOT_FLASHED


@pytest.mark.parametrize(("board", "storage"), EXPECTED, ids="-".join)
def test_a_board_is_flashed_by_the_command_of_the_facts_page(board: str, storage: Storage) -> None:
    probe, user, flashing = commands(request(board, storage), bsp())
    assert probe.argv == ("./nvautoflash.sh", "--print_boardid")
    assert user is None
    assert [command.argv for command in flashing] == [EXPECTED[board, storage]]


@pytest.mark.parametrize("board", sorted(NOT_FLASHED))
def test_a_board_whose_python_is_too_old_is_refused(board: str) -> None:
    with pytest.raises(ConfigError, match=r"its newest JetPack brings Python 3.8; use an Orin or Thor board"):
        method_for(registry().board(board), None)


def test_a_storage_the_board_does_not_have_names_those_it_has() -> None:
    with pytest.raises(ConfigError, match="agx-orin-64gb is not flashed to sd; give one of emmc, nvme"):
        method_for(registry().board("agx-orin-64gb"), "sd")


def test_the_first_storage_of_a_board_is_its_own() -> None:
    assert method_for(registry().board("agx-orin-64gb"), None) == "emmc"


def test_super_mode_takes_the_other_configuration() -> None:
    wanted = request("orin-nano-devkit", "nvme", super_mode=True)
    assert commands(wanted, bsp())[2][0].argv[-2:] == ("jetson-orin-nano-devkit-super", "internal")
    assert "jetson-orin-nano-devkit-super.conf" in set(files_needed(wanted))


def test_super_mode_is_refused_where_there_is_none() -> None:
    with pytest.raises(ConfigError, match="thor-t5000 has no super configuration; leave it out"):
        commands(request("thor-t5000", "nvme", super_mode=True), bsp())


@pytest.mark.parametrize(("board", "storage"), EXPECTED, ids="-".join)
def test_many_boards_get_images_once_and_are_flashed_together(board: str, storage: Storage) -> None:
    images, flashing = commands(request(board, storage, massflash=5), bsp())[2]
    assert images.argv[1:4] == ("--no-flash", "--massflash", "5")
    assert images.argv.count("--network") == 1
    assert images.argv[0].endswith("l4t_initrd_flash.sh")
    assert images.argv[-2:] == EXPECTED[board, storage][-2:]
    assert flashing.argv[0] == images.argv[0]
    assert flashing.argv[1:4] == ("--flash-only", "--massflash", "5")
    assert flashing.argv[-1] == EXPECTED[board, storage][-2]
    assert f"up to 5 boards {board}, all in recovery mode" in flashing.before


def test_a_new_user_is_made_without_a_password_on_the_command_line() -> None:
    user = commands(request("orin-nano-devkit", "nvme", user="ann", hostname="gate"), bsp())[1]
    assert user is not None
    assert user.argv == (
        "./tools/l4t_create_default_user.sh",
        "-u",
        "ann",
        "-n",
        "gate",
        "--accept-license",
    )


def test_a_user_who_is_there_is_not_made_again() -> None:
    assert commands(request("orin-nano-devkit", "nvme", user="ann"), bsp(("ann",)))[1] is None


@pytest.mark.parametrize(
    ("board", "resets"), [("thor-t5000", True), ("thor-t4000", True), ("orin-nx-8gb", False)]
)
def test_only_thor_must_be_reset_by_hand(board: str, resets: bool) -> None:
    assert ("boardctl -t topo reset" in then(registry().board(board))) == resets
