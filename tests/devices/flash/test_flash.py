"""The whole command against a folder laid out like NVIDIA's, with a board on a made-up USB bus."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.support.l4t import LinuxForTegra

import vad_edge.demo
import vad_edge_devices.flash.checks
import vad_edge_devices.flash.facts
from vad_edge.cli import main
from vad_edge.errors import DeviceError
from vad_edge_devices.detect import UsbBoard
from vad_edge_devices.flash.facts import HostFacts
from vad_edge_devices.flash.stage import StagedFile, apply_staged
from vad_edge_devices.registry import registry
from vad_edge_devices.release import Item

BUNDLE = Path(vad_edge.demo.__file__).parent / "scene.vadb"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJ ann@desk\n"

Flash = Callable[..., Result]


@pytest.fixture
def flash(l4t: LinuxForTegra, wheelhouse: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Flash:
    """`vad-edge flash` for an Orin Nano developer kit that is connected, with everything it needs."""
    nano = UsbBoard("1-2", "0955:7523", (registry().board("orin-nano-devkit"),), recovery=True)
    host = HostFacts("x86_64", "Linux", False, True, False, False, False, (nano,))
    monkeypatch.setattr(vad_edge_devices.flash.facts, "host_facts", lambda registry: host)
    monkeypatch.setattr(vad_edge_devices.flash.checks, "FREE_BYTES", 1)
    (tmp_path / "ann.pub").write_text(KEY)
    (tmp_path / "site.toml").write_text('site = "gate"\n[[camera]]\nname = "front"\nsource = 0\n')
    options: dict[str, Any] = {
        "--board": "orin-nano-devkit",
        "--l4t": l4t.folder,
        "--config": tmp_path / "site.toml",
        "--bundle": BUNDLE,
        "--wheelhouse": wheelhouse,
        "--user": "ann",
        "--ssh-key": tmp_path / "ann.pub",
        "--log": tmp_path / "flash.log",
    }

    def run(*more: str, answer: str = "", **changes: Any) -> Result:
        given = {**options, **{f"--{name.replace('_', '-')}": value for name, value in changes.items()}}
        pairs = [str(part) for name, value in given.items() if value is not None for part in (name, value)]
        return CliRunner().invoke(main, ["flash", *pairs, *more], input=answer)

    return run


def test_a_dry_run_shows_commands_files_and_checks_and_touches_nothing(
    flash: Flash, l4t: LinuxForTegra
) -> None:
    result = flash("--dry-run", "--json")
    assert result.exit_code == 0
    plan = json.loads(result.stdout)
    assert [command[0] for command in plan["commands"]] == [
        "./nvautoflash.sh",
        "./tools/l4t_create_default_user.sh",
        "./tools/kernel_flash/l4t_initrd_flash.sh",
    ]
    assert [check["name"] for check in plan["checks"]] == [
        *("host", "native", "root", "power saving", "auto-mount", "modem manager", "disk"),
        *("BSP", "release", "USB", "EEPROM", "user", "software", "identity"),
    ]
    assert all(check.keys() == {"name", "ok", "reason", "fix"} and check["ok"] for check in plan["checks"])
    paths = {file["path"] for file in plan["files"]}
    assert {"etc/vad-edge/firstboot.conf", "home/ann/.ssh/authorized_keys"} <= paths
    assert any(path.endswith("/model.vadb") for path in paths)
    assert any("/wheelhouse/vad_edge-1.0-" in path for path in paths)
    assert l4t.calls == []
    assert (l4t.rootfs / "etc/ssh/ssh_host_ed25519_key").exists()


def test_the_tools_are_called_in_order_with_the_files_staged_before_the_flash(
    flash: Flash, l4t: LinuxForTegra, tmp_path: Path
) -> None:
    l4t.script(
        "tools/kernel_flash/l4t_initrd_flash.sh",
        "cp rootfs/etc/vad-edge/firstboot.conf seen\necho 'Flash is successful'\n",
    )
    result = flash(answer="y\n")
    assert result.exit_code == 0, result.output
    assert "Everything on the nvme of this board will be lost. Flash it?" in result.output
    assert [call.partition("|")[0] for call in l4t.calls] == [
        "nvautoflash.sh",
        "l4t_create_default_user.sh",
        "l4t_initrd_flash.sh",
    ]
    assert "release=/opt/vad-edge/releases/" in (l4t.folder / "seen").read_text()
    log = (tmp_path / "flash.log").read_text()
    assert "Flash is successful" in log
    assert "flashed; the board starts by itself" in result.output


def test_the_root_file_system_gets_the_board_ready_and_no_identity(flash: Flash, l4t: LinuxForTegra) -> None:
    assert flash("--yes").exit_code == 0
    root = l4t.rootfs
    assert (root / "etc/machine-id").read_text() == ""
    assert not list((root / "etc/ssh").glob("ssh_host_*"))
    assert not (root / "etc/vad-edge/identity.env").exists()
    settings = (root / "etc/vad-edge/firstboot.conf").read_text()
    assert "hostname=vad-edge\nunique_hostname=no\n" in settings
    keys = root / "home/ann/.ssh/authorized_keys"
    assert keys.read_text() == KEY
    assert stat.S_IMODE(keys.stat().st_mode) == 0o600
    assert stat.S_IMODE(keys.parent.stat().st_mode) == 0o700
    if os.geteuid() == 0:
        assert keys.stat().st_uid == keys.parent.stat().st_uid == 1000
    wants = root / "etc/systemd/system/multi-user.target.wants/vad-edge-firstboot.service"
    assert str(wants.readlink()) == "/etc/systemd/system/vad-edge-firstboot.service"
    (activate,) = root.glob("opt/vad-edge/releases/*/activate")
    assert os.access(activate, os.X_OK)
    assert (activate.parent / "model.vadb").read_bytes() == BUNDLE.read_bytes()


def test_staging_twice_changes_nothing(flash: Flash, l4t: LinuxForTegra) -> None:
    def tree() -> dict[str, bytes | str]:
        return {
            str(path): str(path.readlink()) if path.is_symlink() else path.read_bytes()
            for path in sorted(l4t.rootfs.rglob("*"))
            if path.is_symlink() or path.is_file()
        }

    assert flash("--yes").exit_code == 0
    once = tree()
    assert flash("--yes").exit_code == 0
    assert tree() == once
    assert sum(call.startswith("l4t_create") for call in l4t.calls) == 1


def test_many_boards_each_get_a_name_of_their_own(flash: Flash, l4t: LinuxForTegra) -> None:
    result = flash(massflash=4, answer="y\ny\n")
    assert result.exit_code == 0, result.output
    assert "connect up to 4 boards orin-nano-devkit, all in recovery mode. Ready?" in result.output
    assert "unique_hostname=yes" in (l4t.rootfs / "etc/vad-edge/firstboot.conf").read_text()
    assert [call.split("|")[1].split()[0] for call in l4t.calls[2:]] == ["--no-flash", "--flash-only"]


def test_many_boards_stop_before_the_first_is_written_when_not_ready(
    flash: Flash, l4t: LinuxForTegra
) -> None:
    result = flash(massflash=4, answer="y\nn\n")
    assert result.exit_code == 1
    assert "the images are made, no board was written" in result.output
    assert len(l4t.calls) == 3


def test_one_client_id_for_many_boards_is_refused(flash: Flash, tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    site.write_text(site.read_text() + '[broker]\nclient_id = "gate"\n')
    plan = json.loads(flash("--dry-run", "--json", massflash=2).stdout)
    (check,) = (check for check in plan["checks"] if check["name"] == "identity")
    assert not check["ok"]
    assert "each board makes its own from its serial number" in check["fix"]


def test_no_is_no(flash: Flash, l4t: LinuxForTegra) -> None:
    result = flash(answer="n\n")
    assert result.exit_code == 1
    assert "not confirmed; nothing was written" in result.output
    assert [call.partition("|")[0] for call in l4t.calls] == ["nvautoflash.sh"]
    assert not (l4t.rootfs / "etc/vad-edge").exists()


def test_the_wrong_board_is_refused_by_its_eeprom_before_anything_is_written(
    flash: Flash, l4t: LinuxForTegra
) -> None:
    l4t.eeprom("3767", "0003")
    result = flash("--yes")
    assert result.exit_code == 1
    assert "the EEPROM says SKU is 0003, not 0005: this is not orin-nano-devkit" in result.output
    assert len(l4t.calls) == 1


def test_a_check_that_fails_stops_before_any_tool_runs(flash: Flash, l4t: LinuxForTegra) -> None:
    (l4t.folder / "bootloader/l4t_initrd.img").unlink()
    result = flash("--yes")
    assert result.exit_code == 1
    assert "BSP: " in result.output
    assert "lacks bootloader/l4t_initrd.img; unpack Jetson Linux" in result.output
    assert l4t.calls == []


@pytest.mark.parametrize(
    ("script", "output", "message", "state"),
    [
        (
            "nvautoflash.sh",
            "*** Error: No Jetson device found.",
            "not in recovery mode any more",
            "nothing was written",
        ),
        (
            "tools/l4t_create_default_user.sh",
            "useradd: Permission denied",
            "may not read or write something",
            "nothing was written to the board",
        ),
        (
            "tools/kernel_flash/l4t_initrd_flash.sh",
            "Error: might be timeout in USB write.",
            "USB",
            "the board may be half written",
        ),
    ],
)
def test_a_tool_that_fails_is_not_tried_again_and_the_state_is_said(
    flash: Flash, l4t: LinuxForTegra, tmp_path: Path, script: str, output: str, message: str, state: str
) -> None:
    l4t.script(script, f"echo '{output}' >&2\nexit 5\n")
    result = flash("--yes")
    assert result.exit_code == 1
    assert message in result.output
    assert state in result.output
    assert f"log: {tmp_path / 'flash.log'}" in result.output
    assert sum(call.startswith(Path(script).name) for call in l4t.calls) == 1
    assert l4t.calls[-1].startswith(Path(script).name)
    assert output in (tmp_path / "flash.log").read_text()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"user": "Ann; rm"}, "'Ann; rm' is no user name"),
        ({"hostname": "a b"}, "'a b' is no host name"),
        ({"board": "nano"}, "there is no board 'nano'"),
        ({"storage": "emmc"}, "orin-nano-devkit is not flashed to emmc"),
    ],
)
def test_names_that_cannot_be_are_refused(flash: Flash, changes: dict[str, str], message: str) -> None:
    result = flash("--dry-run", **changes)
    assert result.exit_code == 2
    assert message in result.output


def test_a_private_key_is_never_put_on_a_board(flash: Flash, tmp_path: Path) -> None:
    (tmp_path / "ann.pub").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    result = flash("--dry-run")
    assert result.exit_code == 2
    assert "it is no public SSH key; give the file that ends in .pub" in result.output


@pytest.mark.parametrize(
    ("changes", "name", "fix"),
    [
        ({"wheelhouse": None}, "software", "vad-edge devices wheelhouse"),
        ({"config": None}, "site", "give --config SITE.toml"),
        ({"user": None}, "user", "give --user NAME --ssh-key FILE"),
    ],
)
def test_a_board_that_would_not_come_up_watching_is_not_flashed(
    flash: Flash, l4t: LinuxForTegra, changes: dict[str, None], name: str, fix: str
) -> None:
    plan = json.loads(flash("--dry-run", "--json", **changes).stdout)
    failed = {check["name"]: check["fix"] for check in plan["checks"] if not check["ok"]}
    assert list(failed) == [name]
    assert fix in failed[name]
    assert flash("--yes", **changes).exit_code == 1
    assert l4t.calls == []


def test_wheels_for_another_python_are_refused(flash: Flash, wheelhouse: Path) -> None:
    (wheelhouse / "numpy-1.26.4-cp312-cp312-manylinux_2_17_aarch64.whl").write_bytes(b"x")
    plan = json.loads(flash("--dry-run", "--json").stdout)
    (check,) = (check for check in plan["checks"] if check["name"] == "software")
    assert not check["ok"]
    assert "the board has cp310" in check["fix"]


def test_a_file_is_never_written_through_a_link_out_of_the_root_file_system(tmp_path: Path) -> None:
    root, outside = tmp_path / "rootfs", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (root / "etc").symlink_to(outside)
    with pytest.raises(DeviceError, match="etc/passwd leads out of it"):
        apply_staged((StagedFile("etc/passwd", "write", Item(b"x")),), root)
    assert not list(outside.iterdir())


NETWORK = """
[[connection]]
name = "hall"
kind = "wifi"
ssid = "guests"
password_file = "wifi-password"
"""


def test_the_network_is_put_in_for_root_alone_and_its_password_is_shown_nowhere(
    flash: Flash, l4t: LinuxForTegra, tmp_path: Path
) -> None:
    (tmp_path / "network.toml").write_text(NETWORK)
    (tmp_path / "wifi-password").write_text("correct-horse\n")
    result = flash(network=tmp_path / "network.toml", answer="y\n")
    assert result.exit_code == 0, result.output
    path = l4t.folder / "rootfs/etc/NetworkManager/system-connections/vad-edge-hall.nmconnection"
    assert "psk=correct-horse" in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "ok   network: it comes up with hall" in result.output
    assert "correct-horse" not in result.output + (tmp_path / "flash.log").read_text()


def test_one_address_for_many_boards_is_refused(flash: Flash, tmp_path: Path) -> None:
    (tmp_path / "network.toml").write_text('[[connection]]\nname = "lan"\naddress = "192.0.2.20/24"\n')
    result = flash("--yes", "--massflash", "2", network=tmp_path / "network.toml")
    assert result.exit_code == 1
    assert "network: lan would give all boards one address" in result.output
