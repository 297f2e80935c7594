from __future__ import annotations

import json
import threading
from datetime import datetime, timedelta, timezone

from vad_edge.health.board import HealthBoard
from vad_edge.health.conditions import Condition

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)


def ticking_board() -> HealthBoard:
    times = iter([START + timedelta(seconds=second) for second in range(20)])
    return HealthBoard(lambda: next(times))


def test_a_condition_raised_twice_is_one_event_with_the_newer_message() -> None:
    board = ticking_board()
    board.raise_condition(Condition.CAMERA_LOST, "front", "no frame for 2 s")
    board.raise_condition(Condition.CAMERA_LOST, "front", "no frame for 9 s")
    assert [(event.code, event.message) for event in board.drain()] == [("camera_lost", "no frame for 2 s")]
    (condition,) = board.snapshot().conditions
    assert (condition.message, condition.since) == ("no frame for 9 s", START)


def test_a_cleared_condition_is_told_once_and_may_come_again() -> None:
    board = ticking_board()
    board.raise_condition(Condition.SENSOR_STALE, "door", "silent")
    board.clear_condition(Condition.SENSOR_STALE, "door")
    board.clear_condition(Condition.SENSOR_STALE, "door")
    board.clear_condition(Condition.SENSOR_STALE, "never raised")
    board.raise_condition(Condition.SENSOR_STALE, "door", "silent again")
    told = [(event.state, event.since - START) for event in board.drain()]
    seconds = [timedelta(seconds=second) for second in range(3)]
    assert told == list(zip(["raised", "cleared", "raised"], seconds, strict=True))
    assert board.drain() == []


def test_the_same_code_on_two_subjects_is_two_conditions() -> None:
    board = ticking_board()
    board.raise_condition(Condition.SENSOR_STALE, "door", "")
    board.raise_condition(Condition.SENSOR_STALE, "pir", "")
    board.clear_condition(Condition.SENSOR_STALE, "door")
    assert [event.subject for event in board.snapshot().conditions] == ["pir"]


def test_a_snapshot_is_plain_json() -> None:
    board = ticking_board()
    board.count("dropped")
    board.count("dropped", 4)
    assert board.snapshot().to_dict() == {"ok": True, "conditions": [], "counters": {"dropped": 5}}
    board.raise_condition(Condition.DISK_FULL, "store", "0 bytes left")
    assert json.loads(json.dumps(board.snapshot().to_dict())) == {
        "ok": False,
        "conditions": [
            {
                "code": "disk_full",
                "subject": "store",
                "message": "0 bytes left",
                "since": "2026-01-02T03:04:05Z",
                "params": {},
            }
        ],
        "counters": {"dropped": 5},
    }


def test_a_snapshot_does_not_change_later() -> None:
    board = ticking_board()
    board.count("frames")
    snapshot = board.snapshot()
    board.count("frames")
    assert snapshot.counters == {"frames": 1}


def test_nothing_is_lost_between_threads() -> None:
    board = HealthBoard()

    def work(name: str) -> None:
        for _ in range(500):
            board.count("frames")
            board.raise_condition(Condition.SENSOR_FLAPPING, name, "")
            board.clear_condition(Condition.SENSOR_FLAPPING, name)
            if len(drained) < 10_000:
                drained.extend(board.drain())

    drained: list[object] = []
    threads = [threading.Thread(target=work, args=(str(number),)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    drained.extend(board.drain())
    assert board.snapshot().counters == {"frames": 2000}
    assert len(drained) == 4000
