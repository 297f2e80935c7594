from __future__ import annotations

import csv
import json
import signal
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest
from jsonschema import Draft202012Validator
from tests.integration.conftest import DEMO, VAD_EDGE, Heard
from tests.support.mosquitto import Mosquitto

from vad_edge.mqtt.topics import schema

Start = Callable[..., subprocess.Popen[str]]


def frames_in(video: Path) -> int:
    capture = cv2.VideoCapture(str(video))
    count = 0
    while capture.read()[0]:
        count += 1
    return count


def test_the_main_job_on_the_synthetic_clip_as_another_client_sees_it(
    start: Start, listen: Heard, demo_run: list[object], mosquitto: Mosquitto, tmp_path: Path
) -> None:
    run = start(*demo_run, "--replay-wait", "30s", "--json")
    replay = start(
        *VAD_EDGE, "sensors", "replay", DEMO / "sensors.jsonl", "--broker", mosquitto.broker.address,
        "--site", "walkway",
    )  # fmt: skip
    output, log = run.communicate(timeout=120)
    assert run.returncode == 0, log
    assert replay.wait(timeout=30) == 0
    listen.wait_for("/availability", "stopped")

    printed = [json.loads(line) for line in output.splitlines()]
    for name in ("event", "state", "health"):
        payloads = [json.loads(payload) for _, payload in listen.messages(f"walkway/{name}")]
        assert payloads
        for payload in payloads:
            Draft202012Validator(schema(name)).validate(payload)
    (discovered,) = listen.messages("homeassistant/device/vad-edge_walkway_walkway/config")
    assert json.loads(discovered[1])["device"]["model"] == "scene"
    published = [json.loads(payload) for _, payload in listen.messages("walkway/event")]
    assert [event["id"] for event in published] == [event["id"] for event in printed]
    kinds = [event["data"]["kind"] for event in printed]
    assert kinds[0] == "opened"
    assert {"opened", "raised", "cleared"} <= set(kinds)
    assert any({"door", "sound", "vibration"} & event["data"]["shares"].keys() for event in printed)

    assert [payload for _, payload in listen.messages("/availability")] == ["online", "stopped"]
    states = [json.loads(payload) for _, payload in listen.messages("walkway/state")]
    assert [state["level"] for state in states[1:]][: len(printed)] == [
        event["data"]["level"] for event in printed
    ]
    assert all(0 <= float(payload) < 100 for _, payload in listen.messages("walkway/risk"))

    folder = tmp_path / "out"
    kept = [json.loads(line)["id"] for line in (folder / "events.jsonl").read_text().splitlines()]
    assert kept == [event["id"] for event in printed]
    with (folder / "scores.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == [
        "frame", "time_s", "score_speed", "score_rarity", "score_background",
        "surprise", "risk", "level",
    ]  # fmt: skip
    assert len(rows) == frames_in(DEMO / "clip.mp4") == frames_in(folder / "annotated.mp4")
    assert rows[0]["score_rarity"] == ""
    assert float(rows[-1]["score_rarity"]) >= 0
    assert (folder / "timeline.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_run_cleanly(
    start: Start, listen: Heard, demo_run: list[object], tmp_path: Path, signal_number: int
) -> None:
    run = start(*demo_run)
    listen.wait_for("/availability", "online")
    run.send_signal(signal_number)
    _, log = run.communicate(timeout=30)

    assert run.returncode == 0, log
    listen.wait_for("/availability", "stopped")
    assert "frames in" in log
    with sqlite3.connect(tmp_path / "out" / "events.db") as store:
        assert store.execute("pragma integrity_check").fetchone() == ("ok",)
    with (tmp_path / "out" / "scores.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert 0 < len(rows) < 600
    assert frames_in(tmp_path / "out" / "annotated.mp4") == len(rows)


def test_a_killed_run_is_said_to_be_offline_by_the_broker(
    start: Start, listen: Heard, demo_run: list[object]
) -> None:
    run = start(*demo_run)
    listen.wait_for("/availability", "online")
    run.kill()
    listen.wait_for("/availability", "offline")


def test_an_unreachable_broker_costs_the_run_nothing_but_the_messages(start: Start, tmp_path: Path) -> None:
    run = start(
        *VAD_EDGE, "run", "--source", DEMO / "clip.mp4", "--bundle", DEMO / "scene.vadb",
        "--broker", "mqtt://127.0.0.1:9", "--output", tmp_path, "--duration", "5s", "--json",
    )  # fmt: skip
    _, log = run.communicate(timeout=60)
    assert run.returncode == 0, log
    assert "broker" in log
    assert "51 frames in" in log


def test_a_sensor_that_sends_nonsense_is_broken_after_one_warning(
    start: Start, listen: Heard, demo_run: list[object], mosquitto: Mosquitto, tmp_path: Path
) -> None:
    messages = [{"t": second / 2, "topic": "walkway/sound", "payload": "not a level"} for second in range(20)]
    recording = tmp_path / "nonsense.jsonl"
    recording.write_text("".join(json.dumps(message) + "\n" for message in messages))
    run = start(*demo_run, "--replay-wait", "30s")
    replay = start(
        *VAD_EDGE, "sensors", "replay", recording, "--broker", mosquitto.broker.address, "--site", "walkway"
    )
    _, log = run.communicate(timeout=120)
    assert (run.returncode, replay.wait(timeout=30)) == (0, 0), log
    assert log.count("sensor_broken") == log.count("not a level") == 1
    listen.wait_for("/availability", "stopped")
    health = [json.loads(payload) for _, payload in listen.messages("walkway/health")]
    conditions = [condition for snapshot in health for condition in snapshot["conditions"]]
    assert any(
        condition["code"] == "sensor_broken" and condition["subject"] == "sound" for condition in conditions
    )


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_at_once(
    start: Start, listen: Heard, demo_run: list[object], signal_number: int
) -> None:
    run = start(*demo_run)
    listen.wait_for("/availability", "online")
    while run.poll() is None:
        run.send_signal(signal_number)
    _, said = run.communicate(timeout=30)
    assert run.returncode in (0, -signal_number), said
