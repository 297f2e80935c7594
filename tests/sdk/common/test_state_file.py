from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vad_edge.common.state_file import StateFile

TABLE = dict[str, int]


def test_what_was_written_is_read_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "state.json"
    assert StateFile(path, TABLE).read() is None
    StateFile(path, TABLE).write({"a": 1})
    file = StateFile(path, TABLE)
    assert file.read() == {"a": 1}
    assert file.problem == ""
    assert json.loads(path.read_text()) == {"version": 1, "content": {"a": 1}}


def test_a_file_of_the_first_release_is_read(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_text('{"a": 2}')
    assert StateFile(path, TABLE).read() == {"a": 2}
    path.write_text("17")
    assert StateFile(path, int).read() == 17


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b"\xff", b'{"a": "x"}', b'{"version": 9, "content": {}}', b"[" * 100_000]
)
def test_a_damaged_file_is_set_aside_and_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(content)
    file = StateFile(path, TABLE)
    assert file.read() is None
    assert "it is kept as state.json.damaged" in file.problem
    assert (tmp_path / "state.json.damaged").read_bytes() == content
    file.write({"a": 3})
    assert file.problem == ""
    assert StateFile(path, TABLE).read() == {"a": 3}


def test_a_file_that_may_not_be_read_stays_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "state.json").mkdir()
    file = StateFile(tmp_path / "state.json", TABLE)
    assert file.read() is None
    assert "cannot be read" in file.problem


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200))
def test_no_content_is_fatal(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(content)
    StateFile(path, TABLE).read()
