"""What is left of a program that was killed, or whose disk was full."""

from __future__ import annotations

import csv
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.integration.conftest import VAD_EDGE
from tests.support.ffmpeg import Ffmpeg, RtspServer
from tests.support.mosquitto import wait_until
from tests.support.small_disk import fill

Start = Callable[..., subprocess.Popen[str]]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_of_a_killed_run_nothing_is_lost_but_the_last_two_seconds(
    start: Start, ffmpeg: Ffmpeg, demo_run: list[object], tmp_path: Path
) -> None:
    run = start(*demo_run)
    scores, video = tmp_path / "out" / "scores.csv", tmp_path / "out" / "annotated.mp4"
    wait_until(lambda: scores.exists() and len(rows(scores)) > 100, "a hundred frames")
    run.kill()
    run.wait()
    seen = rows(scores)
    assert [row["frame"] for row in seen] == [str(number) for number in range(len(seen))]
    assert seen[-1]["level"]
    last_s = float(seen[-1]["time_s"])
    wait_until(lambda: ffmpeg.times(video)[-1:] > [last_s - 2.0], "the video up to the last two seconds")
    for line in (tmp_path / "out" / "events.jsonl").read_text().splitlines():
        json.loads(line)


def test_a_run_on_a_full_disk_goes_on_and_counts_what_it_lost(
    start: Start, demo_run: list[object], small_disk: Path
) -> None:
    *command, _ = demo_run
    run = start(*command, small_disk / "out")
    scores = small_disk / "out" / "scores.csv"
    wait_until(lambda: scores.exists() and len(rows(scores)) > 50, "fifty frames")
    fill(small_disk)
    _, log = run.communicate(timeout=120)
    assert run.returncode == 1, log
    assert "600 frames in" in log
    assert re.search(r"scores\.csv: \d+ of 601 lines could not be written: No space left", log), log
    assert re.search(r"annotated\.mp4: at least \d+ of 600 frames are not in it: .*No space left", log), log


def test_a_killed_recording_is_of_use_up_to_its_last_seconds(
    start: Start, rtsp: RtspServer, ffmpeg: Ffmpeg, tmp_path: Path
) -> None:
    recording = start(*VAD_EDGE, "record", "--source", rtsp.url, "--output", tmp_path, "--duration", "5m")

    def last_s() -> float:
        times = [time_s for file in (tmp_path / "training").glob("*.mkv") for time_s in ffmpeg.times(file)]
        return max(times, default=0.0)

    wait_until(lambda: last_s() > 4.0, "four seconds of footage")
    before_s = last_s()
    recording.kill()
    recording.wait()
    assert last_s() >= before_s
    (file,) = (tmp_path / "training").iterdir()
    assert ffmpeg.complaints(file) == ""


def test_a_recording_has_the_camera_s_rate_and_the_length_that_was_asked_for(
    start: Start, rtsp: RtspServer, ffmpeg: Ffmpeg, tmp_path: Path
) -> None:
    recording = start(*VAD_EDGE, "record", "--source", rtsp.url, "--output", tmp_path, "--duration", "6s")
    output, log = recording.communicate(timeout=60)
    assert recording.returncode == 0, log
    facts = ffmpeg.facts(Path(output.strip()))
    assert abs(facts.fps / 10 - 1) < 0.01
    assert 4.0 < facts.duration_s < 6.5


def test_a_camera_that_dies_while_it_is_recorded_is_named_at_the_end_of_the_duration(
    start: Start, rtsp: RtspServer, ffmpeg: Ffmpeg, tmp_path: Path
) -> None:
    recording = start(*VAD_EDGE, "record", "--source", rtsp.url, "--output", tmp_path, "--duration", "15s")
    wait_until(lambda: any((tmp_path / "training").glob("*.mkv")), "a file")
    rtsp.close()
    output, log = recording.communicate(timeout=60)
    assert recording.returncode == 1, log
    assert "no frame came in the last" in log
    assert rtsp.url not in log
    assert ffmpeg.times(Path(output.strip()))
