from __future__ import annotations

from pathlib import Path

import pytest

from vad_edge.runtime.armed import ArmedFile


def test_what_was_disarmed_stays_so_over_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "armed.json"
    first = ArmedFile(path)
    assert first.armed("front")
    first.remember("front", False)
    again = ArmedFile(path)
    assert not again.armed("front")
    assert again.armed("back")
    again.remember("front", True)
    assert ArmedFile(path).armed("front")


@pytest.mark.parametrize("content", [b"", b"[]", b'{"front": "no"}', b"\xff\xfe"])
def test_a_file_that_cannot_be_read_arms_everything_and_says_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "armed.json"
    path.write_bytes(content)
    armed = ArmedFile(path)
    assert armed.armed("front")
    assert "every camera is armed" in armed.problem
