from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from tests.support.sysfs import NVPMODEL, ORIN, THOR, lay_out

from vad_edge.health.board import HealthSnapshot
from vad_edge.health.power import PowerMode, modes, read_power_mode
from vad_edge.health.thermal import Thermal, Zone, read_thermal
from vad_edge.health.vitals import Vitals, VitalsMonitor, gpu_percent, read_vitals
from vad_edge.mqtt.topics import schema


def test_an_orin_tells_its_zones_and_where_it_slows_down(tmp_path: Path) -> None:
    thermal = read_thermal(lay_out(tmp_path, ORIN) / "sys")
    assert thermal.zones == (
        Zone("cpu-thermal", 51.25, 99.0),
        Zone("gpu-thermal", 48.968, 99.0),
        Zone("tj-thermal", 51.25, None),
    )
    assert thermal.hottest == Zone("cpu-thermal", 51.25, 99.0)
    assert thermal.slowed_by == ()
    assert thermal.overcurrents == 52


def test_a_thor_without_passive_trips_is_near_its_end_ten_degrees_below(tmp_path: Path) -> None:
    thermal = read_thermal(lay_out(tmp_path, THOR) / "sys")
    assert [zone.name for zone in thermal.zones] == [
        "cpu-thermal",
        "soc012-thermal",
        "soc345-thermal",
        "tj-thermal",
    ]
    assert thermal.hottest == Zone("soc012-thermal", 55.1, 104.5)
    assert thermal.slowed_by == ("devfreq-gpu-gpc-0", "gpu-throttle-alert")


@pytest.mark.parametrize(
    ("device", "slows"),
    [
        ("pwm-fan", False),
        ("hot-surface-alert", False),
        ("cpu-throttle-alert", True),
        ("cpufreq-cpu4", True),
        ("thermal-devfreq-0", True),
        ("Processor", True),
        ("iwlwifi_1", False),
    ],
)
def test_only_what_slows_the_machine_counts(tmp_path: Path, device: str, slows: bool) -> None:
    tree = {
        "class/thermal/cooling_device0/type": device,
        "class/thermal/cooling_device0/cur_state": "1",
    }
    assert read_thermal(lay_out(tmp_path, tree)).slowed_by == ((device,) if slows else ())


def test_a_machine_that_tells_nothing_has_no_temperature(tmp_path: Path) -> None:
    assert read_thermal(tmp_path) == Thermal()
    assert read_thermal(tmp_path).hottest is None


@pytest.mark.parametrize(
    ("status", "name"),
    [
        ("pmode:0000\n", "15W"),
        ("pmode:0002 fmode:quiet\n", "MAXN_SUPER"),
        ("pmode:0007", "unknown"),
        ("", "25W"),
    ],
    ids=["chosen", "with a fan mode", "a mode nobody defined", "never chosen: the default"],
)
def test_a_power_mode_has_the_boards_own_name(tmp_path: Path, status: str, name: str) -> None:
    lay_out(tmp_path, {"etc/nvpmodel.conf": NVPMODEL, "var/lib/nvpmodel/status": status})
    assert read_power_mode(tmp_path) == PowerMode(name, ("15W", "25W", "MAXN_SUPER"))


def test_no_jetson_has_no_power_mode(tmp_path: Path) -> None:
    assert read_power_mode(tmp_path) is None
    assert modes("< POWER_MODEL ID=x NAME=15W >\nnonsense\0") == {}


def test_the_gpus_load_is_in_thousandths_on_orin_and_unknown_on_thor(tmp_path: Path) -> None:
    assert gpu_percent(lay_out(tmp_path / "orin", ORIN)) == 43.7
    assert gpu_percent(lay_out(tmp_path / "thor", THOR)) is None


@pytest.mark.parametrize("tree", [ORIN, THOR, {}])
def test_a_look_is_plain_values(tmp_path: Path, tree: dict[str, str]) -> None:
    found = read_vitals(tmp_path / "state", lay_out(tmp_path, tree)).to_dict()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["disk_free_mb"] > 0


def test_this_machine_can_be_looked_at(tmp_path: Path) -> None:
    found = read_vitals(tmp_path)
    assert 0 <= found.memory_percent <= 100
    assert found.memory_free_mb > 0


def test_the_monitor_has_a_newest_look(tmp_path: Path) -> None:
    looks: list[Vitals] = []
    twice = threading.Event()

    def look() -> Vitals:
        looks.append(read_vitals(tmp_path, tmp_path))
        if len(looks) == 2:
            twice.set()
        return looks[-1]

    monitor = VitalsMonitor(look, every_s=0.01)
    assert monitor.latest is None
    monitor.start()
    assert twice.wait(10)
    monitor.stop()
    assert monitor.latest is looks[-1]


@pytest.mark.parametrize("tree", [ORIN, THOR, {}])
def test_the_health_message_is_what_its_schema_says(tmp_path: Path, tree: dict[str, str]) -> None:
    device = read_vitals(tmp_path, lay_out(tmp_path, tree)).to_dict()
    message = HealthSnapshot((), {}, device).to_dict()
    Draft202012Validator(schema("health")).validate(message)
    assert message["device"] == device
    assert "device" not in HealthSnapshot((), {}).to_dict()
