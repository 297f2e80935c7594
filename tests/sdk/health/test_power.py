from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vad_edge.health.power import Counters, Energy, EnergyMeter, EnergySource, Rails, find_source

ORIN_NX = {
    "class/hwmon/hwmon0/name": "tmp451",
    "class/hwmon/hwmon3/name": "ina3221",
    "class/hwmon/hwmon3/in1_label": "VDD_IN",
    "class/hwmon/hwmon3/in1_input": "5000",
    "class/hwmon/hwmon3/curr1_input": "2400",
    "class/hwmon/hwmon3/in2_label": "VDD_CPU_GPU_CV",
    "class/hwmon/hwmon3/in2_input": "5000",
    "class/hwmon/hwmon3/curr2_input": "800",
    "class/hwmon/hwmon3/in3_label": "VDD_SOC",
    "class/hwmon/hwmon3/in3_input": "5000",
    "class/hwmon/hwmon3/curr3_input": "600",
    "class/hwmon/hwmon3/in7_label": "sum of shunt voltages",
    "class/hwmon/hwmon3/in7_input": "10",
}
AGX_ORIN = {
    "class/hwmon/hwmon3/name": "ina3221",
    "class/hwmon/hwmon3/in1_label": "VDD_GPU_SOC",
    "class/hwmon/hwmon3/in1_input": "20000",
    "class/hwmon/hwmon3/curr1_input": "300",
    "class/hwmon/hwmon3/in2_label": "VDD_CPU_CV",
    "class/hwmon/hwmon3/in2_input": "20000",
    "class/hwmon/hwmon3/curr2_input": "100",
    "class/hwmon/hwmon3/in3_label": "VIN_SYS_5V0",
    "class/hwmon/hwmon3/in3_input": "5000",
    "class/hwmon/hwmon3/curr3_input": "800",
    "class/hwmon/hwmon4/name": "ina3221",
    "class/hwmon/hwmon4/in2_label": "VDDQ_VDD2_1V8AO",
    "class/hwmon/hwmon4/in2_input": "5000",
    "class/hwmon/hwmon4/curr2_input": "400",
}
THOR = {
    "class/hwmon/hwmon2/name": "ina238",
    "class/hwmon/hwmon2/power1_input": "38500000",
    "class/hwmon/hwmon3/name": "ina3221",
    "class/hwmon/hwmon3/in1_label": "VDD_GPU",
    "class/hwmon/hwmon3/in1_input": "12000",
    "class/hwmon/hwmon3/curr1_input": "500",
}
PC = {
    "class/powercap/intel-rapl:0/name": "package-0",
    "class/powercap/intel-rapl:0/energy_uj": "1000000",
    "class/powercap/intel-rapl:0/max_energy_range_uj": "262143328850",
    "class/powercap/intel-rapl:0:0/name": "core",
    "class/powercap/intel-rapl:0:0/energy_uj": "400000",
    "class/powercap/intel-rapl:0:0/max_energy_range_uj": "262143328850",
    "class/powercap/intel-rapl:1/name": "psys",
    "class/powercap/intel-rapl:1/energy_uj": "5000000",
    "class/powercap/intel-rapl:1/max_energy_range_uj": "262143328850",
}


def tree(root: Path, files: Mapping[str, str]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content + "\n")
    return root


def drawn(source: EnergySource | None) -> Energy:
    assert source is not None
    with EnergyMeter(source, sample_s=0.01) as meter:
        time.sleep(0.1)
    assert meter.energy is not None
    return meter.energy


@pytest.mark.parametrize(
    ("board", "source", "watts"),
    [
        (ORIN_NX, "VDD_IN", 12.0),
        (AGX_ORIN, "VDD_GPU_SOC+VDD_CPU_CV+VIN_SYS_5V0", 12.0),
        (THOR, "VIN", 38.5),
    ],
)
def test_a_board_tells_the_power_of_all_of_it(
    board: dict[str, str], source: str, watts: float, tmp_path: Path
) -> None:
    energy = drawn(find_source(tree(tmp_path, board)))
    assert (energy.source, energy.watts) == (source, pytest.approx(watts, rel=0.05))
    assert energy.seconds >= 0.1


def test_a_pc_counts_the_energy_of_its_packages(tmp_path: Path) -> None:
    source = find_source(tree(tmp_path, PC))
    assert source is not None
    assert source.name == "package-0"
    (tmp_path / "class/powercap/intel-rapl:0/energy_uj").write_text("4500000\n")
    assert source.joules() == pytest.approx(3.5)
    assert source.joules() == pytest.approx(3.5)


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"class/hwmon/hwmon0/name": "coretemp"},
        {**ORIN_NX, "class/hwmon/hwmon3/in1_label": "VDD_OTHER"},
        {**ORIN_NX, "class/hwmon/hwmon3/curr1_input": "not a number"},
        {**PC, "class/powercap/intel-rapl:0/energy_uj": "not a number"},
    ],
)
def test_where_nothing_whole_is_told_there_is_no_source(files: dict[str, str], tmp_path: Path) -> None:
    assert find_source(tree(tmp_path, files)) is None


def test_counters_that_this_user_may_not_read_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Path.read_text

    def refused(path: Path, *arguments: str, **options: str) -> str:
        if path.name == "energy_uj":
            raise PermissionError(13, "Permission denied")
        return read(path, *arguments, **options)

    monkeypatch.setattr(Path, "read_text", refused)
    assert find_source(tree(tmp_path, PC)) is None


def test_a_source_that_fails_on_the_way_gives_no_energy(tmp_path: Path) -> None:
    source = find_source(tree(tmp_path, ORIN_NX))
    assert source is not None
    with EnergyMeter(source) as meter:
        (tmp_path / "class/hwmon/hwmon3/curr1_input").unlink()
    assert meter.energy is None


def test_power_between_two_measurements_is_a_straight_line() -> None:
    moments = iter([(0.0, 10.0), (2.0, 20.0), (3.0, 20.0)])
    now, watts = 0.0, 0.0

    def clock() -> float:
        nonlocal now, watts
        now, watts = next(moments)
        return now

    rails = Rails("rail", [lambda: watts], clock)
    assert rails.joules() == 30.0
    assert rails.joules() == 50.0


@given(st.lists(st.integers(0, 999), min_size=1, max_size=20), st.integers(0, 999))
def test_a_counter_that_starts_again_loses_nothing(
    tmp_path_factory: pytest.TempPathFactory, steps: list[int], start: int
) -> None:
    file = tmp_path_factory.mktemp("counter") / "energy_uj"
    file.write_text(str(start))
    counters = Counters("package-0", [(file, 1000)])
    for count in range(1, len(steps) + 1):
        file.write_text(str((start + sum(steps[:count])) % 1000))
        assert counters.joules() == pytest.approx(sum(steps[:count]) / 1e6)
