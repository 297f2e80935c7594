from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from vad_edge.bridges.webhook.queue import Waiting, WaitingLine
from vad_edge.errors import StoreError


def first(line: WaitingLine) -> Waiting:
    event = line.first()
    assert event is not None
    return event


def opened(path: Path, quota_bytes: int = 1000) -> WaitingLine:
    return WaitingLine(path / "webhook.db", quota_bytes=quota_bytes)


def test_events_leave_in_the_order_they_came_and_survive_a_restart(tmp_path: Path) -> None:
    line = opened(tmp_path)
    for number in range(3):
        line.add(f"e{number}", b"body")
    line.settle(first(line), "taken")
    line.close()
    line = opened(tmp_path)
    assert (first(line).id, line.count()) == ("e1", 2)
    line.close()


def test_an_event_delivered_twice_is_sent_once(tmp_path: Path) -> None:
    line = opened(tmp_path)
    line.add("e", b"body")
    line.add("e", b"body")
    line.settle(first(line), "taken")
    line.add("e", b"body")
    assert line.first() is None
    line.close()


def test_beyond_the_quota_the_oldest_is_given_up_and_counted(tmp_path: Path) -> None:
    line = opened(tmp_path, quota_bytes=1000)
    assert [line.add(f"e{number}", b"x" * 100) for number in range(12)] == [0] * 10 + [1, 1]
    assert (first(line).id, line.count()) == ("e2", 10)
    line.close()


def test_an_event_that_was_set_aside_goes_first_when_room_is_needed(tmp_path: Path) -> None:
    line = opened(tmp_path, quota_bytes=250)
    line.add("wait", b"x" * 100)
    line.add("aside", b"x" * 100)
    waiting = first(line)
    line.settle(waiting, "taken")
    line.settle(first(line), "aside")
    line.add("new", b"x" * 100)
    assert line.add("newer", b"x" * 100) == 1
    assert (first(line).id, line.count()) == ("new", 2)
    line.close()


def test_what_was_set_aside_gets_another_chance_after_a_restart(tmp_path: Path) -> None:
    line = opened(tmp_path)
    line.add("e", b"body")
    line.settle(first(line), "aside")
    assert line.first() is None
    line.close()
    line = opened(tmp_path)
    assert first(line).id == "e"
    line.close()


def test_room_that_became_free_is_used_again(tmp_path: Path) -> None:
    line = opened(tmp_path, quota_bytes=1000)
    for number in range(100):
        assert line.add(f"e{number}", b"x" * 400) == 0
        line.settle(first(line), "taken")
    line.close()


def test_an_event_bigger_than_the_quota_is_given_up_itself(tmp_path: Path) -> None:
    line = opened(tmp_path, quota_bytes=100)
    assert line.add("big", b"x" * 101) == 1
    assert line.first() is None
    line.close()


@pytest.mark.parametrize("damage", ["garbage", "foreign"])
def test_a_damaged_or_foreign_file_is_kept_aside_and_a_new_line_begins(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    path = tmp_path / "webhook.db"
    if damage == "garbage":
        path.write_bytes(b"not a database" * 1000)
    else:
        foreign = sqlite3.connect(path)
        foreign.execute("CREATE TABLE theirs (x)")
        foreign.close()
    line = opened(tmp_path)
    line.add("e", b"body")
    line.close()
    assert "a new one begins" in caplog.text
    assert len(list(tmp_path.glob("webhook.db.corrupt-*"))) == 1


def test_a_place_that_cannot_be_written_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot open the waiting events"):
        opened(tmp_path / "file")
