from __future__ import annotations

from collections.abc import Callable

from vad_edge.events.audit import audit_rows, trim_events
from vad_edge.events.event import Event
from vad_edge.events.incidents import Incidents
from vad_edge.events.store import EventStore

Story = Callable[..., list[Event]]
MB = 1 << 20


def test_events_stay_while_there_is_room(store: EventStore, story: Story) -> None:
    for event in story():
        store.add(event)
    assert trim_events(store.database, MB) == 0
    assert len(store.events()) == 4


def test_delivered_events_go_before_those_that_still_wait(store: EventStore, story: Story) -> None:
    added = [event for _ in range(600) for event in story()]
    for event in added:
        store.add(event)
    for event in added[1000:1100]:
        store.mark_delivered(event.id)
    gone = trim_events(store.database, MB)
    kept = {event.id for event in store.events()}
    assert gone == len(added) - len(kept)
    assert gone in (1000, 2000)
    waiting = [event.id for event in (*added[:1000], *added[1100:])]
    assert kept == set(waiting[gone - 100 :])


def test_an_incident_without_events_goes_and_leaves_audit_rows(store: EventStore, story: Story) -> None:
    first = story()
    for event in first:
        store.add(event)
    assert trim_events(store.database, 0) == 4
    assert Incidents(store.database).find() == []
    (row,) = audit_rows(store.database, first[0].incident)
    assert (row.action, row.who, row.reason, row.events) == ("expired", "retention", "events_mb", 4)
