"""A run from source to event: what it scores, when it ends, what it refuses."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import onnx
import onnx.parser
import pytest
from tests.support.footage import quiet_frames, with_block, write_video
from tests.support.runs import Notes
from tests.support.tiny_bundle import STEP_GRAPH, MakeBundle

from vad_edge.bundle.archive import Bundle
from vad_edge.config.site import BrokerConfig, CameraConfig, SensorConfig, SiteConfig
from vad_edge.errors import BundleError, ConfigError, SourceError
from vad_edge.events.incidents import Incidents
from vad_edge.events.store import EventStore
from vad_edge.report.observer import FrameResult
from vad_edge.runtime.assembly import common_start
from vad_edge.runtime.settings import RunSummary

DOOR = SensorConfig(name="door", topic="door", kind="binary")


def test_a_block_opens_an_incident_that_clears_when_it_is_gone(
    go: Callable[..., RunSummary], tmp_path: Path
) -> None:
    clip = write_video(tmp_path / "clip.mkv", with_block(quiet_frames(80, seed=1), 40, 50))
    notes = Notes()

    summary = go(clip, notes=notes)

    assert notes.events[0].kind == "opened"
    assert notes.events[-1].kind == "cleared"
    assert 3.9 <= notes.events[0].time_s <= 4.5
    assert {event.incident for event in notes.events} == {notes.events[0].incident}
    assert {event.time_synced for event in notes.events} == {None}
    assert (summary.frames, summary.scored, summary.incidents) == (80, 80, 1)
    assert len(notes.results) == 80
    assert notes.closed == 1
    with contextlib.closing(EventStore(tmp_path / "out" / "events.db")) as store:
        assert [event.id for event in store.events()] == [event.id for event in notes.events]


def test_the_region_of_an_event_lies_where_the_block_is(
    go: Callable[..., RunSummary], tmp_path: Path
) -> None:
    clip = write_video(tmp_path / "clip.mkv", with_block(quiet_frames(60, seed=1), 40, 59))
    notes = Notes()

    go(clip, notes=notes)

    region = notes.events[0].regions[0]
    assert region.x < 18 < region.x + region.width
    assert region.y <= 24 < region.y + region.height


def test_recordings_go_in_lockstep_and_the_longer_one_goes_on_alone(
    go: Callable[..., RunSummary], tmp_path: Path
) -> None:
    short = write_video(tmp_path / "short.mkv", quiet_frames(20, seed=1))
    long = write_video(tmp_path / "long.mkv", with_block(quiet_frames(60, seed=2), 40, 50))
    notes = Notes()

    summary = go(short, long, notes=notes)

    assert [result.camera for result in notes.results[:4]] == ["camera0", "camera1"] * 2
    assert summary.frames == 80
    assert {event.camera for event in notes.events} == {"camera1"}


def test_a_source_of_twice_the_rate_is_scored_every_second_frame(
    go: Callable[..., RunSummary], tmp_path: Path
) -> None:
    clip = write_video(tmp_path / "clip.mkv", quiet_frames(60, seed=1), fps=20.0)
    notes = Notes()

    summary = go(clip, notes=notes)

    assert (summary.frames, summary.scored, summary.skipped) == (60, 30, 30)
    assert len(notes.results) == 60


def test_a_run_ends_when_it_is_stopped(go: Callable[..., RunSummary], tmp_path: Path) -> None:
    clip = write_video(tmp_path / "clip.mkv", quiet_frames(60, seed=1))
    stop = threading.Event()
    notes = Notes(at=lambda result: stop.set() if result.frame.index == 10 else None)

    summary = go(clip, notes=notes, stop=stop)

    assert summary.frames < 15
    assert notes.closed == 1


def test_a_run_ends_after_its_duration_in_media_time(go: Callable[..., RunSummary], tmp_path: Path) -> None:
    clip = write_video(tmp_path / "clip.mkv", quiet_frames(60, seed=1))

    assert go(clip, notes=Notes(), duration_s=2.0).frames == 21


def test_an_observer_that_fails_is_left_behind_and_named(
    go: Callable[..., RunSummary], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def stumble(result: FrameResult) -> None:
        raise OSError("disk full")

    clip = write_video(tmp_path / "clip.mkv", quiet_frames(20, seed=1))
    notes = Notes(at=stumble)

    summary = go(clip, notes=notes)

    assert summary.frames == 20
    assert summary.problems == ("Notes failed: disk full",)
    assert "gets nothing more of this run" in caplog.text


def test_a_truncated_file_is_scored_as_far_as_it_goes_and_named(
    go: Callable[..., RunSummary], tmp_path: Path
) -> None:
    whole = write_video(tmp_path / "whole.avi", quiet_frames(60, seed=1))
    cut = tmp_path / "cut.avi"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    notes = Notes()

    summary = go(cut, notes=notes)

    assert 10 < summary.frames < 50
    assert "cut.avi ends after" in summary.problems[0]
    assert "truncated" in summary.problems[0]
    assert ("source_truncated", "camera0") in notes.codes()


def test_no_finite_score_drops_the_frame_and_is_counted(
    make_bundle: MakeBundle, calibrated_bundle: Bundle, tmp_path: Path, go: Callable[..., RunSummary]
) -> None:
    # The square root of a negative number.
    graph = STEP_GRAPH.replace("float start", "float offset = {1.0}, float start")
    graph = graph.replace(
        "error_map = Mul (map, weight)",
        "weighted = Mul (map, weight)\n  negative = Sub (weighted, offset)\n  error_map = Sqrt (negative)",
    )
    broken = make_bundle(
        graph=onnx.parser.parse_model(graph).SerializeToString(),
        calibration=calibrated_bundle.graph().calibration,
    )
    clip = write_video(tmp_path / "clip.mkv", quiet_frames(20, seed=1))
    notes = Notes()

    summary = go(clip, notes=notes, bundle=broken)

    assert (summary.frames, summary.scored, summary.invalid) == (20, 0, 20)
    assert notes.codes() == [("model_not_finite", "camera0")]
    assert all(result.scored is not None and result.scored.scores is None for result in notes.results)


def test_a_black_camera_is_a_condition_that_ends(go: Callable[..., RunSummary], tmp_path: Path) -> None:
    frames = quiet_frames(60, seed=1)
    for number in range(20, 30):
        frames[number][:] = 0
    notes = Notes()

    summary = go(write_video(tmp_path / "clip.mkv", frames), notes=notes)

    assert summary.invalid == 10
    states = [(event.code, event.state) for event in notes.conditions]
    assert states == [("frame_black", "raised"), ("frame_black", "cleared")]
    assert notes.conditions[0].params == {"level": 12.0}


def test_a_recording_slower_than_the_model_is_told(go: Callable[..., RunSummary], tmp_path: Path) -> None:
    clip = write_video(tmp_path / "clip.mkv", quiet_frames(20, seed=1), fps=5.0)
    notes = Notes()

    go(clip, notes=notes)

    (condition,) = notes.conditions
    assert condition.code == "slow_source"
    assert condition.message == "the source gives 5 frames a second, the model expects 10"


def test_a_missing_video_of_the_only_camera_ends_the_run_before_it_begins(
    go: Callable[..., RunSummary], tmp_path: Path
) -> None:
    notes = Notes()
    with pytest.raises(SourceError, match="no such file"):
        go(tmp_path / "missing.mkv", notes=notes)
    assert notes.closed == 1


def test_a_recording_and_a_camera_that_is_gone_do_not_mix(
    go: Callable[..., RunSummary], tmp_path: Path
) -> None:
    clip = write_video(tmp_path / "clip.mkv", quiet_frames(20, seed=1))
    with pytest.raises(SourceError, match=r"camera1: it cannot be opened, .* and camera0 is a recording"):
        go(clip, "97", notes=Notes())


def test_a_source_of_another_shape_than_the_model_s_is_told_once(
    go: Callable[..., RunSummary], tmp_path: Path
) -> None:
    clip = write_video(tmp_path / "upright.mkv", quiet_frames(20, height=64, width=48))
    notes = Notes()

    go(clip, notes=notes)

    (condition,) = notes.conditions
    assert (condition.code, condition.subject) == ("squeezed_source", "camera0")
    assert condition.message.startswith("its pictures, 48x64, are squeezed into the model's 48x32")
    assert condition.params == {"width": 48, "height": 64, "model_width": 48, "model_height": 32}


def test_a_bundle_without_calibration_is_refused(
    go: Callable[..., RunSummary], make_bundle: MakeBundle, tmp_path: Path
) -> None:
    clip = write_video(tmp_path / "clip.mkv", quiet_frames(20, seed=1))
    with pytest.raises(BundleError, match="fp32 graph has no calibration, and the camera has no pack"):
        go(clip, notes=Notes(), bundle=make_bundle())


def test_a_site_with_nothing_in_it_is_refused(go: Callable[..., RunSummary]) -> None:
    with pytest.raises(ConfigError, match="neither camera nor sensor"):
        go(notes=Notes(), site=SiteConfig())


def test_sensors_alone_without_a_broker_are_refused(go: Callable[..., RunSummary]) -> None:
    with pytest.raises(ConfigError, match=r"no sensor is heard \(door\), and there is no camera; give --bro"):
        go(notes=Notes(), site=SiteConfig(sensor=(DOOR,)), bundle=None, duration_s=0.5)


@pytest.mark.parametrize("url", ["none", "embedded"])
def test_sensors_beside_a_camera_are_said_to_be_unheard_where_there_is_no_broker(
    go: Callable[..., RunSummary], tmp_path: Path, url: str
) -> None:
    clip = write_video(tmp_path / "clip.mkv", quiet_frames(20, seed=1))
    camera = CameraConfig(name="camera0", source=str(clip))
    notes = Notes()

    summary = go(notes=notes, site=SiteConfig(camera=(camera,), sensor=(DOOR,), broker=BrokerConfig(url=url)))

    assert summary.scored == 20
    assert notes.codes() == ([("sensors_unheard", "sensors")] if url == "none" else [])


def test_live_cameras_that_are_gone_leave_the_others_and_their_sensors_running(
    go: Callable[..., RunSummary], calibrated_bundle: Bundle
) -> None:
    cameras = (CameraConfig(name="left", source=97), CameraConfig(name="right", source=98))
    notes = Notes()

    summary = go(notes=notes, site=SiteConfig(camera=cameras), duration_s=0.6)

    assert summary.frames == 0
    assert notes.codes()[:2] == [("camera_lost", "left"), ("camera_lost", "right")]
    assert "no such device /dev/video97" in notes.conditions[0].message
    assert [problem.partition(":")[0] for problem in summary.problems] == [
        "camera left is lost",
        "camera right is lost",
    ]


def test_a_site_of_sensors_alone_runs_without_a_model_and_keeps_what_it_learns(
    go: Callable[..., RunSummary], tmp_path: Path
) -> None:
    site = SiteConfig(sensor=(DOOR,), broker=BrokerConfig(url="embedded"))
    notes = Notes()

    summary = go(notes=notes, site=site, bundle=None, duration_s=0.5)

    assert (summary.frames, summary.events, summary.problems) == (0, 0, ())
    assert notes.closed == 1
    assert json.loads((tmp_path / "out" / "sensors.json").read_text())["content"]["door"]["kind"] == "binary"


def test_an_incident_a_killed_run_left_open_is_closed_by_the_next_run(
    go: Callable[..., RunSummary], tmp_path: Path
) -> None:
    block = write_video(tmp_path / "block.mkv", with_block(quiet_frames(60, seed=1), 40, 59))
    go(block, notes=Notes())
    with contextlib.closing(EventStore(tmp_path / "out" / "events.db")) as store:
        assert Incidents(store.database).find()[0].closed is None

    go(write_video(tmp_path / "quiet.mkv", quiet_frames(20, seed=1)), notes=Notes())

    with contextlib.closing(EventStore(tmp_path / "out" / "events.db")) as store:
        assert Incidents(store.database).find()[0].ending == "interrupted"


def test_a_device_whose_disk_is_gone_still_warns(
    go: Callable[..., RunSummary], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "state"
    blocked.write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(blocked))
    clip = write_video(tmp_path / "clip.mkv", with_block(quiet_frames(80, seed=1), 40, 50))
    notes = Notes()

    summary = go(clip, notes=notes, output=None)

    assert summary.incidents == 1
    assert [event.durable for event in notes.events] == [False] * len(notes.events)
    assert ("store_failed", "store") in notes.codes()


def test_events_of_a_recording_carry_the_time_of_day_it_was_made_at(
    go: Callable[..., RunSummary], tmp_path: Path
) -> None:
    clip = write_video(tmp_path / "20240101T120000Z.mkv", with_block(quiet_frames(60), 20, 35))
    notes = Notes()
    go(clip, notes=notes)
    assert notes.events
    for event in notes.events:
        assert event.time == datetime(2024, 1, 1, 12, tzinfo=timezone.utc) + timedelta(seconds=event.time_s)
        assert event.time_synced is None


def test_recordings_of_different_days_beside_each_other_have_no_time_of_day() -> None:
    noon = datetime(2024, 1, 1, 12, tzinfo=timezone.utc)
    assert common_start([noon, noon]) == noon
    assert common_start([noon, noon + timedelta(days=1)]) is None
    assert common_start([noon, None]) is None
