from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pytest
from tests.support.footage import quiet_frames, write_video
from tests.support.tiny_bundle import MakeBundle

from vad_edge.bundle.archive import Bundle
from vad_edge.bundle.manifest import Provenance
from vad_edge.calibration.scores import score_footage
from vad_edge.clock import LiveClock
from vad_edge.errors import DataError, SourceError
from vad_edge.video.clips import fingerprint
from vad_edge.video.frame import Frame
from vad_edge.video.open import open_source


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two clips of twenty seconds."""
    (tmp_path / "normal").mkdir()
    for number in (1, 2):
        write_video(tmp_path / "normal" / f"{number}.mkv", quiet_frames(200, seed=number))
    return tmp_path / "normal"


def fitted_on(make_bundle: MakeBundle, *clips: Path) -> Bundle:
    prints = tuple(fingerprint(clip) for clip in clips)
    origin = Provenance(created="2026-01-01T00:00:00+00:00", code_version="0.1.0", fitted_footage=prints)
    return make_bundle(provenance=origin)


def test_a_folder_is_scored_clip_by_clip_at_the_model_s_rate(bundle: Bundle, folder: Path) -> None:
    footage = score_footage(bundle, [str(folder)])
    assert [Path(stretch.clip).name for stretch in footage.stretches] == ["1.mkv", "2.mkv"]
    assert footage.fingerprints == tuple(fingerprint(folder / f"{number}.mkv") for number in (1, 2))
    first = footage.stretches[0]
    assert first.scores.shape == (200, 2)
    assert np.isnan(first.scores[0]).all()
    assert np.isfinite(first.scores[1:]).all()


def test_footage_the_model_was_fitted_on_is_refused_by_its_content(
    make_bundle: MakeBundle, folder: Path, tmp_path: Path
) -> None:
    bundle = fitted_on(make_bundle, folder / "2.mkv")
    renamed = (folder / "2.mkv").rename(tmp_path / "other.mkv")
    with pytest.raises(DataError, match=r"other\.mkv: the model was fitted on this footage.*calibrate on"):
        score_footage(bundle, [str(folder), str(renamed)])


def test_a_bundle_that_cannot_say_what_it_was_fitted_on_is_told(bundle: Bundle, folder: Path) -> None:
    (note,) = score_footage(bundle, [str(folder)]).notes
    assert note.startswith("the bundle does not list the footage its model was fitted on")


def test_footage_of_another_shape_than_the_model_s_is_told_once(
    make_bundle: MakeBundle, folder: Path, tmp_path: Path
) -> None:
    bundle = fitted_on(make_bundle, write_video(tmp_path / "fitted.mkv", quiet_frames(3, seed=9)))
    clips = [
        write_video(tmp_path / f"{seed}.mkv", quiet_frames(200, height=64, width=48, seed=seed))
        for seed in (3, 4)
    ]
    (note,) = score_footage(bundle, [str(folder), *map(str, clips)]).notes
    assert note.startswith(f"{clips[0]}: its pictures, 48x64, are squeezed into the model's 48x32")


def test_a_clip_given_twice_counts_once(make_bundle: MakeBundle, folder: Path, tmp_path: Path) -> None:
    bundle = fitted_on(make_bundle, write_video(tmp_path / "fitted.mkv", quiet_frames(3, seed=9)))
    footage = score_footage(bundle, [str(folder), str(folder / "1.mkv")])
    assert len(footage.stretches) == 2
    assert footage.notes == (f"{folder / '1.mkv'} is there twice and counts once",)


def test_a_gap_cuts_a_clip_into_stretches(make_bundle: MakeBundle, tmp_path: Path) -> None:
    """Images at one every 2.5 s, where the model forgets after two."""
    clip = write_video(tmp_path / "slow.mkv", quiet_frames(8), fps=0.4)
    with pytest.raises(DataError, match="0 s of footage got a score, 30 s are the least"):
        score_footage(make_bundle(), [str(clip)])


def test_a_picture_that_never_changes_is_refused(bundle: Bundle, tmp_path: Path) -> None:
    frame = quiet_frames(1)[0]
    moving = quiet_frames(1, seed=2)[0]
    images = [frame if number % 2 else moving for number in range(500)]
    for image in images:
        image[:] = 90
        image[0, 0] = 91
    clip = write_video(tmp_path / "still.mkv", images)
    with pytest.raises(DataError, match=r"got a score, 30 s are the least|scores the same: nothing moves"):
        score_footage(bundle, [str(clip)])


def test_a_live_source_needs_a_duration(bundle: Bundle) -> None:
    with pytest.raises(SourceError, match="0: a live source has no end; say how long to watch it"):
        score_footage(bundle, ["0"])


def test_a_path_that_is_not_there_is_named(bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="nowhere: no such file or folder"):
        score_footage(bundle, [str(tmp_path / "nowhere")])


def test_black_footage_is_told_to_be_black(bundle: Bundle, tmp_path: Path) -> None:
    images = [np.zeros((48, 72, 3), np.uint8)] * 60
    clip = write_video(tmp_path / "dark.mkv", images)
    with pytest.raises(DataError, match=r"30 s are the least: 60 of 60 frames got no score \(60 black\)"):
        score_footage(bundle, [str(clip)])


def test_many_frames_without_a_score_are_worth_a_note(bundle: Bundle, folder: Path) -> None:
    write_video(folder / "3.mkv", [np.zeros((48, 72, 3), np.uint8)] * 60)
    assert any(
        note.startswith("60 of 460 frames got no score (60 black)")
        for note in score_footage(bundle, [str(folder)]).notes
    )


def test_one_clip_that_cannot_be_read_is_left_out_and_told(bundle: Bundle, folder: Path) -> None:
    broken = folder / "3.mkv"
    broken.write_text("cut off by a power failure")
    os.utime(broken, (1e9, 1e9))
    footage = score_footage(bundle, [str(folder)])
    assert len(footage.stretches) == len(footage.fingerprints) == 2
    assert any(note.startswith(f"left out: {broken}: not a video") for note in footage.notes)


def test_footage_none_of_which_can_be_read_is_refused(bundle: Bundle, tmp_path: Path) -> None:
    for name in ("1.mkv", "2.mkv"):
        (tmp_path / name).write_text(f"{name}, cut off by a power failure")
        os.utime(tmp_path / name, (1e9, 1e9))
    with pytest.raises(SourceError, match=r"2\.mkv: not a video"):
        score_footage(bundle, [str(tmp_path)])


class Camera:
    """A recording that behaves as a camera: it is lost, or Ctrl-C is pressed, after so many frames."""

    def __init__(self, clip: Path, frames: int, stop: threading.Event | None = None) -> None:
        self._source = open_source(str(clip), LiveClock())
        self._left = frames
        self._stop = stop
        self.info = self._source.info
        self.truncated = None
        self.close = self._source.close

    def read(self) -> Frame | None:
        self._left -= 1
        if self._left < 0:
            if self._stop is None:
                raise SourceError("it gives no frames any more", where="camera 0")
            self._stop.set()
        return self._source.read()


@pytest.fixture
def long_clip(tmp_path: Path) -> Path:
    return write_video(tmp_path / "long.mkv", quiet_frames(420))


def test_a_camera_that_is_lost_calibrates_on_what_it_has_shown(
    bundle: Bundle, long_clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vad_edge.pipeline.open_source", lambda *_, **__: Camera(long_clip, 400))
    footage = score_footage(bundle, ["0"], duration_s=3600.0)
    assert sum(len(stretch.time_s) for stretch in footage.stretches) == 400
    assert footage.notes == ("camera 0: it gives no frames any more",)


def test_a_camera_that_gives_no_frame_is_refused(
    bundle: Bundle, long_clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vad_edge.pipeline.open_source", lambda *_, **__: Camera(long_clip, 0))
    with pytest.raises(SourceError, match="it gives no frames any more"):
        score_footage(bundle, ["0"], duration_s=3600.0)


def test_a_watch_that_is_interrupted_calibrates_on_what_was_seen(
    bundle: Bundle, long_clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = threading.Event()
    monkeypatch.setattr("vad_edge.pipeline.open_source", lambda *_, **__: Camera(long_clip, 400, stop))
    footage = score_footage(bundle, ["0"], duration_s=3600.0, stop=stop)
    assert sum(len(stretch.time_s) for stretch in footage.stretches) == 400
    assert footage.notes == ("0 was watched until it was interrupted, and not for as long as was asked",)
