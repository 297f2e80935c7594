from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vad_edge.clock import age_s
from vad_edge.events.event import Event
from vad_edge.mqtt.outbox import fast_lane, is_fresh

Make = Callable[..., Event]


@pytest.mark.parametrize(
    ("age_s", "fresh"), [(0, True), (299, True), (301, False), (86400, False), (-299, True), (-301, False)]
)
def test_an_event_is_fresh_within_the_limit_on_both_sides_of_now(age_s: float, fresh: bool) -> None:
    assert is_fresh(age_s, 300.0) is fresh


def test_the_fast_lane_takes_a_fresh_incident_whole_and_leaves_the_history(make_event: Make) -> None:
    old = [make_event(n, incident="old", age_s=9000) for n in range(3)]
    opened = make_event(4, incident="new", age_s=400)
    alarm = make_event(5, incident="new")
    assert fast_lane([*old, opened, alarm], age_s, 300.0, complete=False) == [opened, alarm]


def test_an_incident_whose_beginning_is_out_of_sight_keeps_its_turn(make_event: Make) -> None:
    events = [make_event(n, incident="long") for n in range(3)]
    assert fast_lane(events, age_s, 300.0, complete=False) == []
    assert fast_lane(events, age_s, 300.0, complete=True) == events


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([0, 1000])), max_size=12),
    st.booleans(),
)
def test_the_fast_lane_never_changes_the_order_within_an_incident(
    make_event: Make, steps: list[tuple[str, float]], complete: bool
) -> None:
    events = [make_event(n, incident=name, age_s=age) for n, (name, age) in enumerate(steps)]
    lane = fast_lane(events, age_s, 300.0, complete=complete)
    for incident in {event.incident for event in lane}:
        assert [event for event in lane if event.incident == incident] == [
            event for event in events if event.incident == incident
        ]
