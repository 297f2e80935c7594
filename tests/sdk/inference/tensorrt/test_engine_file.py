from __future__ import annotations

import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vad_edge.errors import EngineError
from vad_edge.inference.tensorrt import engine_file
from vad_edge.inference.tensorrt.engine_file import (
    MAGIC,
    EngineKey,
    pack_engine,
    read_engine,
    unpack_engine,
    write_engine,
)

fixtures_are_constant = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(engine=st.binary())
@fixtures_are_constant
def test_an_engine_comes_back_with_its_key(key: EngineKey, engine: bytes) -> None:
    stored = unpack_engine(pack_engine(key, engine))
    assert (stored.key, stored.engine) == (key, engine)


@given(data=st.binary() | st.binary().map(lambda tail: MAGIC + tail))
def test_other_bytes_are_an_engine_error(data: bytes) -> None:
    with pytest.raises(EngineError):
        unpack_engine(data)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["key", "bytes"]), inner),
)


@given(header=json_values)
def test_any_other_header_is_an_engine_error(header: Any) -> None:
    with pytest.raises(EngineError, match="header is damaged"):
        unpack_engine(MAGIC + json.dumps(header).encode() + b"\n")


@given(place=st.integers(0, 10_000), bit=st.integers(0, 7))
@fixtures_are_constant
def test_a_flipped_bit_never_changes_the_engine_or_its_key(key: EngineKey, place: int, bit: int) -> None:
    data = bytearray(pack_engine(key, b"an engine"))
    data[place % len(data)] ^= 1 << bit
    try:
        stored = unpack_engine(bytes(data))
    except EngineError:
        return
    assert (stored.key, stored.engine) == (key, b"an engine")


@given(cut=st.integers(0, 10_000))
@fixtures_are_constant
def test_a_truncated_file_is_an_engine_error(key: EngineKey, cut: int) -> None:
    data = pack_engine(key, b"an engine")
    with pytest.raises(EngineError):
        unpack_engine(data[: cut % len(data)])


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda data: b"PK" + data, "no engine file"),
        (lambda data: data[:-1], "truncated or too long: 8 bytes of 9"),
        (lambda data: data + b"x", "truncated or too long: 10 bytes of 9"),
        (lambda data: data[:-1] + b"!", "its sha256"),
        (lambda data: data.replace(b"Orin NX", b"Orin AG"), "key is not the one that was written"),
        (
            lambda data: data.replace(b'"batch": 1', b'"batch": true'),
            "key.batch: Input should be",
        ),
        (lambda data: data.replace(b'"dla": false, ', b""), "key.dla: Field required"),
    ],
)
def test_what_is_wrong_is_said(
    change: Callable[[bytes], bytes], what: str, key: EngineKey, tmp_path: Path
) -> None:
    path = tmp_path / "model.engine"
    path.write_bytes(change(pack_engine(key, b"an engine")))
    with pytest.raises(EngineError, match=what) as caught:
        read_engine(path)
    assert caught.value.where == str(path)
    assert "vad-edge compile" in caught.value.fix


def test_a_file_that_is_not_there_is_an_engine_error(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="No such file"):
        read_engine(tmp_path / "none.engine")


def test_a_full_disk_is_said(key: EngineKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(engine_file, "write_atomically", full)
    with pytest.raises(EngineError, match="the disk is full; free some space"):
        write_engine(tmp_path / "model.engine", key, b"an engine")


def test_a_folder_that_is_not_there_is_said(key: EngineKey, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="cannot be written: No such file"):
        write_engine(tmp_path / "none" / "model.engine", key, b"an engine")
