"""A run whose camera is covered or turned away."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support.footage import write_video
from tests.support.room import covered, live, room
from tests.support.runs import Notes

from vad_edge.events.incidents import Incidents
from vad_edge.events.store import EventStore
from vad_edge.fusion.machine import Level
from vad_edge.runtime.settings import RunSummary
from vad_edge.video.validity import Validity, ValidityCheck


def test_a_camera_that_is_covered_raises_a_tamper_and_no_alarm(
    go: Callable[..., RunSummary], tmp_path: Path
) -> None:
    images = [live(room(height=96, width=160), number) for number in range(300)]
    for number in range(100, 230):
        images[number] = live(covered(room(height=96, width=160)), number)
    notes = Notes()

    go(write_video(tmp_path / "clip.mkv", images), notes=notes)

    began, ended = [event for event in notes.events if event.tamper]
    assert [event for event in notes.events if 9.0 < event.time_s < 23.0] == [began]
    assert [(began.kind, began.level), (ended.kind, ended.level)] == [
        ("tampered", Level.ALARM),
        ("restored", Level.NORMAL),
    ]
    assert 19.9 <= began.time_s <= 20.5
    assert ended.time_s > 23.0
    assert began.incident == ended.incident
    assert began.tamper.startswith("covered: ")
    assert ("frame_covered", "camera0") in notes.codes()
    with contextlib.closing(EventStore(tmp_path / "out" / "events.db")) as store:
        assert began in store.events()
        kept = Incidents(store.database).get(began.incident)
    assert (kept.ending, kept.peak_level) == ("cleared", Level.ALARM)


def test_nothing_is_learned_of_a_view_while_a_tamper_or_an_incident_is_under_way(
    go: Callable[..., RunSummary], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[float] = []
    check = ValidityCheck.check

    def look(self: ValidityCheck, image: Any, time_s: float) -> Validity:
        if self.hold:
            held.append(time_s)
        return check(self, image, time_s)

    monkeypatch.setattr(ValidityCheck, "check", look)
    images = [live(room(height=96, width=160), number) for number in range(300)]
    for number in range(100, 230):
        images[number] = live(covered(room(height=96, width=160)), number)
    notes = Notes()

    go(write_video(tmp_path / "clip.mkv", images), notes=notes)

    spans: dict[str, list[float]] = {}
    for event in notes.events:
        spans.setdefault(event.incident, []).append(event.time_s)
    tampered = {event.incident for event in notes.events if event.tamper}
    assert tampered < set(spans)
    times = [result.frame.time_s for result in notes.results]
    under_way = {
        incident: {time_s for time_s in times if min(told) < time_s <= max(told)}
        for incident, told in spans.items()
    }
    assert set(held) == set().union(*under_way.values())
    assert set().union(*(under_way[incident] for incident in tampered)) - set().union(
        *(found for incident, found in under_way.items() if incident not in tampered)
    )


def test_a_view_that_has_changed_for_good_is_a_condition_and_scored_again(
    go: Callable[..., RunSummary], tmp_path: Path
) -> None:
    views = [room(seed, height=96, width=160) for seed in (1, 2)]
    images = [live(views[number >= 60], number) for number in range(750)]
    notes = Notes()

    go(write_video(tmp_path / "clip.mkv", images), notes=notes)

    assert {event.kind for event in notes.events if event.tamper} == {"tampered", "restored"}
    assert ("view_changed", "camera0") in notes.codes()
    scored = [result.frame.time_s for result in notes.results if result.scored and result.scored.surprise]
    assert not [time_s for time_s in scored if 6.5 < time_s < 64.0]
    assert scored[-1] > 74.0
