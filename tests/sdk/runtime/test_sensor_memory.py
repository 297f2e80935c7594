from __future__ import annotations

from pathlib import Path

import pytest

from vad_edge.runtime.sensor_memory import EVERY_S, SensorMemory


def test_what_was_learned_is_there_after_a_restart(tmp_path: Path) -> None:
    SensorMemory(tmp_path / "sensors.json").close({"door": {"kind": "binary"}})
    assert SensorMemory(tmp_path / "sensors.json").read() == {"door": {"kind": "binary"}}


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe", b"[" * 100_000])
def test_a_file_that_cannot_be_read_is_learned_anew(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "sensors.json").write_bytes(content)
    assert SensorMemory(tmp_path / "sensors.json").read() == {}


def test_it_is_written_now_and_then(tmp_path: Path) -> None:
    file, asked = SensorMemory(tmp_path / "sensors.json"), []

    def learned() -> dict[str, int]:
        asked.append(1)
        return {"readings": len(asked)}

    for time_s in (0.0, EVERY_S / 2, EVERY_S, EVERY_S + 1.0):
        file.turn(time_s, learned)
    file.close({"readings": 9})
    assert len(asked) == 1
    assert file.read() == {"readings": 9}


def test_a_disk_that_refuses_ends_nothing(tmp_path: Path) -> None:
    SensorMemory(tmp_path / "gone" / "sensors.json").close({})
