"""What committing events costs, and what a day's outage of them takes: `make bench-store`."""

from __future__ import annotations

import contextlib
import json
import resource
import sqlite3
import tempfile
import time
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import psutil
from rich.console import Console

from vad_edge.common.ids import new_id
from vad_edge.config.site import PolicyConfig
from vad_edge.events.announce import event_from_change
from vad_edge.events.event import Event, pack, to_cloudevent
from vad_edge.events.store import EventStore
from vad_edge.fusion.fuse import Risk
from vad_edge.fusion.machine import WarningMachine
from vad_edge.scoring.regions import Region
from vad_edge.scoring.scorer import Surprise

COMMITS = 2_000
OUTAGE_EVENTS = 100_000
BATCH = 64
DIGEST = "sha256:" + "5" * 64


def story() -> list[Event]:
    """An incident of four events as full as they come: three cues, two sensors, four regions, evidence."""
    machine = WarningMachine(PolicyConfig(dwell_s=0.0, clear_s=0.0))
    start = datetime(2026, 1, 2, 3, 4, 5, 600_000, tzinfo=timezone.utc)
    cues = {"appearance": 2.717283828459045, "motion": 3.14159265358979, "background": 1.4142135623730951}
    regions = [Region(12 * n, 34, 56, 78, 0.123456789012345 * (n + 1)) for n in range(4)]
    events = []
    for time_s, value in enumerate((0.0, 2.513274122871834, 4.523893421169302, 3.210987654321098, 0.0)):
        shares = dict.fromkeys((*cues, "back_door", "sound"), value / 5.123456789)
        risk = Risk(time_s + 0.123456789, value, shares)
        change = machine.update(risk)
        if change is not None:
            event = event_from_change(
                change,
                risk,
                Surprise(risk.time_s, value, cues),
                site="warehouse-north",
                camera="loading-dock",
                wall=lambda seconds: start + timedelta(seconds=seconds),
                footage_frames=36_000,
                regions=regions,
            )
            kept = {"picture": DIGEST, "heatmap": DIGEST} if change.kind in ("opened", "raised") else {}
            events.append(replace(event, evidence=kept))
    return events


def again(events: list[Event]) -> list[Event]:
    """The same incident with ids of its own."""
    incident = new_id()
    return [replace(event, id=new_id(), incident=incident) for event in events]


def memory_mb() -> float:
    return float(psutil.Process().memory_info().rss) / 1e6


def commits(folder: Path, console: Console) -> None:
    """The time of one commit, with two milliseconds between them as in a busy run.

    Beside it SQLite alone, one such row a commit: what the disk and the load of the machine allow.
    """
    events = story()
    taken: dict[str, list[float]] = {"events": [], "SQLite alone": []}
    bare = sqlite3.connect(folder / "bare.db", isolation_level=None)
    for pragma in ("journal_mode = WAL", "synchronous = FULL"):
        bare.execute(f"PRAGMA {pragma}")
    bare.execute("CREATE TABLE bare (seq INTEGER PRIMARY KEY, body TEXT)")
    body = pack(events[1])
    with contextlib.closing(bare), contextlib.closing(EventStore(folder / "events.db")) as store:
        for _ in range(COMMITS // len(events)):
            for event in again(events):
                began_s = time.perf_counter()
                store.add(event)
                taken["events"].append(time.perf_counter() - began_s)
                time.sleep(0.002)
                began_s = time.perf_counter()
                bare.execute("INSERT INTO bare (body) VALUES (?)", (body,))
                taken["SQLite alone"].append(time.perf_counter() - began_s)
                time.sleep(0.002)
    for what, seconds in taken.items():
        p50, p99, worst = 1000 * np.percentile(seconds, [50, 99, 100])
        console.print(
            f"{len(seconds)} commits, {what}: p50 {p50:.2f} ms, p99 {p99:.2f} ms, worst {worst:.1f} ms"
        )


def outage(folder: Path, console: Console) -> None:
    """Events that wait for a broker: the disk and the memory they take. Not synced, which changes neither."""
    events = story()
    path = folder / "events.db"
    with contextlib.closing(EventStore(path)) as store:
        store.database.read(lambda connection: connection.execute("PRAGMA synchronous = OFF"))
        rising = []
        for number in range(OUTAGE_EVENTS // len(events)):
            for event in again(events):
                store.add(event)
            if number % 2500 == 2499:
                store.pending("loading-dock", BATCH)
                rising.append(memory_mb())
        files = [file for file in folder.glob("events.db*") if file.suffix != ".reserve"]
        size = sum(file.stat().st_size for file in files)
        began_s = time.perf_counter()
        for _ in range(20):
            store.pending("loading-dock", BATCH)
        asked_ms = 1000 * (time.perf_counter() - began_s) / 20
    began_s = time.perf_counter()
    EventStore(path).close()
    opened_s = time.perf_counter() - began_s
    console.print(f"{OUTAGE_EVENTS} events waiting: {size / 1e6:.0f} MB of disk")
    console.print("memory at each tenth of them, MB: " + ", ".join(f"{mb:.0f}" for mb in rising))
    console.print(
        f"the next {BATCH} of them in {asked_ms:.1f} ms; checked and opened again in {opened_s:.2f} s"
    )


def main() -> None:
    console = Console(soft_wrap=True)
    console.print(f"{date.today()}, events of {len(json.dumps(to_cloudevent(story()[1])))} characters")
    for measure in (commits, outage):
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
            measure(Path(folder), console)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    console.print(f"peak memory of it all {peak_mb:.0f} MB")


if __name__ == "__main__":
    main()
