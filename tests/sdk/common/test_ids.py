from __future__ import annotations

import time
import uuid

import pytest

from vad_edge.common.ids import new_id


def test_ids_are_uuids_of_version_7_that_rise() -> None:
    ids = [new_id() for _ in range(2000)]
    assert ids == sorted(set(ids))
    assert {uuid.UUID(name).version for name in ids} == {7}
    assert abs((uuid.UUID(ids[0]).int >> 80) / 1000 - time.time()) < 60


def test_ids_rise_even_if_the_wall_clock_steps_back(monkeypatch: pytest.MonkeyPatch) -> None:
    before = new_id()
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    assert new_id() > before
