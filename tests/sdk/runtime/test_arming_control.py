from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest

from vad_edge.runtime.arming import Asked
from vad_edge.runtime.arming_control import ArmingFile

NOON = datetime(2026, 3, 2, 12, tzinfo=timezone.utc)


def test_what_was_asked_is_known_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "armed.json"
    first = ArmingFile(path)
    assert first.asked("front") == Asked()
    first.remember("front", Asked(False, NOON))
    first.remember("side", Asked(True, NOON, NOON, 30))
    again = ArmingFile(path)
    assert again.asked("front") == Asked(False, NOON)
    assert again.asked("side") == Asked(True, NOON, NOON, 30)
    assert again.asked("back") == Asked()
    assert not again.problem


def test_a_file_from_before_schedules_is_read(tmp_path: Path) -> None:
    path = tmp_path / "armed.json"
    path.write_text('{"front": false}', encoding="utf-8")
    assert ArmingFile(path).asked("front") == Asked(False)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"[]", b'{"front": "no"}', b"\xff\xfe", b'{"front": {"armed": "yes"}}',
        b'{"front": {"armed": 1, "at": null, "maintenance_until": null, "maintenance_minutes": 0}}',
        b'{"front": {"armed": true, "at": "2026-03-02T12:00:00"}}',
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_arms_everything_and_says_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "armed.json"
    path.write_bytes(content)
    armed = ArmingFile(path)
    assert armed.asked("front") == Asked()
    assert "every camera is armed" in armed.problem
