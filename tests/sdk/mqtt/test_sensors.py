from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.mosquitto import Mosquitto

from vad_edge.config.site import BrokerConfig, SensorConfig, SiteConfig
from vad_edge.errors import BrokerError, ConfigError
from vad_edge.mqtt.client import MqttClient
from vad_edge.mqtt.sensors import SensorRecorder
from vad_edge.sensors.recording import SensorLog, read_recording

DOOR = SensorConfig(name="door", topic="home/door", kind="binary")
NOWHERE = BrokerConfig(url="mqtt://127.0.0.1:9")


def test_what_sensors_say_is_recorded_beside_each_file(
    mosquitto: Mosquitto, tmp_path: Path, eventually: Callable[..., None]
) -> None:
    now = [0.0]
    site = SiteConfig(sensor=(DOOR,), broker=mosquitto.broker)
    with SensorRecorder(site, tmp_path / "sensors", lambda: now[0]) as recorder:
        sender = MqttClient(mosquitto.broker, client_id="sender")
        sender.start()
        assert sender.wait_connected(10)
        for number, word in enumerate((b"closed", b"open", b"closed")):
            now[0] = 10.0 * number
            sender.publish("home/door", word, qos=1).wait(10)
            eventually(lambda heard=number + 1: len(recorder._log._messages) == heard, "it to be heard")
        recorder.write(tmp_path / "20260101-000000.mkv", 5.0, 15.0)
        (written,) = (tmp_path / "sensors").iterdir()
        found = [(message.time_s, message.payload) for message in read_recording(written)]
        assert found == [(0.0, b"closed"), (5.0, b"open")]
        recorder.write(tmp_path / "20260101-000000.mkv", 5.0, 21.0)
        recorder.write(tmp_path / "20260101-000021.mkv", 21.0, 22.0)
        sender.stop()
    found = [(message.time_s, message.payload) for message in read_recording(written)]
    assert found == [(0.0, b"closed"), (5.0, b"open"), (15.0, b"closed")]
    (newest,) = read_recording(tmp_path / "sensors" / "20260101-000021.jsonl")
    assert (newest.time_s, newest.payload) == (0.0, b"closed")
    assert recorder.losses == []


def test_without_a_broker_nothing_is_recorded(tmp_path: Path) -> None:
    site = SiteConfig(sensor=(DOOR,), broker=NOWHERE)
    recorder = SensorRecorder(site, tmp_path, lambda: 0.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vad_edge.mqtt.sensors._READY_S", 0.5)
        with pytest.raises(BrokerError):
            recorder.__enter__()


def test_a_disk_that_does_not_take_it_and_a_broker_that_refuses_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = SensorRecorder(SiteConfig(sensor=(DOOR,), broker=NOWHERE), tmp_path / "sensors", lambda: 0.0)
    (tmp_path / "sensors").write_text("a file, no folder")
    recorder._client.forbidden("the subscription to", "home/door", "Not authorized")
    recorder.write(tmp_path / "20260101-000000.mkv", 0.0, 1.0)
    assert any("20260101-000000.jsonl could not be written" in loss for loss in recorder.losses)
    told = [record.getMessage() for record in caplog.records]
    assert any("20260101-000000.jsonl cannot be written" in line for line in told)
    assert any("says nothing of home/door" in line for line in told)


def test_streams_that_are_not_on_mqtt_are_recorded_without_a_broker(tmp_path: Path) -> None:
    now = [0.0]
    motion = SensorConfig(name="motion", topic="$pushed/motion", kind="binary")
    with SensorRecorder(SiteConfig(sensor=(motion,), broker=NOWHERE), tmp_path, lambda: now[0]) as recorder:
        for now[0], word in ((1.0, b"off"), (7.0, b"on")):
            recorder.accept("$pushed/motion", word)
        recorder.write(tmp_path / "20260101-000000.avi", 5.0, 15.0)
    found = read_recording(tmp_path / "20260101-000000.jsonl")
    assert [(each.time_s, each.payload) for each in found] == [(0.0, b"off"), (2.0, b"on")]


def test_a_site_without_sensors_has_nothing_to_record(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no sensors to record"):
        SensorRecorder(SiteConfig(), tmp_path, lambda: 0.0)


def test_the_last_word_before_a_file_stands_at_its_beginning() -> None:
    now = [0.0]
    log = SensorLog(lambda: now[0], {"door", "lights"})
    for now[0], topic, payload in (
        (1.0, "door", b"open"),
        (2.0, "lights", b"on"),
        (3.0, "door", b"closed"),
        (3.5, "counter", b"1"),
        (4.0, "big", b"9" * 1_000_000),
        (5.0, "binary", b"\xff\xfe"),
        (20.0, "door", b"open"),
    ):
        log.accept(topic, payload)
    (first, _), (second, _) = log.take(10.0, 30.0), log.take(30.0, 40.0)
    assert [(message.time_s, message.topic, message.payload) for message in first] == [
        (0.0, "door", b"closed"),
        (0.0, "lights", b"on"),
        (10.0, "door", b"open"),
    ]
    assert [(message.topic, message.payload) for message in second] == [("door", b"open"), ("lights", b"on")]


def test_that_messages_were_not_kept_is_told_once_though_there_is_room_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("vad_edge.sensors.recording._MOST_MESSAGES", 2)
    log = SensorLog(lambda: 1.0, {"door"})
    for word in (b"1", b"2", b"3"):
        log.accept("door", word)
    messages, full = log.take(0.0, 0.5)
    assert (messages, full) == ([], True)
    messages, full = log.take(0.5, 2.0)
    assert ([message.payload for message in messages], full) == ([b"1", b"2"], False)
    log.accept("door", b"4")
    messages, full = log.take(0.5, 2.0)
    assert ([message.payload for message in messages], full) == ([b"2", b"4"], False)


def test_a_pulse_is_recorded_once() -> None:
    now = [0.0]
    log = SensorLog(lambda: now[0], {"+/door"})
    for now[0], topic in ((1.0, "home/door"), (2.0, "home/counter")):
        log.accept(topic, b"1")
    files = [log.take(begin_s, begin_s + 10.0)[0] for begin_s in (0.0, 10.0, 20.0)]
    assert [[message.topic for message in file] for file in files] == [
        ["home/door", "home/counter"],
        ["home/door"],
        ["home/door"],
    ]


def test_large_messages_cannot_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vad_edge.sensors.recording._MOST_BYTES", 250_000)
    log = SensorLog(lambda: 1.0)
    for _ in range(10):
        log.accept("big", b"9" * 60_000)
    messages, full = log.take(0.0, 2.0)
    assert (len(messages), full) == (4, True)
    log.accept("big", b"9" * 60_000)
    messages, full = log.take(0.0, 2.0)
    assert (len(messages), full) == (1, False)
