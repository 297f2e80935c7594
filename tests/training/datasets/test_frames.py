from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.support.footage import quiet_frames, write_video
from tests.training.conftest import MakeData, only_header

from vad_edge.errors import DataError, SourceError
from vad_edge.video import open as source_module
from vad_edge_training.datasets.clips import ClipFolder
from vad_edge_training.datasets.frames import load_frames


def test_clips_come_at_the_models_size_and_rate(make_data: MakeData, tmp_path: Path) -> None:
    root = make_data(training=1)
    write_video(root / "training" / "02.mkv", quiet_frames(30), fps=20.0)
    progress: list[tuple[str, int, int]] = []
    clips = load_frames(
        ClipFolder(root), height=16, width=24, fps=10, cache=tmp_path / "cache",
        on_progress=lambda *at: progress.append(at),
    )  # fmt: skip
    assert [clip.shape for clip in clips] == [(24, 16, 24, 3), (15, 16, 24, 3)]
    assert all(clip.dtype == np.uint8 for clip in clips)
    assert 90 < clips[0].mean() < 110
    assert progress == [("decoding", 0, 2), ("decoding", 1, 2), ("decoding", 2, 2)]


def test_what_was_decoded_once_is_not_decoded_again(
    make_data: MakeData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = ClipFolder(make_data())
    first = load_frames(folder, height=16, width=24, fps=10, cache=tmp_path / "cache")

    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("decoded again")

    monkeypatch.setattr("vad_edge_training.datasets.dataset.open_source", refuse)
    again = load_frames(folder, height=16, width=24, fps=10, cache=tmp_path / "cache")
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    with pytest.raises(AssertionError, match="decoded again"):
        load_frames(folder, height=16, width=24, fps=5, cache=tmp_path / "cache")
    assert source_module.open_source is not refuse


def test_an_interrupted_decode_leaves_no_half_clip(make_data: MakeData, tmp_path: Path) -> None:
    root = make_data(training=2)
    only_header(root / "training" / "02.mkv")
    with pytest.raises(DataError, match=r"02\.mkv: the clip has no frames"):
        load_frames(ClipFolder(root), height=16, width=24, fps=10, cache=tmp_path / "cache")
    assert [path.name for path in (tmp_path / "cache").rglob("*") if path.is_file()] == ["01.mkv.npy"]


def test_a_clip_that_is_no_video_is_named_before_any_work(make_data: MakeData, tmp_path: Path) -> None:
    root = make_data(training=2)
    (root / "training" / "02.mkv").write_text("not a video")
    with pytest.raises(SourceError, match=r"02\.mkv: not a video"):
        load_frames(ClipFolder(root), height=16, width=24, fps=10, cache=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_a_clip_without_frames_is_named(make_data: MakeData, tmp_path: Path) -> None:
    root = make_data(training=1)
    only_header(root / "training" / "01.mkv")
    with pytest.raises(DataError, match=r"01\.mkv: the clip has no frames; remove it, or record it again"):
        load_frames(ClipFolder(root), height=16, width=24, fps=10, cache=tmp_path / "cache")


def test_a_folder_of_broken_images_is_named(make_data: MakeData, tmp_path: Path) -> None:
    root = make_data(training=1)
    (root / "training" / "02").mkdir()
    (root / "training" / "02" / "0.png").write_bytes(b"not an image")
    with pytest.raises(SourceError, match=r"training/02: no frames in this folder; it should hold images"):
        load_frames(ClipFolder(root), height=16, width=24, fps=10, cache=tmp_path / "cache")


def test_a_clip_that_was_cut_off_gives_what_it_has_and_says_so(
    make_data: MakeData, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = make_data(training=1, frames=40)
    path = root / "training" / "01.mkv"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    (clip,) = load_frames(ClipFolder(root), height=16, width=24, fps=10, cache=tmp_path / "cache")
    assert 1 < len(clip) < 39
    assert "bytes of the file are missing" in caplog.text


def test_clips_of_different_sizes_are_refused(make_data: MakeData, tmp_path: Path) -> None:
    root = make_data()
    write_video(root / "training" / "02.mkv", quiet_frames(24, height=64, width=96))
    message = r"02\.mkv: its frames are 64x96, those of 01\.mkv 48x64; a model learns one camera"
    for _ in range(2):
        with pytest.raises(DataError, match=message):
            load_frames(ClipFolder(root), height=16, width=24, fps=10, cache=tmp_path / "cache")
