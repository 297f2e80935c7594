from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vad_edge.config.site import SensorConfig
from vad_edge.errors import SensorError
from vad_edge.sensors.parse import read_value, unwrap
from vad_edge.sensors.recording import RecordedMessage, envelope, read_recording, write_recording


def test_a_recording_reads_back_as_written_and_sorted(tmp_path: Path) -> None:
    path = tmp_path / "sensors.jsonl"
    late = RecordedMessage(2.0, "home/noise", b'{"level": 41.5}')
    early = RecordedMessage(0.5, "home/door", "geöffnet".encode())
    write_recording(path, [late, early])
    assert read_recording(path) == [early, late]
    assert json.loads(path.read_text(encoding="utf-8").splitlines()[0])["payload"] == {"level": 41.5}


_texts = st.text() | st.floats().map(json.dumps) | st.integers().map(str)
_texts |= st.dictionaries(st.text(), st.integers()).map(json.dumps)


@given(payloads=st.lists(_texts, max_size=5))
def test_payloads_survive_byte_for_byte(
    tmp_path_factory: pytest.TempPathFactory, payloads: list[str]
) -> None:
    path = tmp_path_factory.mktemp("recording") / "sensors.jsonl"
    messages = [RecordedMessage(float(n), "t", text.encode()) for n, text in enumerate(payloads)]
    write_recording(path, messages)
    assert read_recording(path) == messages


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("nonsense", "not a JSON object"),
        ('{"t": 1, "topic": "a"}', "needs exactly the keys t, topic and payload"),
        ('{"t": -1, "topic": "a", "payload": 1}', "t is -1; t is seconds, from 0 to a year"),
        ('{"t": 1e12, "topic": "a", "payload": 1}', "t is 1000000000000.0; t is seconds"),
        ('{"t": NaN, "topic": "a", "payload": 1}', "t is nan"),
        ('{"t": "1", "topic": "a", "payload": 1}', "t is '1'"),
        ('{"t": 1, "topic": "a/+", "payload": 1}', "without wildcards"),
        ('{"t": 1, "topic": "a", "payload": [1]}', "payload is [1]"),
        ('{"t": 1, "topic": "a", "payload": "\\ud800"}', "no text"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "sensors.jsonl"
    path.write_text(f'{{"t": 0, "topic": "a", "payload": 1}}\n\n{line}\n')
    with pytest.raises(SensorError) as refusal:
        read_recording(path)
    assert str(refusal.value).startswith(f"{path}:3: ")
    assert message in str(refusal.value)


def test_a_recording_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SensorError, match=r"none.jsonl: cannot read the sensor recording: No such file"):
        read_recording(tmp_path / "none.jsonl")


def test_a_payload_that_is_no_text_cannot_be_recorded(tmp_path: Path) -> None:
    with pytest.raises(SensorError, match="a recorded payload must be UTF-8 text"):
        write_recording(tmp_path / "x.jsonl", [RecordedMessage(0.0, "t", b"\xff")])


@pytest.mark.parametrize("payload", [b"open", b"1", b'"on"', b"true"])
def test_an_enveloped_payload_parses_as_the_original(payload: bytes) -> None:
    door = SensorConfig(name="door", topic="d", kind="binary")
    replayed = unwrap(door, envelope(RecordedMessage(3.25, "d", payload)))
    assert read_value(door, replayed.content) == read_value(door, unwrap(door, payload).content)
    assert replayed.media_time_s == 3.25
