"""What is left of a program that was killed."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.integration.conftest import VAD_EDGE
from tests.support.ffmpeg import Ffmpeg, RtspServer
from tests.support.mosquitto import wait_until

Start = Callable[..., subprocess.Popen[str]]


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
