from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.sparkplug_wire import decode, rebirth_command

pytest.importorskip("google.protobuf")

from vad_edge.bridges.camera_view import CameraView
from vad_edge.bridges.sparkplug.node import BirthCounter
from vad_edge.bridges.sparkplug.payload import (
    DataType,
    Metric,
    birth_metrics,
    changed,
    commands,
    death_metrics,
    device_metrics,
    encode,
)
from vad_edge.fusion.machine import Level

NOW_MS = 1_772_366_400_000
SINCE = datetime(2026, 3, 1, 12, 0, tzinfo=timezone.utc)


def test_every_data_type_is_read_back_by_an_independent_decoder() -> None:
    metrics = [
        Metric("int", DataType.INT32, 7),
        Metric("long", DataType.INT64, 255),
        Metric("double", DataType.DOUBLE, 2.5),
        Metric("yes", DataType.BOOLEAN, True),
        Metric("no", DataType.BOOLEAN, False),
        Metric("text", DataType.STRING, "Tür"),
        Metric("time", DataType.DATE_TIME, NOW_MS),
        Metric("nothing", DataType.STRING, None),
    ]
    payload = decode(encode(metrics, time_ms=NOW_MS, seq=0))
    assert (payload["timestamp"], payload["seq"]) == (NOW_MS, 0)
    assert payload["metrics"] == {
        "int": (3, 7),
        "long": (4, 255),
        "double": (10, 2.5),
        "yes": (11, 1),
        "no": (11, 0),
        "text": (12, "Tür"),
        "time": (13, NOW_MS),
        "nothing": (12, None),
    }


def test_a_death_has_no_sequence_number() -> None:
    payload = decode(encode(death_metrics(3), time_ms=NOW_MS, seq=None))
    assert (payload["seq"], payload["metrics"]) == (None, {"bdSeq": (4, 3)})


def test_a_node_is_born_with_what_the_specification_asks_for() -> None:
    metrics = {metric.name: metric.value for metric in birth_metrics(3, [CameraView("door", "online")])}
    assert metrics.pop("Properties/Software").startswith("vad-edge ")
    assert metrics == {"bdSeq": 3, "Node Control/Rebirth": False, "Cameras Online": 1}


def test_only_what_changed_is_data() -> None:
    quiet = CameraView("door", "online", Level.NORMAL, 0.5)
    alarm = CameraView("door", "online", Level.ALARM, 0.5, "i-1", SINCE)
    news = {metric.name: metric.value for metric in changed(device_metrics(quiet), device_metrics(alarm))}
    assert news == {"Level": "alarm", "In Alarm": True, "Incident": "i-1", "Since": NOW_MS}


def test_a_rebirth_command_is_understood() -> None:
    assert commands(rebirth_command()) == {"Node Control/Rebirth": True}
    assert commands(rebirth_command(False)) == {"Node Control/Rebirth": False}


@settings(max_examples=50, deadline=None)
@given(data=st.binary())
def test_no_command_payload_ever_raises(data: bytes) -> None:
    assert isinstance(commands(data), dict)


def test_births_are_counted_over_restarts_and_round(tmp_path: Path) -> None:
    path = tmp_path / "state" / "births"
    assert [BirthCounter(path).next() for _ in range(3)] == [0, 1, 2]
    path.write_text("255")
    assert BirthCounter(path).next() == 0


def test_a_counter_that_cannot_be_kept_still_counts(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    counter = BirthCounter(tmp_path / "file" / "births")
    assert [counter.next(), counter.next()] == [0, 1]
    assert "cannot be written" in caplog.text
