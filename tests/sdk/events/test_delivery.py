from __future__ import annotations

from collections.abc import Callable

from vad_edge.events.event import Event
from vad_edge.events.store import EventStore

Story = Callable[..., list[Event]]


def test_many_events_are_marked_as_delivered_in_one_write(store: EventStore, story: Story) -> None:
    events = story("front")
    for event in events:
        store.add(event)
    store.mark_delivered(events[0].id, events[2].id, "unknown")
    assert store.pending("front") == [event for event in events if event not in (events[0], events[2])]


def test_the_newest_pending_events_come_oldest_first(store: EventStore, story: Story) -> None:
    front = story("front")
    for event in (*front, *story("back")):
        store.add(event)
    store.mark_delivered(front[-1].id)
    assert store.newest_pending("front", 2) == front[-3:-1]
