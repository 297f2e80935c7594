from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from vad_edge.common.jetson import board_model, driver_version, has_nvidia_gpu, l4t_release

RELEASE = "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64, DATE: Wed Jan  8\n"


def tree(root: Path, files: Mapping[str, str]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


def test_a_jetson_names_its_board_its_release_and_its_driver(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        {
            "proc/device-tree/model": "NVIDIA Jetson Orin NX Engineering Reference Developer Kit\0",
            "etc/nv_tegra_release": RELEASE,
            "sys/module/nvidia/version": "540.4.0\n",
        },
    )
    assert board_model(root) == "NVIDIA Jetson Orin NX Engineering Reference Developer Kit"
    assert l4t_release(root) == "36.4.3"
    assert driver_version(root) == "L4T 36.4.3"


@pytest.mark.parametrize(
    ("files", "driver"),
    [
        ({}, ""),
        ({"sys/module/nvidia/version": "570.86.15\n"}, "570.86.15"),
        ({"etc/nv_tegra_release": RELEASE}, "L4T 36.4.3"),
        ({"etc/nv_tegra_release": "something else\n"}, ""),
    ],
)
def test_the_driver_is_what_is_told_of_it(files: dict[str, str], driver: str, tmp_path: Path) -> None:
    assert driver_version(tree(tmp_path, files)) == driver


@pytest.mark.parametrize(
    ("files", "there"),
    [
        ({}, False),
        ({"dev/nvidia0": ""}, True),
        ({"dev/nvgpu/igpu0/ctrl": ""}, True),
        ({"sys/bus/pci/devices/0/vendor": "0x10de\n", "sys/bus/pci/devices/0/class": "0x030000\n"}, True),
        ({"sys/bus/pci/devices/0/vendor": "0x10de\n", "sys/bus/pci/devices/0/class": "0x0c0330\n"}, False),
        ({"sys/bus/pci/devices/0/vendor": "0x1002\n", "sys/bus/pci/devices/0/class": "0x030000\n"}, False),
        ({"sys/bus/pci/devices/0/class": "0x030000\n"}, False),
    ],
)
def test_a_gpu_is_known_by_its_device_file_or_on_the_bus(
    files: dict[str, str], there: bool, tmp_path: Path
) -> None:
    assert has_nvidia_gpu(tree(tmp_path, files)) is there
