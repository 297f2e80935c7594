from __future__ import annotations

import csv
import io
import json
import logging
import threading
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import cv2
import numpy as np
import pytest
from rich.console import Console
from tests.support.events import an_event
from tests.support.footage import quiet_frames, with_block
from tests.support.small_disk import fill

from vad_edge.config.site import PolicyConfig
from vad_edge.errors import OutputError
from vad_edge.events.event import Event
from vad_edge.fusion.fuse import Risk
from vad_edge.fusion.machine import Level
from vad_edge.health.board import HealthEvent
from vad_edge.health.conditions import Condition
from vad_edge.pipeline import ScoredFrame
from vad_edge.report import annotated
from vad_edge.report.annotated import AnnotatedVideo
from vad_edge.report.drawing import Caption, annotate, canvas_size, sensor_text
from vad_edge.report.events_log import EventLines, EventsFile
from vad_edge.report.live import LiveTable, LogLines
from vad_edge.report.observer import FrameResult, Observer
from vad_edge.report.scores import ScoresCsv
from vad_edge.report.timeline import MOST_POINTS, Timeline
from vad_edge.scoring.regions import Region
from vad_edge.scoring.scorer import Surprise
from vad_edge.sensors.stream import StreamView
from vad_edge.video.frame import Frame
from vad_edge.video.validity import Validity

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)
DOOR = StreamView(name="door", kind="binary", unit="", value=1.0, surprise=2.5, status="ok")
SOUND = StreamView(name="sound", kind="analog", unit="dB", value=48.25, surprise=0.2, status="ok")


def results(count: int = 40, camera: str = "front") -> list[FrameResult]:
    """Ten frames a second: the first still warming up, every third skipped, an alarm in the middle."""
    made = []
    for number, image in enumerate(with_block(quiet_frames(count), count // 2, count // 2 + 5)):
        time_s = number / 10
        frame = Frame(number, time_s, image)
        alarm = count // 2 <= number <= count // 2 + 5
        surprise = Surprise(time_s, 5.0 if alarm else 0.3, {"mean": 1.0, "peak": 4.0 if alarm else 0.1})
        heat = np.full((4, 6), 0.1, np.float32)
        heat[1:3, 1:3] += 3.0 * alarm
        warm = number > 0
        scored = ScoredFrame(
            frame, Validity(True), warm, {"mean": 0.25, "peak": 0.5}, surprise if warm else None, heat
        )
        made.append(
            FrameResult(
                camera=camera,
                frame=frame,
                scored=None if number % 3 == 2 else scored,
                fused=Risk(time_s, 5.0 if alarm else 0.4, {"peak": 4.0, "door": 1.0}) if warm else None,
                level=Level.ALARM if alarm else Level.NORMAL,
                sensors=(DOOR, SOUND),
                counters={"dropped": 3},
            )
        )
    return made


def event(camera: str = "front") -> Event:
    return an_event(
        camera=camera,
        time=NOW,
        time_s=2.0,
        since=NOW,
        cues={"peak": 4.0},
        shares={"peak": 4.0, "door": 1.0},
        rarity="video rare",
    )


def show(observer: Observer, seen: list[FrameResult]) -> None:
    for result in seen:
        observer.on_frame(result)
    observer.on_event(event())
    observer.on_condition(HealthEvent(Condition.CAMERA_LOST, "front", "raised", "no frame came", NOW))
    observer.close()


def test_every_frame_has_a_row_of_scores_empty_while_there_are_none(tmp_path: Path) -> None:
    show(ScoresCsv(tmp_path, ["front"], ["mean", "peak"]), results())
    with (tmp_path / "scores.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["frame"] for row in rows] == [str(number) for number in range(40)]
    assert rows[0] == {
        "frame": "0", "time_s": "0.000", "score_mean": "", "score_peak": "", "surprise": "", "risk": "",
        "level": "normal",
    }  # fmt: skip
    assert (rows[2]["score_mean"], rows[2]["surprise"], rows[2]["risk"]) == ("", "", "0.4")
    assert (rows[21]["score_peak"], rows[21]["surprise"], rows[21]["level"]) == ("0.5", "5", "alarm")


def test_several_cameras_have_a_file_each(tmp_path: Path) -> None:
    scores = ScoresCsv(tmp_path, ["front", "back"], ["mean", "peak"])
    show(scores, results(12, "front")[:3] + results(12, "back")[:2])
    assert len((tmp_path / "scores-front.csv").read_text().splitlines()) == 4
    assert len((tmp_path / "scores-back.csv").read_text().splitlines()) == 3


def test_events_are_lines_of_json_written_at_once(tmp_path: Path) -> None:
    stream = io.StringIO()
    EventLines(stream).on_event(event())
    assert json.loads(stream.getvalue())["data"]["level"] == "alarm"
    file = EventsFile(tmp_path / "deep" / "events.jsonl")
    file.on_event(event())
    assert (tmp_path / "deep" / "events.jsonl").read_text() == stream.getvalue()
    show(file, [])


@pytest.mark.parametrize("tail", ["", '{"id": "torn', '{"id": "nul\0\0'])
def test_events_go_on_after_those_of_earlier_runs_and_a_torn_line_is_ended(tmp_path: Path, tail: str) -> None:
    path = tmp_path / "events.jsonl"
    for _ in range(2):
        show(EventsFile(path), [])
    path.write_text(path.read_text() + tail)
    show(EventsFile(path), [])
    lines = path.read_text().splitlines()
    whole = [line for line in lines if line != tail]
    assert [json.loads(line)["data"]["level"] for line in whole] == ["alarm"] * 3
    assert lines.count(tail) == bool(tail)


def test_a_run_without_a_frame_leaves_no_scores(tmp_path: Path) -> None:
    show(ScoresCsv(tmp_path, ["front"], ["mean"]), [])
    assert list(tmp_path.iterdir()) == []


def test_the_annotated_video_has_every_frame_and_the_worst_one_as_a_picture(tmp_path: Path) -> None:
    show(AnnotatedVideo(tmp_path, ["front"], note="test"), results())
    capture = cv2.VideoCapture(str(tmp_path / "annotated.mp4"))
    frames = []
    while (read := capture.read())[0]:
        frames.append(read[1])
    assert len(frames) == 40
    assert frames[0].shape[1::-1] == canvas_size(64, 48, 2)
    still = cv2.imread(str(tmp_path / "annotated.png"))
    assert still is not None
    red = (still[..., 2].astype(int) - still[..., 1] > 100).mean()
    assert red > 0.02


def test_a_drawing_that_fails_reaches_the_run_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "annotated.mp4").mkdir()
    video = AnnotatedVideo(tmp_path, ["front"])
    with pytest.raises(
        Exception,
        match=r"at least 40 of 40 frames are not in it: .*mp4: cannot .* Is a directory",
    ):
        show(video, results())


class StuckFilm:
    """A film that takes a picture only when it may."""

    path = Path("annotated.mp4")

    def __init__(self) -> None:
        self.may = threading.Semaphore(0)
        self.times: list[float] = []

    def write(self, image: np.ndarray, time_s: float) -> None:
        self.may.acquire()
        self.times.append(time_s)

    def close(self) -> None:
        pass

    def abandon(self) -> None:
        pass


def test_a_live_run_does_not_wait_for_drawing_and_says_what_was_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = StuckFilm()
    monkeypatch.setattr(annotated, "open_film", lambda stem, size: film)
    video = AnnotatedVideo(tmp_path, ["front"])
    video.begin(live=True)
    for result in results():
        video.on_frame(result)
    assert film.times == []
    film.may.release(40)
    video.close()
    left_out = 40 - len(film.times)
    assert left_out >= 40 - annotated.QUEUE_FRAMES - 1
    assert video.remark.startswith(f"annotated.mp4: {left_out} of 40 frames were not drawn")
    assert video.problem == ""


def test_a_recording_waits_for_drawing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    film = StuckFilm()
    monkeypatch.setattr(annotated, "open_film", lambda stem, size: film)
    video = AnnotatedVideo(tmp_path, ["front"])
    video.begin(live=False)
    film.may.release(40)
    show(video, results())
    assert film.times == [number / 10 for number in range(40)]
    assert video.remark == ""


def test_a_large_picture_is_drawn_smaller() -> None:
    width, height = canvas_size(3840, 2160, 0)
    assert width == 960
    image = np.zeros((2160, 3840, 3), np.uint8)
    caption = Caption("front", 1.0, Level.ALARM, None, ())
    picture = annotate(image, None, (0, 1), (Region(0, 0, 1920, 1080, 1.0),), caption)
    assert picture.shape == (height, width, 3)
    assert picture[270, 300].any()
    assert not picture[200, 300].any()


def test_rows_and_events_that_a_full_disk_does_not_take_are_counted(small_disk: Path) -> None:
    scores, events = ScoresCsv(small_disk, ["front"], ["mean"]), EventsFile(small_disk / "events.jsonl")
    for result in results()[:10]:
        scores.on_frame(result)
    events.on_event(event())
    filler = fill(small_disk)
    long = replace(event(), rarity="r" * 8000)
    for result in results() * 10:
        scores.on_frame(result)
        events.on_event(long)
    assert scores.problem.endswith("lines could not be written: No space left on device")
    assert events.problem.endswith("of 401 lines could not be written: No space left on device")
    filler.unlink()
    scores.on_frame(results()[0])
    events.on_event(event())
    assert (scores.problem, events.problem) == ("", "")
    with pytest.raises(OutputError, match=r"scores\.csv: \d+ of 412 lines could not be written: No space"):
        scores.close()
    with pytest.raises(OutputError, match=r"events\.jsonl: \d+ of 402 lines could not be written: No space"):
        events.close()
    with (small_disk / "scores.csv").open(newline="") as stream:
        assert {len(row) for row in csv.reader(stream)} == {6}
    kept = [json.loads(line) for line in (small_disk / "events.jsonl").read_text().splitlines()]
    assert kept[0]["data"]["rarity"] == kept[-1]["data"]["rarity"] == "video rare"


def test_a_row_is_in_the_file_at_once(tmp_path: Path) -> None:
    scores = ScoresCsv(tmp_path, ["front"], ["mean"])
    scores.on_frame(results()[0])
    assert len((tmp_path / "scores.csv").read_text().splitlines()) == 2
    scores.close()


def test_heat_shows_where_the_error_is_and_regions_only_above_normal() -> None:
    image = np.full((120, 160, 3), 100, np.uint8)
    heat = np.zeros((6, 8), np.float32)
    heat[1:3, 5:7] = 4.0
    region = (Region(100, 20, 40, 40, 4.0),)
    calm = annotate(image, heat, (1.0, 4.0), region, Caption("front", 1.0, Level.NORMAL, None, ()))
    alarm = annotate(image, heat, (1.0, 4.0), region, Caption("front", 1.0, Level.ALARM, None, ()))
    warm = np.abs(calm[:480].astype(int) - 100).sum(axis=2)
    assert warm[160, 480] > 40
    assert warm[400, 100] == 0
    edge = alarm[80, 400:560].astype(int)
    assert (edge[:, 2] - edge[:, 1] > 100).any()
    assert not (calm[80, 400:560, 2].astype(int) - calm[80, 400:560, 1] > 100).any()


@pytest.mark.parametrize(
    ("view", "text"),
    [
        (DOOR, "on"),
        (SOUND, "48.2 dB"),
        (StreamView(name="pir", kind="binary", unit="", value=0.0, surprise=0.0, status="ok"), "off"),
        (StreamView(name="pir", kind="binary", unit="", value=0.0, surprise=0.0, status="stale"), "stale"),
        (
            StreamView(name="pir", kind="binary", unit="", value=None, surprise=0.0, status="waiting"),
            "waiting",
        ),
    ],
)
def test_a_sensor_is_shown_as_people_read_it(view: StreamView, text: str) -> None:
    assert sensor_text(view) == text


def test_the_timeline_is_a_picture_for_each_camera_with_frames(tmp_path: Path) -> None:
    policies = {"front": PolicyConfig(), "back": PolicyConfig(), "dead": PolicyConfig()}
    timeline = Timeline(tmp_path, policies, truth=[(2.0, 2.5, "block")])
    show(timeline, results(40, "front") + results(40, "back"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["timeline-back.png", "timeline-front.png"]
    assert cv2.imread(str(tmp_path / "timeline-front.png")).shape[1] > 1000  # type: ignore[union-attr]


def test_the_timeline_of_a_long_run_stays_small(tmp_path: Path) -> None:
    timeline = Timeline(tmp_path, {"front": PolicyConfig()})
    seen = results(60)
    for _ in range(5 * MOST_POINTS // 60):
        for result in seen:
            timeline.on_frame(result)
    assert len(timeline._tracks["front"].times) <= MOST_POINTS


def test_a_terminal_shows_cameras_sensors_and_news() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=120, color_system=None)
    table = LiveTable(console)
    show(table, results(30))
    console.file = io.StringIO()
    console.print(table._render())
    text = console.file.getvalue()
    assert "front" in text
    assert "2.9 s" in text
    assert "door: on   sound: 48.2 dB" in text
    assert "front: normal -> alarm, video rare" in text
    assert "camera_lost no frame came. Check power, cable and network." in text


def test_elsewhere_a_run_is_log_lines(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "vad_edge.run"):
        show(LogLines(), results(12))
    assert caplog.messages == [
        "front: opened, normal -> alarm at 2.0 s, risk 5.00 (peak 4.00, door 1.00), video rare",
        f"front: camera_lost: no frame came. {Condition.CAMERA_LOST.about.fix}",
    ]


def test_a_status_line_counts_its_own_camera(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = iter(number / 2 for number in range(100))
    monkeypatch.setattr("vad_edge.report.live.time.monotonic", lambda: next(now))
    lines = LogLines()
    with caplog.at_level(logging.INFO, "vad_edge.run"):
        for front, back in zip(results(24, "front"), results(24, "back"), strict=True):
            lines.on_frame(front)
            lines.on_frame(back)
    assert caplog.messages[:2] == [
        "front: 1.1 frames/s, risk 0.40, normal, 3 dropped",
        "back: 1.1 frames/s, risk 0.40, normal, 3 dropped",
    ]


def test_a_full_disk_ends_the_video_with_one_error(small_disk: Path) -> None:
    fill(small_disk)
    with pytest.raises(OutputError, match=r"of 40 frames are not in it: .*No space left on device"):
        show(AnnotatedVideo(small_disk, ["front"]), results())
