from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from vad_edge.clock import LiveClock
from vad_edge.runtime.sensor_memory import EVERY_S, SensorMemory
from vad_edge.sensors.hub import SensorHub


class Hub(SensorHub):
    """A hub that has learned what a test says; asked counts how often it was asked."""

    def __init__(self, said: Mapping[str, Any]) -> None:
        super().__init__([], LiveClock())
        self.said, self.asked = said, 0

    def learned(self) -> dict[str, Any]:
        self.asked += 1
        return {**self.said}


def memory(path: Path, said: Mapping[str, Any] = MappingProxyType({})) -> SensorMemory:
    return SensorMemory(path / "sensors.json", Hub(said))


def test_what_was_learned_is_there_after_a_restart(tmp_path: Path) -> None:
    memory(tmp_path, {"door": {"kind": "binary"}}).close()
    assert memory(tmp_path).read() == {"door": {"kind": "binary"}}


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe", b"[" * 100_000])
def test_a_file_that_cannot_be_read_is_learned_again(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "sensors.json").write_bytes(content)
    assert memory(tmp_path).read() == {}


def test_it_is_written_now_and_then(tmp_path: Path) -> None:
    hub = Hub({"readings": 9})
    file = SensorMemory(tmp_path / "sensors.json", hub)
    for time_s in (0.0, EVERY_S / 2, EVERY_S, EVERY_S + 1.0):
        file.on_tick(time_s)
    assert hub.asked == 1
    file.close()
    assert file.read() == {"readings": 9}


def test_a_disk_that_refuses_ends_nothing(tmp_path: Path) -> None:
    memory(tmp_path / "gone").close()
