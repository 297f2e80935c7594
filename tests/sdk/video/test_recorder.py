from __future__ import annotations

import shutil
import threading
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from tests.support.footage import quiet_frames, write_video

from vad_edge.clock import MediaClock
from vad_edge.errors import SourceError
from vad_edge.video.frame import Frame
from vad_edge.video.open import open_source
from vad_edge.video.reader import Reader
from vad_edge.video.recorder import measured_fps, record
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
    files = record(
        reader, tmp_path / "out", duration_s=8.0, segment_s=3.0, on_progress=lambda *at: seen.append(at)
    )
    assert [facts(file) for file in files] == [(10.0, 30), (10.0, 30), (10.0, 20)]
    assert sorted((tmp_path / "out").iterdir()) == files
    assert seen[-1] == (pytest.approx(7.9), 80)
    reader.stop()


def test_what_was_recorded_before_a_stop_is_kept(reader: Reader, tmp_path: Path) -> None:
    stop = threading.Event()

    def end(seconds: float, frames: int) -> None:
        if frames == 12:
            stop.set()

    (file,) = record(reader, tmp_path / "out", duration_s=60, stop=stop, on_progress=end)
    assert facts(file) == (10.0, 12)
    reader.stop()


class Interrupted:
    """A camera that is away for a minute in the middle."""

    info = SourceInfo("camera", True, 10.0, 64, 48)
    truncated = None

    def __init__(self) -> None:
        self._times = iter([*(n / 10 for n in range(20)), *(60 + n / 10 for n in range(10))])
        self._images = iter(quiet_frames(30))

    def read(self) -> Frame | None:
        time_s = next(self._times, None)
        return None if time_s is None else Frame(0, time_s, next(self._images))

    def close(self) -> None:
        pass


def test_after_a_gap_a_new_file_begins(tmp_path: Path) -> None:
    reader = Reader("camera", Interrupted(), "all")
    reader.start()
    files = record(reader, tmp_path, duration_s=600)
    assert [facts(file) for file in files] == [(10.0, 20), (10.0, 10)]
    reader.stop()


def test_a_source_that_gives_nothing_is_an_error(tmp_path: Path) -> None:
    def away() -> None:
        raise SourceError("no frame came", where="camera 0", fix="check camera and cable")

    reader = Reader("camera", None, "all", reopen=away)  # type: ignore[arg-type]
    reader.start()
    with pytest.raises(SourceError, match="camera 0: no frame came; check camera and cable"):
        record(reader, tmp_path, duration_s=5)
    reader.stop()


def test_a_full_disk_is_told_before_it_is_full(
    reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nearly_full = SimpleNamespace(free=3 * 10**8)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: nearly_full)
    with pytest.raises(SourceError, match=r"only 0\.3 GB are free; make room, or use another disk"):
        record(reader, tmp_path / "out", duration_s=60)
    reader.stop()


def test_the_rate_is_what_came_and_not_what_was_promised() -> None:
    image = np.zeros((4, 4, 3), np.uint8)
    assert measured_fps([Frame(number, number / 7.5, image) for number in range(40)]) == 7.5
    assert measured_fps([Frame(0, 0.0, image)]) == 10.0


def test_what_was_recorded_before_a_crash_is_kept_under_its_own_name(reader: Reader, tmp_path: Path) -> None:
    def crash(seconds: float, frames: int) -> None:
        if frames == 45:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record(reader, tmp_path / "out", duration_s=60, segment_s=3.0, on_progress=crash)
    assert [facts(file) for file in sorted((tmp_path / "out").iterdir())] == [(10.0, 30), (10.0, 15)]
    reader.stop()


def test_a_segment_is_hidden_until_it_is_whole(reader: Reader, tmp_path: Path) -> None:
    seen: set[str] = set()

    def look(seconds: float, frames: int) -> None:
        if frames == 60:
            seen.update(file.name[0] for file in (tmp_path / "out").iterdir())

    record(reader, tmp_path / "out", duration_s=60, on_progress=look)
    assert seen == {"."}
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
        record(reader, tmp_path / "out", duration_s=8.0, segment_s=6.0, on_file=fails)
    reader.stop()
    assert [path.name.startswith(".") for path in (tmp_path / "out").iterdir()] == [False]
