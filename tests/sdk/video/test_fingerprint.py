from __future__ import annotations

from pathlib import Path

import pytest

from vad_edge.video.clips import fingerprint


@pytest.fixture
def clips(tmp_path: Path) -> list[Path]:
    """A video file and two folders of images, all with unlike contents."""
    file = tmp_path / "clip.mkv"
    file.write_bytes(b"video")
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
        for index in range(3):
            (folder / f"{index}.png").write_bytes(f"{folder.name} {index}".encode())
    return [file, *folders]


def test_a_fingerprint_follows_the_content_and_not_the_name(clips: list[Path]) -> None:
    prints = [fingerprint(clip) for clip in clips]
    assert len(set(prints)) == 3
    renamed = [clip.rename(clip.with_name(f"renamed-{clip.name}")) for clip in clips]
    assert [fingerprint(clip) for clip in renamed] == prints
