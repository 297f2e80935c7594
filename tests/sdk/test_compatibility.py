"""What earlier releases wrote is read, and what this one writes the release before can read."""

from __future__ import annotations

import shutil
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from tests.golden.first_release_reader import drain, write_incident
from tests.support.events import NOON, an_event

from vad_edge.bundle.archive import read_bundle, write_bundle
from vad_edge.bundle.pack import read_pack
from vad_edge.config.load import load_site
from vad_edge.events.event import from_cloudevent, to_cloudevent
from vad_edge.events.incidents import Incidents
from vad_edge.events.reason import Reason
from vad_edge.events.store import EventStore
from vad_edge.runtime.profile import resolve_camera

GOLDEN = Path(__file__).parents[1] / "golden"
LATEST = GOLDEN / "this_release"


@pytest.fixture
def first_store(tmp_path: Path) -> Path:
    return Path(shutil.copy(GOLDEN / "first_release" / "events.db", tmp_path / "events.db"))


def test_a_store_of_the_first_release_is_migrated_rolled_back_and_drained(first_store: Path) -> None:
    with closing(EventStore(first_store)) as store:
        assert [event.kind for event in store.pending("front")] == ["raised", "lowered", "cleared"]
        assert [event.kind for event in store.pending("yard")] == ["opened", "raised"]
        (done, going_on) = Incidents(store.database).find()
        assert (done.ending, done.acknowledged is not None, going_on.ending) == ("cleared", True, None)
        store.add(
            an_event(
                id="new", camera="front", incident="i-new", kind="cleared", sequence=3, ending="calm",
                fresh_until=NOON + timedelta(minutes=5), labels=("cat",), note="as always",
                reasons=(Reason("video_common"),), unknown={"later": 1},
            )
        )  # fmt: skip
    # Rolled back: the release before opens it, reads the new event as well, and drains the camera.
    write_incident(first_store, "i-old", "front")
    found = drain(first_store, "front")
    assert [data["kind"] for data in found] == ["raised", "lowered", "cleared", "cleared"]
    # And forward again: nothing is lost.
    with closing(EventStore(first_store)) as store:
        assert store.pending("front") == []
        new = store.events("i-new")[0]
        assert (new.sequence, new.ending, new.labels, new.note) == (3, "calm", ("cat",), "as always")
        assert new.unknown == {"later": 1}
        assert {incident.id for incident in Incidents(store.database).find()} >= {"i-new", "i-old"}
        assert Incidents(store.database).get("i-new").reason == "calm"


def test_a_store_of_this_release_is_read(tmp_path: Path) -> None:
    path = Path(shutil.copy(LATEST / "events.db", tmp_path / "events.db"))
    with closing(EventStore(path, repair=False)) as store:
        events = store.events()
        assert [event.sequence for event in events] == [1, 2, 3, 4]
        assert events[-1].ending == "calm"
        assert events[1].reasons[0].code == "video_beyond_footage"
        assert Incidents(store.database).get("i-1").acknowledged is not None


def test_a_bundle_a_pack_and_a_site_file_of_this_release_are_read_together() -> None:
    site = load_site(LATEST / "site.toml")
    assert site.bundle is not None
    bundle = read_bundle(site.bundle, trusted=())
    profile = resolve_camera(site.camera[0], bundle, bundle.graph(), learned=GOLDEN)
    assert profile.pack is not None
    assert (profile.pack.kept, profile.full.policy.alarm) == ("1/hour", 4.0)
    assert read_pack(LATEST / "front.vadc").camera == "front"


def test_what_a_later_release_says_in_an_event_is_kept() -> None:
    envelope = to_cloudevent(an_event())
    envelope["data"] |= {"mood": "calm", "reasons": [{"code": "moon", "params": {"full": True}, "text": "?"}]}
    event = from_cloudevent(envelope)
    assert event.unknown == {"mood": "calm"}
    assert event.reasons == (Reason("moon", {"full": True}),)
    assert event.reasons[0].text == "moon"
    again = to_cloudevent(event)["data"]
    assert again["mood"] == "calm"
    assert again["reasons"][0]["params"] == {"full": True}


def test_what_a_later_release_says_in_a_bundle_is_ignored(tmp_path: Path) -> None:
    bundle = read_bundle(LATEST / "tiny.vadb", trusted=())
    later = bundle.manifest.model_validate({**bundle.manifest.model_dump(), "mood": "calm"})
    members = {name: bundle.member(name) for name in bundle.manifest.members}
    write_bundle(tmp_path / "later.vadb", later.model_copy(update={"members": {}}), members)
    assert read_bundle(tmp_path / "later.vadb", trusted=()).manifest.name == "tiny"
