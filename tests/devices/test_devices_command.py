from __future__ import annotations

import json

from click.testing import CliRunner

from vad_edge.cli import main
from vad_edge_devices.registry import registry

KEYS = ("board", "module", "sku", "usb_id", "l4t_board", "compute_capability", "memory_gb", "dla_cores")


def test_the_list_for_machines_has_the_promised_keys_and_every_board() -> None:
    rows = json.loads(CliRunner().invoke(main, ["devices", "list", "--json"]).stdout)
    assert [tuple(row) for row in rows] == [(*KEYS, "jetpacks")] * len(registry().boards)
    nano = next(row for row in rows if row["board"] == "orin-nano-devkit")
    line = next(line for line in nano["jetpacks"] if line["jetpack"] == "6.2")
    assert line == {
        "jetpack": "6.2",
        "l4t": ["36.4.3"],
        "cuda": "12.6",
        "tensorrt": "10.3.0",
        "python": "3.10",
        "supported": True,
    }


def test_the_list_for_people_marks_what_is_not_certain() -> None:
    shown = CliRunner().invoke(main, ["devices", "list"]).output
    (line,) = (line for line in shown.splitlines() if line.startswith("agx-orin-32gb"))
    assert "0955:7223?" in line
    assert "6.0-6.2.2, 7.2-7.2.2" in line
    assert "none with Python 3.10" in shown


def test_a_board_is_shown_with_sources_and_doubts() -> None:
    shown = CliRunner().invoke(main, ["devices", "show", "agx-orin-32gb"]).output
    assert "usb_id: 0955:7223  [NVIDIA Jetson Linux Quick Start" in shown
    assert "not certain: the id is NVIDIA's" in shown
    assert "JetPack 5.1 (L4T 35.2.1): CUDA 11.4, TensorRT 8.5.2, Python 3.8: its Python is too old" in shown
    assert "flash emmc: flash.sh ... internal" in shown
    facts = json.loads(CliRunner().invoke(main, ["devices", "show", "agx-orin-32gb", "--json"]).stdout)
    assert facts["flash"]["nvme"]["external_device"] == "nvme0n1p1"


def test_an_unknown_board_ends_with_2() -> None:
    result = CliRunner().invoke(main, ["devices", "show", "nano"])
    assert result.exit_code == 2
    assert "there is no board 'nano'; give one of" in result.output


def test_detect_on_a_machine_without_boards_ends_with_1_and_the_next_step() -> None:
    result = CliRunner().invoke(main, ["devices", "detect"])
    assert result.exit_code == 1
    assert "no Jetson is in recovery mode on USB, and this machine is none" in result.output
    assert json.loads(CliRunner().invoke(main, ["devices", "detect", "--json"]).stdout) == {
        "usb": [],
        "this": None,
    }
