from __future__ import annotations

import logging
from pathlib import Path

import pytest

from vad_edge.report import outputs as earlier
from vad_edge.report.outputs import set_aside

NAMES = ("scores.csv", "annotated.mp4", "timeline.png", "summary.json")
PLENTY = 1 << 30


def leave(folder: Path, size: int, name: str = "annotated.mp4") -> None:
    """A run that leaves one file of so many bytes; what was left before it is set aside."""
    set_aside(folder, NAMES, max_bytes=PLENTY, floor_bytes=0)
    (folder / name).write_bytes(bytes(size))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_that_is_not_there_stays_so(tmp_path: Path) -> None:
    set_aside(tmp_path / "new", NAMES, max_bytes=PLENTY, floor_bytes=0)
    assert not (tmp_path / "new").exists()


def test_all_of_one_run_get_the_same_number_and_keep_what_is_in_them(tmp_path: Path) -> None:
    for run in ("first", "second"):
        set_aside(tmp_path, NAMES, max_bytes=PLENTY, floor_bytes=0)
        (tmp_path / "scores.csv").write_text(run)
        (tmp_path / "annotated.mp4").write_text(run)
    (tmp_path / "timeline.png").write_text("second")
    set_aside(tmp_path, NAMES, max_bytes=PLENTY, floor_bytes=0)
    assert names(tmp_path) == [
        "annotated.1.mp4", "annotated.2.mp4", "scores.1.csv", "scores.2.csv", "timeline.2.png",
    ]  # fmt: skip
    assert (tmp_path / "scores.1.csv").read_text() == "first"
    assert (tmp_path / "scores.2.csv").read_text() == "second"


def test_runs_that_leave_nothing_count_for_nothing(tmp_path: Path) -> None:
    leave(tmp_path, 10)
    for _ in range(5):
        set_aside(tmp_path, NAMES, max_bytes=PLENTY, floor_bytes=0)
    assert names(tmp_path) == ["annotated.1.mp4"]


def test_where_it_is_kept_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    leave(tmp_path, 10)
    with caplog.at_level(logging.INFO):
        leave(tmp_path, 10)
    assert caplog.messages == [f"{tmp_path}: an earlier run's files are kept as annotated.1.mp4"]


def test_the_oldest_run_goes_where_the_runs_are_too_large(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(4):
        leave(tmp_path, 100)
    set_aside(tmp_path, NAMES, max_bytes=250, floor_bytes=0)
    assert names(tmp_path) == ["annotated.3.mp4", "annotated.4.mp4"]
    assert caplog.messages[-1] == f"{tmp_path}: an earlier run's annotated.2.mp4 deleted: size"


def test_the_last_run_stays_however_large_it_is(tmp_path: Path) -> None:
    leave(tmp_path, 10)
    leave(tmp_path, 1000)
    set_aside(tmp_path, NAMES, max_bytes=250, floor_bytes=0)
    assert names(tmp_path) == ["annotated.2.mp4"]


def test_a_disk_with_too_little_room_comes_first(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    leave(tmp_path, 10)
    leave(tmp_path, 10)
    set_aside(tmp_path, NAMES, max_bytes=PLENTY, floor_bytes=1 << 60)
    assert names(tmp_path) == []
    assert caplog.messages[-1].endswith("deleted: disk space")


def test_so_many_runs_are_kept_and_their_numbers_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(earlier, "KEPT_RUNS", 2)
    for _ in range(5):
        leave(tmp_path, 10)
    assert names(tmp_path) == ["annotated.3.mp4", "annotated.4.mp4", "annotated.mp4"]


def test_what_others_put_there_is_left_alone(tmp_path: Path) -> None:
    others = ["annotated.old.mp4", "notes.1.csv", "scores-monday.csv", "scores.csv.gz"]
    for name in others:
        (tmp_path / name).write_text("mine")
    leave(tmp_path, 10, "scores.csv")
    set_aside(tmp_path, NAMES, max_bytes=PLENTY, floor_bytes=1 << 60)
    assert names(tmp_path) == sorted(others)
