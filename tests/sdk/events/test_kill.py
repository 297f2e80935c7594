from __future__ import annotations

import contextlib
import json
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vad_edge.events.event import Event, to_cloudevent
from vad_edge.events.incidents import Incidents
from vad_edge.events.store import EventStore

Story = Callable[..., list[Event]]
KILLS = 120
ROOT = Path(__file__).parents[3]


def test_a_hundred_kills_lose_no_event_that_was_committed_and_invent_none(
    tmp_path: Path, story: Story, record_property: Callable[[str, Any], None]
) -> None:
    path, seed = tmp_path / "events.db", secrets.randbits(32)
    record_property("seed", seed)
    program = [sys.executable, "-m", "tests.sdk.events.killed_writers", str(path), str(KILLS), str(seed)]
    template = json.dumps(to_cloudevent(story()[0]))
    done = subprocess.run(program, cwd=ROOT, input=template, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"seed {seed}: {done.stderr}"
    said = json.loads(done.stdout)
    assert len(said["kept"]) > KILLS

    with contextlib.closing(EventStore(path)) as store:
        assert store.quarantined is None
        there = [event.id for event in store.events()]
        waiting = {event.id for event in store.pending("front", 1_000_000)}
        incidents = {incident.id: incident for incident in Incidents(store.database).find(limit=1_000_000)}
    missing = set(said["kept"]) - set(there)
    invented = set(there) - set(said["begun"])
    assert not missing, f"seed {seed}"
    assert not invented, f"seed {seed}"
    assert there == sorted(set(there)), f"seed {seed}: twice, or out of order"
    # An event that came is in the outbox until it was delivered, whatever happened between.
    assert waiting >= set(said["kept"]) - set(said["delivered"]) - unsaid(said)
    assert not waiting & set(said["delivered"]), f"seed {seed}"
    # The event and what it says of its incident are one commit.
    counted: dict[str, int] = {}
    for name in there:
        incident = f"{name[:4]}{int(name[4:]) // 4:05d}"
        counted[incident] = counted.get(incident, 0) + 1
    assert {name: found.events for name, found in incidents.items()} == counted, f"seed {seed}"


def unsaid(said: dict[str, list[str]]) -> set[str]:
    """Events that were being marked as delivered when their writer was killed: either way is right."""
    return {name for name in said["kept"] if int(name[4:]) % 7 == 3}


@pytest.mark.parametrize("torn", [0, 1, 24, 31, 500, 4096, 9000])
def test_a_log_that_the_power_cut_off_gives_back_what_was_synced_before(
    tmp_path: Path, story: Story, torn: int
) -> None:
    """SQLite syncs its log at each commit; what the disk had not written yet may be cut off or garbled."""
    path, copy = tmp_path / "events.db", tmp_path / "after" / "events.db"
    copy.parent.mkdir()
    log = path.with_name("events.db-wal")
    with contextlib.closing(EventStore(path)) as store:
        synced = [replace(story()[0], id=f"e-{number:03d}") for number in range(20)]
        for event in synced:
            store.add(event)
        size = log.stat().st_size
        for number in range(20, 40):
            store.add(replace(story()[0], id=f"e-{number:03d}"))
        shutil.copy(path, copy)
        data = log.read_bytes()
    assert len(data) > size + 9000
    copy.with_name("events.db-wal").write_bytes(data[: size + torn] + bytes(3000))

    with contextlib.closing(EventStore(copy)) as after:
        there = after.events()
        assert after.quarantined is None
    assert there[:20] == synced
    assert [event.id for event in there] == [f"e-{number:03d}" for number in range(len(there))]
