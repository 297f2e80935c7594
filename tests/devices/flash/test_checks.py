from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.l4t import EEPROM, LinuxForTegra

from vad_edge_devices.detect import UsbBoard
from vad_edge_devices.flash import checks
from vad_edge_devices.flash.eeprom import Eeprom, eeprom_agrees, read_eeprom
from vad_edge_devices.flash.facts import BspFacts, HostFacts, bsp_facts, host_facts
from vad_edge_devices.flash.plan import FlashRequest, files_needed
from vad_edge_devices.registry import registry

NANO = registry().board("orin-nano-devkit")
THOR = registry().board("thor-t5000")
REQUEST = FlashRequest(NANO, "nvme", Path("/bsp"))
HOST = HostFacts("x86_64", "Linux", False, True, False, False, False, ())
BSP = BspFacts(Path("/bsp"), frozenset(files_needed(REQUEST)), "36.4.3", ("ann",), 10**12)


def usb(product: str, port: str = "1-2") -> UsbBoard:
    usb_id = f"0955:{product}"
    boards = tuple(board for board in registry().boards if board.usb_id == usb_id)
    return UsbBoard(port, usb_id, boards, recovery=product != "7020")


@pytest.mark.parametrize(
    ("change", "name", "reason"),
    [
        ({"machine": "aarch64"}, "host", "Linux on aarch64"),
        ({"system": "Darwin"}, "host", "Darwin on x86_64"),
        ({"virtual": True}, "native", "USB drops out"),
        ({"root": False}, "root", "not root"),
        ({"tlp": True}, "power saving", "TLP switches USB ports off"),
        ({"automount": True}, "auto-mount", "mounts the board's partitions"),
        ({"modem_manager": True}, "modem manager", "talks to new USB devices"),
    ],
)
def test_a_host_that_would_break_the_flash_is_told_with_a_fix(
    change: dict[str, object], name: str, reason: str
) -> None:
    failed = [check for check in checks.host_checks(replace(HOST, **change), BSP) if not check.ok]  # type: ignore[arg-type]
    assert [check.name for check in failed] == [name]
    assert reason in failed[0].reason
    assert failed[0].fix


def test_a_good_host_passes_without_fixes() -> None:
    found = list(checks.host_checks(HOST, BSP))
    assert all(check.ok and not check.fix for check in found)


def test_too_little_disk_says_how_much_is_needed() -> None:
    found = list(checks.host_checks(HOST, replace(BSP, free_bytes=5 * 10**9)))[-1]
    assert (found.ok, found.reason, found.fix) == (False, "5 GB free at /bsp", "make room: 60 GB are needed")


@pytest.mark.parametrize("missing", sorted(files_needed(REQUEST)))
def test_a_bsp_that_lacks_a_file_names_it(missing: str) -> None:
    found = next(checks.bsp_checks(REQUEST, replace(BSP, files=BSP.files - {missing}), registry()))
    assert not found.ok
    assert f"lacks {missing}" in found.reason


def test_thor_is_told_to_apply_the_open_driver() -> None:
    request = replace(REQUEST, board=THOR)
    assert "apply_binaries.sh --openrm" in next(checks.bsp_checks(request, BSP, registry())).fix


@pytest.mark.parametrize(
    ("board", "l4t", "ok"),
    [
        (NANO, "36.4.3", True),
        (NANO, "39.2.0", True),
        (NANO, "38.4", False),
        (NANO, "35.6.0", False),
        (NANO, "", False),
        (NANO, "41.0", False),
        (THOR, "38.4", True),
        (THOR, "36.4.3", False),
    ],
)
def test_the_release_must_be_one_the_board_runs_vad_edge_on(board, l4t: str, ok: bool) -> None:  # type: ignore[no-untyped-def]
    found = list(checks.bsp_checks(replace(REQUEST, board=board), replace(BSP, l4t=l4t), registry()))[1]
    assert found.ok == ok


@pytest.mark.parametrize(
    ("boards", "reason", "fix"),
    [
        ((), "no Jetson is on USB", "put the board into recovery mode: power off; join FC_REC"),
        (("7020",), "the Jetson on USB is running, not in recovery mode", "put the board into recovery mode"),
        (("7523", "7523"), "2 boards are in recovery mode", "connect one only"),
        (("7323",), "0955:7323 at 1-1 is orin-nx-16gb, not orin-nano-devkit (0955:7523)", "the right board"),
        (("7919",), "is no board of ours", "the right board"),
    ],
)
def test_no_two_and_wrong_boards_on_usb_are_refused(boards: tuple[str, ...], reason: str, fix: str) -> None:
    connected = tuple(usb(product, f"1-{port}") for port, product in enumerate(boards, 1))
    found = checks.usb_check(REQUEST, replace(HOST, usb=connected))
    assert not found.ok
    assert reason in found.reason
    assert fix in found.fix


def test_the_right_board_in_recovery_passes_beside_a_running_one() -> None:
    assert checks.usb_check(REQUEST, replace(HOST, usb=(usb("7523"), usb("7020", "1-3")))).ok


@pytest.mark.parametrize(
    ("eeprom", "ok", "reason"),
    [
        (Eeprom("3767", "300", "0005", "V.2"), True, "the EEPROM says p3767-0005"),
        (Eeprom("3767", "300", "0003", "V.2"), False, "SKU is 0003, not 0005"),
        (Eeprom("3701", "", "", ""), False, "board ID is 3701, not 3767"),
        (Eeprom("3767", "", "", ""), True, "leaves SKU empty"),
        (Eeprom(), True, "leaves board ID, SKU empty"),
    ],
)
def test_only_a_filled_field_that_differs_is_a_disagreement(eeprom: Eeprom, ok: bool, reason: str) -> None:
    verdict = eeprom_agrees(eeprom, NANO)
    assert verdict.ok == ok
    assert reason in verdict.reason


def test_the_carrier_of_thor_is_compared_too() -> None:
    assert not eeprom_agrees(Eeprom("3834", "", "0008", "", "3971"), THOR).ok


def test_both_forms_of_the_print_are_read() -> None:
    long = EEPROM.format(board_id="3767", sku="0005") + "--- Parsing baseboard ID (4071) succeeded.\n"
    assert read_eeprom(long) == Eeprom("3767", "300", "0005", "V.2", "4071")
    short = "Board ID(3767) version(300) sku(0005) revision(K.2)\nChip SKU(00:00:00:D5)"
    assert read_eeprom(short) == Eeprom("3767", "300", "0005", "K.2")
    assert read_eeprom("--- Parsing board SKU () succeeded.") == Eeprom()


@pytest.mark.parametrize(
    ("user", "users", "has_key", "ok"),
    [
        (None, (), False, False),
        (None, ("ann",), False, True),
        ("ann", (), True, True),
        ("ann", (), False, False),
        ("ann", ("ann",), False, True),
    ],
)
def test_an_account_must_be_able_to_log_in(
    user: str | None, users: tuple[str, ...], has_key: bool, ok: bool
) -> None:
    found = checks.user_check(replace(REQUEST, user=user), replace(BSP, users=users), has_key=has_key)
    assert found.ok == ok
    assert ok or "--ssh-key FILE" in found.fix


def test_the_folder_is_read_as_it_is(l4t: LinuxForTegra) -> None:
    (l4t.folder / "kernel/dtb/some.dtb").unlink()
    (l4t.rootfs / "etc/passwd").write_text(
        "root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\nbroken\n"
    )
    found = bsp_facts(l4t.folder, files_needed(REQUEST))
    assert set(files_needed(REQUEST)) - found.files == {"kernel/dtb/"}
    assert (found.l4t, found.users) == ("36.4.3", ("ann",))


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    found = bsp_facts(tmp_path / "none", files_needed(REQUEST))
    assert (found.files, found.l4t, found.users) == (frozenset(), "", ())
    assert found.free_bytes > 0


def test_the_host_is_read_from_its_own_files(tmp_path: Path) -> None:
    (tmp_path / "proc/7").mkdir(parents=True)
    (tmp_path / "proc/7/comm").write_text("ModemManager\n")
    (tmp_path / "proc/cpuinfo").write_text("processor : 0\nflags : fpu hypervisor sse\n")
    (tmp_path / "run/tlp").mkdir(parents=True)
    found = host_facts(registry(), tmp_path)
    assert (found.virtual, found.tlp, found.automount, found.modem_manager) == (True, True, False, True)
