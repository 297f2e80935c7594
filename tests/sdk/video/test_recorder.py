from __future__ import annotations

import shutil
import threading
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from tests.support.ffmpeg import Ffmpeg
from tests.support.footage import quiet_frames, write_video
from tests.support.small_disk import fill

from vad_edge.clock import MediaClock
from vad_edge.errors import OutputError, SourceError
from vad_edge.video import recorder
from vad_edge.video.frame import Frame
from vad_edge.video.open import open_source
from vad_edge.video.reader import Reader
from vad_edge.video.recorder import record
from vad_edge.video.source import SourceInfo


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    clip = write_video(tmp_path / "camera.mkv", quiet_frames(100))
    started = Reader("camera", open_source(str(clip), MediaClock()), "all")
    started.start()
    return started


def facts(video: Path) -> tuple[float, int]:
    capture = cv2.VideoCapture(str(video))
    count = 0
    while capture.read()[0]:
        count += 1
    return capture.get(cv2.CAP_PROP_FPS), count


def test_a_recording_is_cut_into_segments_in_order(reader: Reader, tmp_path: Path) -> None:
    seen: list[tuple[float, int]] = []
    recorded = record(
        reader, tmp_path / "out", duration_s=8.0, segment_s=3.0, on_progress=lambda *at: seen.append(at)
    )
    assert [facts(file) for file in recorded.files] == [(10.0, 30), (10.0, 30), (10.0, 20)]
    assert tuple(sorted((tmp_path / "out").iterdir())) == recorded.files
    assert (recorded.frames, recorded.problems) == (80, ())
    assert seen[-1] == (pytest.approx(7.9), 80)
    reader.stop()


def test_what_was_recorded_before_a_stop_is_kept(reader: Reader, tmp_path: Path) -> None:
    stop = threading.Event()

    def end(seconds: float, frames: int) -> None:
        if frames == 12:
            stop.set()

    (file,) = record(reader, tmp_path / "out", duration_s=60, stop=stop, on_progress=end).files
    assert facts(file) == (10.0, 12)
    reader.stop()


class Scripted:
    """A camera that gives a picture for each time, and then ends or fails."""

    info = SourceInfo("camera", True, 10.0, 64, 48)
    truncated = None

    def __init__(self, times: Sequence[float], then: SourceError | None = None) -> None:
        self._times = list(times)
        self._then = then
        self._next = 0
        self.images = quiet_frames(len(self._times))

    def read(self) -> Frame | None:
        if self._next == len(self._times):
            if self._then is not None:
                raise self._then
            return None
        number, self._next = self._next, self._next + 1
        return Frame(number, self._times[number], self.images[number])

    def close(self) -> None:
        pass


def away() -> Scripted:
    raise SourceError("no frame came", where="camera 0", fix="check camera and cable")


def test_after_a_gap_a_new_file_begins(tmp_path: Path) -> None:
    reader = Reader(
        "camera", Scripted([*(n / 10 for n in range(20)), *(60 + n / 10 for n in range(10))]), "all"
    )
    reader.start()
    recorded = record(reader, tmp_path, duration_s=600)
    assert [facts(file) for file in recorded.files] == [(10.0, 20), (10.0, 10)]
    assert recorded.problems == ()
    reader.stop()


def test_a_source_that_gives_nothing_is_an_error(tmp_path: Path) -> None:
    reader = Reader("camera", None, "all", reopen=away)
    reader.start()
    with pytest.raises(SourceError, match="camera 0: no frame came; check camera and cable"):
        record(reader, tmp_path, duration_s=5)
    reader.stop()


def test_a_full_disk_is_told_before_it_is_full(
    reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nearly_full = SimpleNamespace(free=3 * 10**8)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: nearly_full)
    with pytest.raises(OutputError, match=r"only 0\.3 GB are free; make room, or use another disk"):
        record(reader, tmp_path / "out", duration_s=60)
    reader.stop()


def test_what_was_recorded_before_a_crash_is_kept_under_its_own_name(reader: Reader, tmp_path: Path) -> None:
    def crash(seconds: float, frames: int) -> None:
        if frames == 45:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record(reader, tmp_path / "out", duration_s=60, segment_s=3.0, on_progress=crash)
    assert [facts(file) for file in sorted((tmp_path / "out").iterdir())] == [(10.0, 30), (10.0, 15)]
    reader.stop()


def test_a_file_has_its_own_name_and_is_of_use_while_it_is_written(reader: Reader, tmp_path: Path) -> None:
    seen: list[int] = []

    def look(seconds: float, frames: int) -> None:
        if frames == 60:
            (file,) = (tmp_path / "out").iterdir()
            seen.append(facts(file)[1])

    (file,) = record(reader, tmp_path / "out", duration_s=60, on_progress=look).files
    assert seen == [60]
    assert facts(file)[1] == 100
    reader.stop()


def test_every_picture_has_its_own_time_and_a_camera_s_file_its_beginning(
    ffmpeg: Ffmpeg, tmp_path: Path
) -> None:
    times = [5 + n / 25 + 0.011 * (n % 3) for n in range(60)]
    camera = Scripted(times)
    reader = Reader("camera", camera, "all")
    reader.start()
    (file,) = record(reader, tmp_path, duration_s=60).files
    np.testing.assert_allclose(ffmpeg.times(file), np.subtract(times, 5), atol=0.0002)
    assert abs(ffmpeg.facts(file).fps / (59 / (times[-1] - 5)) - 1) < 0.01
    began = ffmpeg.facts(file).began
    assert began is not None
    assert abs((datetime.now(timezone.utc) - began).total_seconds()) < 60
    reader.stop()


def test_the_duration_is_wall_time_also_when_the_camera_dies(tmp_path: Path) -> None:
    reader = Reader(
        "camera", Scripted([n / 10 for n in range(5)], then=SourceError("gone")), "all", reopen=away
    )
    reader.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recorder, "MAX_GAP_S", 0.2)
        recorded = record(reader, tmp_path, duration_s=1.5)
    assert recorded.frames == 5
    assert [facts(file)[1] for file in recorded.files] == [5]
    (problem,) = recorded.problems
    assert problem.startswith("camera: no frame came in the last ")
    assert problem.endswith("camera 0: no frame came; check camera and cable")
    reader.stop()


def test_a_camera_that_never_says_anything_ends_with_the_duration(tmp_path: Path) -> None:
    class Silent(Scripted):
        def read(self) -> Frame | None:
            released.wait(60)
            return None

    released = threading.Event()
    reader = Reader("camera", Silent([]), "all")
    reader.start()
    with pytest.raises(SourceError, match="camera: not one frame came"):
        record(reader, tmp_path, duration_s=0.3)
    released.set()
    reader.stop()


def test_a_full_disk_is_said_and_counted_and_the_recording_goes_on_when_there_is_room(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, ffmpeg: Ffmpeg
) -> None:
    monkeypatch.setattr(recorder, "RETRY_S", 0.0)
    reader = Reader("camera", Scripted([n / 10 for n in range(100)]), "all")
    reader.start()

    def change(seconds: float, frames: int) -> None:
        if frames == 30 and not (small_disk / "filler").exists():
            fill(small_disk)
        steps.append(frames)
        if len(steps) == 60:
            (small_disk / "filler").unlink()

    steps: list[int] = []
    recorded = record(reader, small_disk, duration_s=60, floor_bytes=0, on_progress=change)
    reader.stop()
    lost = 100 - recorded.frames
    assert 20 <= lost <= 31
    assert recorded.problems == (
        f"{lost} of 100 frames were not recorded: {small_disk}: No space left on device",
    )
    assert [message for message in caplog.messages if "not recorded" in message] == [
        f"frames are not recorded: {small_disk}: No space left on device"
    ]
    assert sum(facts(file)[1] for file in recorded.files) == recorded.frames
    assert all(ffmpeg.complaints(file) == "" for file in recorded.files)


def test_room_that_runs_short_while_recording_is_said_and_counted(
    reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = iter([*[2 * 10**9] * 5, *[3 * 10**8] * 1000])
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=next(free)))
    recorded = record(reader, tmp_path / "out", duration_s=60)
    reader.stop()
    (problem,) = recorded.problems
    assert problem == (
        f"{100 - recorded.frames} of 100 frames were not recorded: {tmp_path / 'out'}: only 0.3 GB are free;"
        " make room, or use another disk"
    )
    assert [facts(file)[1] for file in recorded.files] == [recorded.frames]
    assert 30 <= recorded.frames <= 50


def test_a_camera_that_changes_its_picture_size_begins_a_new_file(tmp_path: Path) -> None:
    camera = Scripted([n / 10 for n in range(20)])
    camera.images = [*quiet_frames(10), *quiet_frames(10, height=96, width=128)]
    reader = Reader("camera", camera, "all")
    reader.start()
    recorded = record(reader, tmp_path, duration_s=60)
    assert [facts(file)[1] for file in recorded.files] == [10, 10]
    reader.stop()


class Broken:
    """A camera whose first frame does not come."""

    info = SourceInfo("camera 0", True, 10.0, 64, 48)
    truncated = None

    def read(self) -> Frame | None:
        raise SourceError("no frame came", where="camera 0", fix="check camera and cable")

    def close(self) -> None:
        pass


def test_a_reader_that_has_already_failed_says_why(tmp_path: Path) -> None:
    reader = Reader("camera", Broken(), "all")
    reader.start()
    reader.get(5.0)
    assert reader.ended
    with pytest.raises(SourceError, match="camera 0: no frame came; check camera and cable"):
        record(reader, tmp_path, duration_s=5)
    reader.stop()


def test_an_empty_recording_is_an_error_that_names_the_reader(tmp_path: Path) -> None:
    class Empty(Broken):
        def read(self) -> Frame | None:
            return None

    reader = Reader("porch", Empty(), "all")
    reader.start()
    with pytest.raises(SourceError, match="porch: not one frame came; check the source"):
        record(reader, tmp_path, duration_s=5)
    reader.stop()


def test_a_file_that_could_not_be_told_of_is_closed_once(reader: Reader, tmp_path: Path) -> None:
    def fails(path: Path, began_s: float, ended_s: float) -> None:
        raise SourceError(f"nobody wants {path.name}")

    with pytest.raises(SourceError, match="nobody wants"):
        record(reader, tmp_path / "out", duration_s=8.0, segment_s=6.0, on_piece=fails)
    reader.stop()
    assert [facts(path)[1] > 0 for path in (tmp_path / "out").iterdir()] == [True]
