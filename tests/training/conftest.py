from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import torch
from tests.support.footage import Image, quiet_frames, with_block, write_video

MakeData = Callable[..., Path]


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    """On a shared machine torch's threads wait for each other longer than they work."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def label_lines(clip: str, abnormal: Sequence[int]) -> list[str]:
    return [f"{clip},{frame},{flag}" for frame, flag in enumerate(abnormal)]


def write_labels(root: Path, *lines: str) -> None:
    (root / "labels.csv").write_text("\n".join(["clip,frame0,abnormal", *lines]) + "\n")


def only_header(path: Path) -> None:
    """Cut a video off where its frames begin: it opens, and gives none."""
    path.write_bytes(path.read_bytes()[:800])


@pytest.fixture
def make_data(tmp_path: Path) -> MakeData:
    """A clip folder: quiet training clips, and testing clips with a block in some of their frames."""

    def make(
        training: int = 3, testing: int = 2, frames: int = 24, block: tuple[int, int] = (14, 20)
    ) -> Path:
        root = tmp_path / "data"
        for number in range(1, training + 1):
            write_video(root / "training" / f"{number:02d}.mkv", quiet_frames(frames, seed=number))
        lines: list[str] = []
        for number in range(1, testing + 1):
            images: list[Image] = with_block(quiet_frames(frames, seed=50 + number), *block)
            write_video(root / "testing" / f"{number:02d}.mkv", images)
            lines += label_lines(
                f"{number:02d}", [int(block[0] <= frame <= block[1]) for frame in range(frames)]
            )
        if testing:
            write_labels(root, *lines)
        return root

    return make
