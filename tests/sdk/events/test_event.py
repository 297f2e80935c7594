from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import jsonschema
import pytest

from vad_edge.events.announce import event_from_tamper
from vad_edge.events.event import Event, event_schema, from_cloudevent, to_cloudevent
from vad_edge.events.reason import rarity_reason
from vad_edge.fusion.machine import Level
from vad_edge.fusion.tamper import TamperChange, TamperKind

Story = Callable[..., list[Event]]


def test_every_event_of_an_incident_fits_the_schema(story: Story) -> None:
    schema = event_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    envelopes = [json.loads(json.dumps(to_cloudevent(event), allow_nan=False)) for event in story()]
    assert [envelope["data"]["kind"] for envelope in envelopes] == ["opened", "raised", "lowered", "cleared"]
    for envelope in envelopes:
        validator.validate(envelope)


def test_a_tamper_is_an_event_of_its_own_type() -> None:
    validator = jsonschema.Draft202012Validator(event_schema())
    noon = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
    kinds: list[TamperKind] = ["tampered", "restored"]
    for kind, ending, level in zip(kinds, ("raised", "cleared"), (Level.ALARM, Level.NORMAL), strict=True):
        change = TamperChange(kind, "i-1", 2.0, 12.0, "covered: all of it")
        event = event_from_tamper(
            change, None, site="home", camera="door", wall=lambda time_s: noon + timedelta(seconds=time_s)
        )
        envelope = json.loads(json.dumps(to_cloudevent(event)))
        validator.validate(envelope)
        assert envelope["type"] == f"io.vad-edge.tamper.{ending}"
        assert (event.level, event.time - event.since) == (level, timedelta(seconds=10))
        assert from_cloudevent(envelope) == event


def test_an_event_that_was_stored_before_there_were_tampers_is_read(story: Story) -> None:
    envelope = to_cloudevent(story()[1])
    del envelope["data"]["tamper"]
    envelope["data"]["regions"] = [{"x": 1, "y": 2, "width": 3, "height": 4, "strength": 0.5}]
    event = from_cloudevent(envelope)
    assert (event.tamper, event.regions[0].zones) == ("", ())


@pytest.mark.parametrize("key", ["level", "shares", "early_s", "time_synced"])
def test_the_schema_refuses_an_event_without_a_part(story: Story, key: str) -> None:
    envelope = to_cloudevent(story()[0])
    del envelope["data"][key]
    with pytest.raises(jsonschema.ValidationError, match=key):
        jsonschema.Draft202012Validator(event_schema()).validate(envelope)


def test_the_schema_and_the_event_name_the_same_parts(story: Story) -> None:
    data = event_schema()["properties"]["data"]
    assert set(data["required"]) == set(data["properties"]) == set(to_cloudevent(story()[0])["data"])


def test_an_envelope_says_who_what_and_when(story: Story) -> None:
    envelope = to_cloudevent(story()[1])
    assert envelope["source"] == "/vad-edge/home/front"
    assert envelope["type"] == "io.vad-edge.incident.raised"
    assert envelope["time"] == "2026-01-02T03:04:07.600000Z"
    assert envelope["subject"] == envelope["data"]["incident"]
    assert envelope["data"]["since"] == "2026-01-02T03:04:06.600000Z"
    assert (envelope["data"]["previous"], envelope["data"]["level"]) == ("watch", "alarm")
    assert envelope["data"]["early_s"] == 1.0


def test_events_of_one_incident_share_its_id_and_sort_by_their_own(story: Story) -> None:
    events = story()
    assert len({event.incident for event in events}) == 1
    assert [event.id for event in events] == sorted({event.id for event in events})


def test_an_event_comes_back_from_json_as_it_was(story: Story) -> None:
    for event in [*story(time_synced=False), *story(time_synced=None)]:
        assert from_cloudevent(json.loads(json.dumps(to_cloudevent(event)))) == event


@pytest.mark.parametrize("envelope", [{}, {"id": "x", "data": 3}, {"data": {"level": "blue"}}])
def test_a_foreign_envelope_is_refused(envelope: dict) -> None:
    with pytest.raises(ValueError, match="not an event of this program"):
        from_cloudevent(envelope)


@pytest.mark.parametrize(
    ("surprise", "text"),
    [
        (0.0, "video as common as normal footage"),
        (1.0, "video rarer than 1 frame in 10 of normal footage"),
        (3.1, "video rarer than 1 frame in 1,200 of normal footage"),
        (3.6, "video rarer than 1 frame in 3,900 of normal footage"),
        (4.0, "video rarer than anything expected in 4,200 frames of normal footage"),
        (math.inf, "video rarer than anything expected in 4,200 frames of normal footage"),
    ],
)
def test_rarity_is_told_in_round_numbers_and_claims_no_more_than_the_footage_shows(
    surprise: float, text: str
) -> None:
    assert rarity_reason(surprise, footage_frames=4200).text == text
