from __future__ import annotations

import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from vad_edge.common.whole_writes import Lines, WholeWrites


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file may grow beyond a hundred bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


def test_a_piece_that_does_not_fit_is_taken_back(tmp_path: Path, small_files: None) -> None:
    file = WholeWrites(tmp_path / "pieces", "x")
    file.write(b"a" * 60)
    with pytest.raises(OSError, match="File too large"):
        file.write(b"b" * 60)
    file.write(b"c" * 40)
    file.change(0, b"A")
    file.write(b"")
    file.close()
    assert (tmp_path / "pieces").read_bytes() == b"A" + b"a" * 59 + b"c" * 40


def test_a_file_that_is_there_is_gone_on_with_or_refused(tmp_path: Path) -> None:
    (tmp_path / "pieces").write_bytes(b"old ")
    with pytest.raises(FileExistsError):
        WholeWrites(tmp_path / "pieces", "x")
    file = WholeWrites(tmp_path / "pieces", "a")
    file.write(b"new")
    file.close()
    assert (tmp_path / "pieces").read_bytes() == b"old new"


def test_lines_that_cannot_be_written_are_counted_and_the_others_are_whole(
    tmp_path: Path, small_files: None
) -> None:
    lines = Lines(tmp_path / "lines", "w")
    for number in range(9):
        lines.add(f"{number} {'x' * 28}\n")
    assert lines.failing
    assert lines.loss == f"{tmp_path / 'lines'}: 6 of 9 lines could not be written: File too large"
    lines.add("last\n")
    assert not lines.failing
    assert (tmp_path / "lines").read_text().splitlines()[-2:] == ["2 " + "x" * 28, "last"]
    lines.close()


def test_a_line_is_in_the_file_at_once(tmp_path: Path) -> None:
    lines = Lines(tmp_path / "lines", "w")
    lines.add("said\n")
    assert (tmp_path / "lines").read_text() == "said\n"
    assert lines.loss == ""
    lines.close()
