from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from vad_edge.errors import ConfigError
from vad_edge.events.event import Event
from vad_edge.events.incidents import ANSWERS, Answer, Incidents
from vad_edge.events.store import EventStore
from vad_edge.fusion.machine import Level

Story = Callable[..., list[Event]]


@pytest.fixture
def incidents(store: EventStore) -> Incidents:
    return Incidents(store.database)


def test_an_incident_is_open_until_it_is_cleared_and_keeps_its_peak(
    store: EventStore, incidents: Incidents, story: Story
) -> None:
    levels = []
    for event in story():
        store.add(event)
        found = incidents.get(event.incident)
        levels.append((found.peak_level, found.closed is None))
    assert levels == [
        (Level.WATCH, True),
        (Level.ALARM, True),
        (Level.ALARM, True),
        (Level.ALARM, False),
    ]
    assert (found.opened, found.closed) == (story()[0].time, story()[-1].time)
    assert (found.peak_risk, found.events, found.ending) == (4.5, 4, "cleared")


def test_an_event_added_twice_changes_its_incident_once(
    store: EventStore, incidents: Incidents, story: Story
) -> None:
    event = story()[0]
    store.add(event)
    store.add(replace(event, peak_risk=99.0))
    assert incidents.get(event.incident).peak_risk == 2.5


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, ["front 0", "back 1", "front 2"]),
        ({"limit": 2}, ["back 1", "front 2"]),
        ({"camera": "back"}, ["back 1"]),
        ({"level": Level.ALARM}, ["front 0", "back 1"]),
        ({"since": datetime(2026, 1, 3, tzinfo=timezone.utc)}, ["back 1", "front 2"]),
        ({"since": datetime(2027, 1, 1, tzinfo=timezone.utc)}, []),
    ],
)
def test_incidents_are_found_by_camera_level_and_time(
    store: EventStore, incidents: Incidents, story: Story, filters: dict, expected: list[str]
) -> None:
    names = {}
    for number, (camera, count) in enumerate([("front", 4), ("back", 4), ("front", 1)]):
        for event in story(camera)[:count]:
            store.add(replace(event, incident=f"i-{number}", time=event.time + timedelta(days=number)))
        names[f"i-{number}"] = f"{camera} {number}"
    assert [names[incident.id] for incident in incidents.find(**filters)] == expected


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_incident_is_acknowledged_by_name_and_may_be_corrected(
    store: EventStore, incidents: Incidents, story: Story, answer: Answer
) -> None:
    event = story()[0]
    store.add(event)
    assert incidents.get(event.incident).acknowledged is None
    incidents.acknowledge(event.incident, "test", by="nobody")
    said = incidents.acknowledge(event.incident, answer, by="ann", note="a cat").acknowledged
    assert said is not None
    assert (said.answer, said.by, said.note) == (answer, "ann", "a cat")
    assert abs(said.at - datetime.now(timezone.utc)) < timedelta(minutes=1)


def test_an_acknowledgement_outlives_later_events(
    store: EventStore, incidents: Incidents, story: Story
) -> None:
    first, *rest = story()
    store.add(first)
    incidents.acknowledge(first.incident, "true", by="ann")
    for event in rest:
        store.add(event)
    assert incidents.get(first.incident).acknowledged is not None


def test_the_beginning_of_an_id_is_enough_where_it_is_unique(
    store: EventStore, incidents: Incidents, story: Story
) -> None:
    event = story()[0]
    for incident in ("abc-1", "abd-2"):
        store.add(replace(event, id=incident, incident=incident))
    assert incidents.get("abd").id == "abd-2"
    with pytest.raises(ConfigError, match="ab: more than one incident begins so"):
        incidents.get("ab")
    for name in ("x", "", "%", "ab_"):
        with pytest.raises(ConfigError, match=r"there is no such incident; .*events list"):
            incidents.get(name)


def test_incidents_a_killed_run_left_open_are_closed_with_their_last_event(
    store: EventStore, incidents: Incidents, story: Story
) -> None:
    front, back, done = story("front")[:2], story("back")[:1], story("front")
    for event in (*front, *back, *done):
        store.add(event)
    assert incidents.interrupt(["front", "side"]) == 1
    found = incidents.get(front[0].incident)
    assert (found.ending, found.closed) == ("interrupted", front[1].time)
    assert incidents.get(back[0].incident).closed is None
    assert incidents.get(done[0].incident).ending == "cleared"


def test_an_incident_as_plain_values_has_stamps_and_names(
    store: EventStore, incidents: Incidents, story: Story
) -> None:
    event = story()[0]
    store.add(event)
    incidents.acknowledge(event.incident, "false", by="ann", note="a cat")
    plain = incidents.get(event.incident).to_dict()
    assert plain["opened"] == "2026-01-02T03:04:06.600000Z"
    assert (plain["closed"], plain["peak_level"]) == (None, "watch")
    assert plain["acknowledged"]["answer"] == "false"
