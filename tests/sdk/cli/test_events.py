from __future__ import annotations

import contextlib
import json
import zipfile
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from vad_edge.cli.app import main
from vad_edge.cli.types import SINCE
from vad_edge.config.site import PolicyConfig
from vad_edge.events.announce import event_from_change
from vad_edge.events.event import Event
from vad_edge.events.store import EventStore
from vad_edge.evidence.files import EvidenceFiles
from vad_edge.fusion.fuse import Risk
from vad_edge.fusion.machine import WarningMachine

Ask = Callable[..., Result]


def incident(camera: str, hours_ago: float, risks: tuple[float, ...]) -> list[Event]:
    began = datetime.now(timezone.utc) - timedelta(hours=hours_ago)
    machine = WarningMachine(PolicyConfig(dwell_s=0.0, clear_s=0.0))
    events = []
    for time_s, value in enumerate(risks):
        risk = Risk(float(time_s), value, {"door": value})
        change = machine.update(risk)
        if change is not None:
            events.append(
                event_from_change(
                    change,
                    risk,
                    None,
                    site="home",
                    camera=camera,
                    wall=lambda seconds: began + timedelta(seconds=seconds),
                )
            )
    return events


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A store of three incidents: a day-old watch, an alarm with a picture, a warning that goes on."""
    stories = [
        incident("front", 30, (0, 2.5, 0)),
        incident("back", 5, (0, 4.5, 0)),
        incident("front", 1, (0, 3.5)),
    ]
    with contextlib.closing(EventStore(tmp_path / "events.db")) as store:
        for story in stories:
            for event in story:
                store.add(event)
        EvidenceFiles(store.database).keep(stories[1][0].incident, "back", "picture", "picture.jpg", b"jpeg")
    return tmp_path


@pytest.fixture
def ask(folder: Path) -> Ask:
    def run(*arguments: str, given: str = "") -> Result:
        return CliRunner().invoke(main, ["events", *arguments, "--store", str(folder)], input=given)

    return run


@pytest.fixture
def ids(ask: Ask) -> list[str]:
    return [entry["id"] for entry in json.loads(ask("list", "--json").stdout)]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ((), [0, 1, 2]),
        (("--since", "24h"), [1, 2]),
        (("--since", "2000-01-01", "--level", "alarm"), [1]),
        (("--level", "warning"), [1, 2]),
        (("--camera", "front"), [0, 2]),
        (("--limit", "1"), [2]),
        (("--camera", "cellar"), []),
    ],
)
def test_incidents_are_listed_by_age_level_and_camera(
    ask: Ask, ids: list[str], filters: tuple[str, ...], expected: list[int]
) -> None:
    result = ask("list", "--json", *filters)
    assert result.exit_code == 0
    assert [entry["id"] for entry in json.loads(result.stdout)] == [ids[place] for place in expected]


def test_people_get_a_table(ask: Ask, ids: list[str]) -> None:
    text = ask("list").stdout
    assert all(name[:18] in text for name in ids)
    assert "goes on" in text
    assert "no incidents" in ask("list", "--camera", "cellar").stdout


def test_an_incident_is_shown_with_its_events_and_evidence(ask: Ask, ids: list[str]) -> None:
    text = ask("show", ids[1]).stdout
    assert ids[1] in text
    assert "opened: alarm, door 4.5" in text
    assert f"evidence/{ids[1]}/picture.jpg, 0 kB" in text
    told = json.loads(ask("show", ids[1], "--json").stdout)
    assert told["incident"]["peak_level"] == "alarm"
    assert [event["data"]["kind"] for event in told["events"]] == ["opened", "cleared"]
    assert Path(told["evidence"][0]["path"]).read_bytes() == b"jpeg"


def test_an_incident_is_answered(ask: Ask, ids: list[str]) -> None:
    assert ask("ack", ids[0], "false", "--by", "ann", "--note", "a cat").exit_code == 0
    assert "false (ann) a cat" in ask("show", ids[0]).stdout
    told = json.loads(ask("ack", ids[0], "test", "--by", "bob", "--json").stdout)
    assert told["acknowledged"]["answer"] == "test"


def test_an_incident_is_exported_and_the_audit_shows_it(ask: Ask, ids: list[str], tmp_path: Path) -> None:
    target = tmp_path / "out.zip"
    result = ask("export", ids[1], "--output", str(target), "--by", "ann", "--reason", "police")
    assert result.exit_code == 0, result.output
    assert sorted(zipfile.ZipFile(target).namelist()) == ["events.json", "picture.jpg"]
    assert "by ann, 1 files police" in ask("show", ids[1]).stdout


def test_an_incident_is_deleted_only_when_it_is_meant(ask: Ask, ids: list[str], folder: Path) -> None:
    assert ask("delete", ids[1], given="n\n").exit_code == 1
    assert ask("show", ids[1]).exit_code == 0
    told = json.loads(ask("delete", ids[1], "--yes", "--json").stdout)
    assert told == {"incident": ids[1], "events": 2, "files": 1, "bytes": 4}
    assert ask("show", ids[1]).exit_code == 2
    assert not (folder / "evidence" / ids[1]).exists()
    assert "what it brings from now on is kept" in ask("delete", ids[2], "--yes").stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("show", "nobody"), "nobody: there is no such incident; `vad-edge events list` shows"),
        (("ack", "0", "maybe"), "'maybe' is not one of 'true', 'false', 'test'"),
        (("list", "--since", "yesterday"), "'yesterday' is no time; write 2h, 7d, 2026-03-01"),
        (("list", "--level", "panic"), "'panic' is not one of"),
        (("list", "--limit", "0"), "not in the range"),
        (("export", ""), "there is no such incident"),
    ],
)
def test_bad_input_gets_a_reason_and_exit_code_2(ask: Ask, arguments: tuple[str, ...], message: str) -> None:
    result = ask(*arguments)
    assert result.exit_code == 2
    assert message in result.output


def test_a_folder_without_a_store_is_named_and_left_as_it_is(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["events", "list", "--store", str(tmp_path / "nothing")])
    assert result.exit_code == 2
    assert "nothing/events.db: there is no event store; give the folder of the run" in result.output
    assert not (tmp_path / "nothing").exists()


def test_looking_works_beside_a_running_store(ask: Ask, folder: Path, ids: list[str]) -> None:
    with contextlib.closing(EventStore(folder / "events.db")) as store:
        for event in incident("side", 0, (0, 2.5)):
            store.add(event)
        assert len(json.loads(ask("list", "--json").stdout)) == 4
        assert ask("ack", ids[0], "true").exit_code == 0


@pytest.mark.parametrize("text", ["2026-03-01", "2026-03-01T18:00", "2026-03-01T18:00:00Z", "90s", "1.5h"])
def test_a_moment_always_has_a_zone(text: str) -> None:
    assert SINCE.convert(text, None, None).tzinfo is not None


def test_a_list_shows_ids_that_can_be_asked_for_however_narrow_it_is(
    ask: Ask, ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    listed = ask("list").stdout
    assert all(f"{each[:18]} " in listed for each in ids)
