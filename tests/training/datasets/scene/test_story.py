from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vad_edge_training.datasets.scene.story import (
    FAR_LANE,
    KINDS,
    LOITERING_AFTER_S,
    NEAR_LANE,
    QUIET_S,
    Kind,
    Story,
    tell_story,
)


def incident_of(kind: Kind, seed: int) -> tuple[Story, int]:
    story = tell_story(40, seed, [kind])
    return story, story.incidents[0].actor


def speeds(story: Story, number: int) -> list[float]:
    actor, (incident,) = story.actors[number], story.incidents
    times = [incident.first_s + tenth / 10 for tenth in range(1, 30)]
    return [(actor.travelled(time_s + 0.1) - actor.travelled(time_s)) * 10 for time_s in times]


@given(st.integers(0, 10_000), st.lists(st.sampled_from(KINDS), max_size=4))
@settings(max_examples=40, deadline=None)
def test_the_same_seed_tells_the_same_story_and_incidents_come_in_order(seed: int, kinds: list[Kind]) -> None:
    story = tell_story(70, seed, kinds)
    assert story == tell_story(70, seed, kinds)
    assert [incident.kind for incident in story.incidents] == kinds
    starts = [incident.first_s for incident in story.incidents]
    assert starts == sorted(starts)
    assert all(QUIET_S <= start < 70 for start in starts)
    assert all(incident.first_s < incident.last_s for incident in story.incidents)


def test_normal_life_walks_at_walking_speed_in_its_lanes() -> None:
    story = tell_story(60, 3)
    assert len(story.actors) > 15
    assert story.incidents == []
    for actor in story.actors:
        start, end = actor.path[0], actor.path[-1]
        assert 0.9 < actor.travelled(end.time_s) / (end.time_s - start.time_s) < 1.8
        lane = NEAR_LANE if end.x > 0 else FAR_LANE
        assert lane[0] <= end.z <= lane[1]


@pytest.mark.parametrize("seed", range(5))
def test_each_kind_of_incident_does_what_its_name_says(seed: int) -> None:
    assert min(speeds(*incident_of("cyclist", seed))) > 4
    assert min(speeds(*incident_of("running", seed))) > 3.5
    assert 2.5 < min(speeds(*incident_of("vehicle", seed))) < 3.7

    story, number = incident_of("wrong_way", seed)
    end = story.actors[number].path[-1]
    lane = FAR_LANE if end.x > 0 else NEAR_LANE
    assert lane[0] <= end.z <= lane[1]

    story, number = incident_of("loitering", seed)
    assert story.incidents[0].last_s - story.incidents[0].first_s > LOITERING_AFTER_S
    actor = story.actors[number]
    assert abs(actor.at(story.incidents[0].first_s).x) < 8  # type: ignore[union-attr]

    story, number = incident_of("thrown_object", seed)
    flight = [story.actors[number].at(story.incidents[0].first_s + tenth / 10) for tenth in range(13)]
    assert max(point.up for point in flight if point) > 1.5

    story, number = incident_of("fall", seed)
    assert story.actors[number].falls_s == pytest.approx(story.incidents[0].first_s)


@pytest.mark.parametrize(
    ("kind", "sensor"), [("vehicle", "sound"), ("running", "door"), ("cyclist", "sound")]
)
def test_some_incidents_are_noticed_by_a_sensor_first(kind: Kind, sensor: str) -> None:
    story = tell_story(40, 1, [kind])
    (incident,) = story.incidents
    noticed = min(
        cue.time_s for cue in story.cues if cue.sensor == sensor and cue.time_s >= incident.first_s - 5
    )
    assert incident.lead_s >= 2
    assert incident.first_s - noticed == pytest.approx(incident.lead_s)


def test_too_many_incidents_are_refused() -> None:
    with pytest.raises(ValueError, match="4 incidents do not fit into 30 s"):
        tell_story(30, 1, KINDS[:4])
