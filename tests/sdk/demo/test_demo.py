from __future__ import annotations

import csv
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from tests.sdk.report.test_outputs import event
from tests.support.browser import Browser

from vad_edge.demo.findings import LabelledIncident, find_incidents
from vad_edge.demo.play import FILES, DemoResult, run_demo
from vad_edge.fusion.machine import Level
from vad_edge.report.annotated import video_in


def test_an_incident_is_announced_before_after_or_never() -> None:
    truth = [
        LabelledIncident("running", 10.0, 14.0),
        LabelledIncident("thrown_object", 30.0, 34.0),
        LabelledIncident("fall", 50.0, 55.0),
    ]
    opened = event()
    events = [
        replace(opened, incident="a", time_s=8.5, level=Level.WATCH),
        replace(opened, incident="a", time_s=10.5, kind="raised", level=Level.ALARM),
        replace(opened, incident="a", time_s=13.0, kind="cleared", level=Level.NORMAL),
        replace(opened, incident="b", time_s=31.2, level=Level.WATCH),
        replace(opened, incident="c", time_s=43.0, level=Level.WATCH),
    ]
    assert find_incidents(truth, events) == [
        "running at 10.0 s: announced 1.5 s before it was seen, highest level alarm",
        "thrown object at 30.0 s: announced 1.2 s after it was seen, highest level watch",
        "fall at 50.0 s: missed",
        "incidents announced without cause: 1",
    ]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, DemoResult]:
    folder = tmp_path_factory.mktemp("demo")
    return folder, run_demo(folder, [], threading.Event())


def test_a_browser_plays_the_demo_s_video(played: tuple[Path, DemoResult], browser: Browser) -> None:
    seen = browser.play(video_in(played[0]), until_s=20.0)
    assert (seen.error, seen.width) == ("", 640)
    assert abs(seen.duration - 60.0) < 0.15
    assert seen.frames > 100


def test_the_demo_leaves_its_files_and_uses_its_sensors(played: tuple[Path, DemoResult]) -> None:
    folder, result = played
    for name in ("events.jsonl", "scores.csv", "annotated.mp4", "timeline.png", "annotated.png"):
        assert (folder / name).stat().st_size > 100
    assert result.summary.problems == ()
    assert result.summary.frames == result.summary.scored == 600
    assert len(result.findings) == 4
    assert all(": announced" in finding for finding in result.findings[:3])
    assert result.findings[3] == "incidents announced without cause: 0"
    assert "vehicle at 28.7 s" in result.findings[1]
    assert "before it was seen" in result.findings[1]


def test_the_demo_says_what_happens_in_its_clip() -> None:
    with (FILES / "events.csv").open(newline="") as stream:
        assert [row["kind"] for row in csv.DictReader(stream)] == ["running", "vehicle", "fall"]
