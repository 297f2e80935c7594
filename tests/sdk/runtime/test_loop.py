from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import onnx
import onnx.parser
import pytest
from tests.support.ffmpeg import Ffmpeg, RtspServer
from tests.support.footage import quiet_frames, with_block, write_video
from tests.support.room import covered, live, room
from tests.support.tiny_bundle import STEP_GRAPH, MakeBundle

from vad_edge.bundle.archive import Bundle, read_bundle, write_bundle
from vad_edge.bundle.levels import AlarmLevels
from vad_edge.bundle.pack import CameraPack, write_pack
from vad_edge.config.site import (
    CameraConfig,
    EvidenceConfig,
    PolicyConfig,
    PrivacyConfig,
    SensorConfig,
    SiteConfig,
)
from vad_edge.errors import BundleError, ConfigError, EngineError, SourceError
from vad_edge.events.event import Event
from vad_edge.events.evidence import keeper
from vad_edge.events.evidence.vault import Vault
from vad_edge.events.incidents import Incidents
from vad_edge.events.store import EventStore
from vad_edge.fusion.level import Level
from vad_edge.health.board import HealthEvent
from vad_edge.inference import select
from vad_edge.inference.engine import Engine, StepOutputs
from vad_edge.report.moment import Moment
from vad_edge.runtime import assemble
from vad_edge.runtime.loop import run
from vad_edge.runtime.settings import RunSettings, RunSummary

POLICY = PolicyConfig(watch=2, warning=3, alarm=4, smoothing_s=0.0, dwell_s=0.2, clear_s=0.5)


class Notes:
    """An observer that keeps everything; `at` is called with each moment."""

    def __init__(self, at: Callable[[Moment], None] = lambda moment: None) -> None:
        self.moments: list[Moment] = []
        self.events: list[Event] = []
        self.conditions: list[HealthEvent] = []
        self.closed = 0
        self._at = at

    def on_moment(self, moment: Moment) -> None:
        self.moments.append(moment)
        self._at(moment)

    def on_event(self, event: Event) -> None:
        self.events.append(event)

    def on_health(self, event: HealthEvent) -> None:
        self.conditions.append(event)

    def close(self) -> None:
        self.closed += 1

    def codes(self) -> list[tuple[str, str]]:
        return [(event.code, event.subject) for event in self.conditions if event.state == "raised"]


@pytest.fixture
def go(tmp_path: Path, calibrated_bundle: Bundle) -> Callable[..., RunSummary]:
    """Runs the tiny bundle over some sources."""

    def run_it(
        *sources: Path | str, notes: Notes, stop: threading.Event | None = None, **settings: object
    ) -> RunSummary:
        cameras = tuple(
            CameraConfig(name=f"camera{number}", source=str(source), policy=POLICY)
            for number, source in enumerate(sources)
        )
        given = {
            "site": SiteConfig(camera=cameras),
            "bundle": calibrated_bundle,
            "output": tmp_path / "out",
            **settings,
        }
        return run(RunSettings(**given), [notes], stop)  # type: ignore[arg-type]

    return run_it


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
    assert len(notes.moments) == 80
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

    assert [moment.camera for moment in notes.moments[:4]] == ["camera0", "camera1"] * 2
    assert summary.frames == 80
    assert {event.camera for event in notes.events} == {"camera1"}


def test_a_source_of_twice_the_rate_is_scored_every_second_frame(
    go: Callable[..., RunSummary], tmp_path: Path
) -> None:
    clip = write_video(tmp_path / "clip.mkv", quiet_frames(60, seed=1), fps=20.0)
    notes = Notes()

    summary = go(clip, notes=notes)

    assert (summary.frames, summary.scored, summary.skipped) == (60, 30, 30)
    assert len(notes.moments) == 60


def test_a_run_ends_when_it_is_stopped(go: Callable[..., RunSummary], tmp_path: Path) -> None:
    clip = write_video(tmp_path / "clip.mkv", quiet_frames(60, seed=1))
    stop = threading.Event()
    notes = Notes(at=lambda moment: stop.set() if moment.frame.index == 10 else None)

    summary = go(clip, notes=notes, stop=stop)

    assert summary.frames < 15
    assert notes.closed == 1


def test_a_run_ends_after_its_duration_in_media_time(go: Callable[..., RunSummary], tmp_path: Path) -> None:
    clip = write_video(tmp_path / "clip.mkv", quiet_frames(60, seed=1))

    assert go(clip, notes=Notes(), duration_s=2.0).frames == 21


def test_an_observer_that_fails_is_left_behind_and_named(
    go: Callable[..., RunSummary], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def stumble(moment: Moment) -> None:
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


class FailingEngine:
    """A real engine under an accelerator's name that fails from its sixth step on, as a GPU may."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._steps = 0
        self.name = "tensorrt 10.3.0 fp32"
        self.graph, self.inputs = engine.graph, engine.inputs
        self.snapshot, self.restore, self.close = engine.snapshot, engine.restore, engine.close

    def step(self) -> StepOutputs:
        self._steps += 1
        if self._steps > 5:
            raise EngineError("the GPU fell off the bus")
        return self._engine.step()


@pytest.fixture
def failing_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    def open_failing(bundle: Bundle, *, engine: str = "auto", **options: Any) -> Engine:
        opened = select.open_engine(bundle, engine="onnxruntime", **options)
        return opened if engine == "onnxruntime" else FailingEngine(opened)

    monkeypatch.setattr("vad_edge.runtime.assemble.open_engine", open_failing)


@pytest.mark.usefixtures("failing_engines")
def test_an_engine_that_fails_is_replaced_and_the_run_goes_on(
    go: Callable[..., RunSummary], tmp_path: Path
) -> None:
    clip = write_video(tmp_path / "clip.mkv", with_block(quiet_frames(40, seed=1), 30, 34))
    notes = Notes()

    summary = go(clip, clip, notes=notes)

    assert summary.scored == 80
    assert notes.codes().count(("engine_failed", "tensorrt 10.3.0 fp32")) == 1
    assert len({event.incident for event in notes.events}) == 2
    cold = [
        moment.frame.index for moment in notes.moments if moment.scored and moment.scored.surprise is None
    ]
    assert sorted(set(cold)) == [0, 5]


@pytest.mark.usefixtures("failing_engines")
def test_an_engine_that_was_asked_for_by_name_is_not_replaced(
    go: Callable[..., RunSummary], tmp_path: Path
) -> None:
    clip = write_video(tmp_path / "clip.mkv", quiet_frames(20, seed=1))
    with pytest.raises(EngineError, match="the GPU fell off the bus"):
        go(clip, notes=Notes(), engine="tensorrt")


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
    assert all(moment.scored is not None and moment.scored.scores is None for moment in notes.moments)


def test_a_black_camera_is_a_condition_that_ends(go: Callable[..., RunSummary], tmp_path: Path) -> None:
    frames = quiet_frames(60, seed=1)
    for number in range(20, 30):
        frames[number][:] = 0
    notes = Notes()

    summary = go(write_video(tmp_path / "clip.mkv", frames), notes=notes)

    assert summary.invalid == 10
    states = [(event.code, event.state) for event in notes.conditions]
    assert states == [("frame_black", "raised"), ("frame_black", "cleared")]


def test_a_recording_slower_than_the_model_is_told(go: Callable[..., RunSummary], tmp_path: Path) -> None:
    clip = write_video(tmp_path / "clip.mkv", quiet_frames(20, seed=1), fps=5.0)
    notes = Notes()

    go(clip, notes=notes)

    (condition,) = notes.conditions
    assert condition.code == "slow_source"
    assert condition.message == "the source gives 5 frames a second, the model knows 10"


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
    with pytest.raises(ConfigError, match="camera0 is a recording and camera1 is not"):
        go(clip, "97", notes=Notes())


@pytest.fixture
def pack(calibrated_bundle: Bundle, tmp_path: Path) -> Callable[..., Path]:
    """A camera pack for the tiny bundle; its alarm starts where it is told to."""

    def make(**changes: object) -> Path:
        graph = calibrated_bundle.graph()
        calibration = graph.calibration
        assert calibration is not None
        levels = AlarmLevels.model_validate(
            {
                "asked": "1/hour", "kept": "1/hour", "cameras": 1, "watch": 2.0, "warning": 3.0, "alarm": 4.0,
                "hysteresis": 0.2, "dwell_s": 0.2, "clear_s": 0.5, "cooldown_s": 0.0, "smoothing_s": 0.0,
                "persistence": (2, 3), "rates_per_hour": (10.0, 1.0), "risks": (3.0, 4.0),
                "backed_per_hour": 1.0, "armed_s": 7200.0, "needed_s": 3600.0, **changes,
            }
        )  # fmt: skip
        path = tmp_path / "camera.vadc"
        write_pack(
            path,
            CameraPack(
                camera="camera0",
                graph_sha256=calibrated_bundle.manifest.members[graph.member],
                precision=graph.precision,
                fps=10.0,
                calibration=calibration,
                levels=levels,
                created="2026-01-01T00:00:00+00:00",
            ),
        )
        return path

    return make


def with_pack(clip: Path, pack: Path) -> SiteConfig:
    camera = CameraConfig(name="camera0", source=str(clip), policy=POLICY, calibration=pack)
    return SiteConfig(camera=(camera,))


def test_a_pack_s_levels_take_the_place_of_the_site_file_s(
    go: Callable[..., RunSummary], pack: Callable[..., Path], tmp_path: Path
) -> None:
    clip = write_video(tmp_path / "clip.mkv", with_block(quiet_frames(80, seed=1), 40, 50))
    heard, unheard = Notes(), Notes()

    go(notes=heard, site=with_pack(clip, pack()))
    go(notes=unheard, site=with_pack(clip, pack(watch=500.0, warning=600.0, alarm=700.0)))

    assert [event.kind for event in heard.events] == ["opened", "lowered", "cleared"]
    assert heard.events[0].level is Level.ALARM
    assert unheard.events == []


@pytest.mark.usefixtures("failing_engines")
def test_an_engine_with_the_same_graph_keeps_the_pack_s_levels(
    go: Callable[..., RunSummary], pack: Callable[..., Path], tmp_path: Path
) -> None:
    clip = write_video(tmp_path / "clip.mkv", with_block(quiet_frames(80, seed=1), 40, 50))
    notes = Notes()

    go(notes=notes, site=with_pack(clip, pack(watch=500.0, warning=600.0, alarm=700.0)))

    assert notes.codes() == [("engine_failed", "tensorrt 10.3.0 fp32")]
    assert notes.events == []


@pytest.fixture
def two_graphs(calibrated_bundle: Bundle, tmp_path: Path) -> Bundle:
    """The tiny bundle with the same model once more, as its INT8 graph."""
    graph = calibrated_bundle.graph()
    model = onnx.load_model_from_string(calibrated_bundle.member(graph.member))
    model.producer_name = "another"
    twin = graph.model_copy(update={"member": "int8.onnx", "precision": "int8"})
    manifest = calibrated_bundle.manifest
    members = {name: calibrated_bundle.member(name) for name in manifest.members}
    path = tmp_path / "two.vadb"
    write_bundle(
        path,
        manifest.model_copy(update={"graphs": (*manifest.graphs, twin), "members": {}}),
        {**members, "int8.onnx": model.SerializeToString()},
    )
    return read_bundle(path)


def test_an_engine_with_another_graph_loses_the_levels_and_says_so(
    go: Callable[..., RunSummary],
    pack: Callable[..., Path],
    two_graphs: Bundle,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def open_failing(bundle: Bundle, *, engine: str = "auto", **options: Any) -> Engine:
        if engine == "auto":
            opened = select.open_engine(bundle, engine="onnxruntime", **{**options, "precision": "fp32"})
            return FailingEngine(opened)
        if options.get("precision") == "fp32":
            raise EngineError("a CPU cannot run this graph")
        return select.open_engine(bundle, engine=engine, **options)

    monkeypatch.setattr("vad_edge.runtime.assemble.open_engine", open_failing)
    clip = write_video(tmp_path / "clip.mkv", with_block(quiet_frames(80, seed=1), 40, 50))
    site = with_pack(clip, pack(watch=500.0, warning=600.0, alarm=700.0))
    notes = Notes()

    go(notes=notes, site=site, bundle=two_graphs)

    assert ("budget_not_kept", "camera0") in notes.codes()
    (text,) = [event.message for event in notes.conditions if event.code == "budget_not_kept"]
    assert "the pack's levels are for the fp32 graph and the int8 one (int8.onnx) runs" in text
    assert notes.events[0].level is Level.ALARM  # by the site file's levels


def test_a_run_that_begins_on_another_graph_of_the_bundle_goes_on_without_the_pack(
    go: Callable[..., RunSummary], pack: Callable[..., Path], two_graphs: Bundle, tmp_path: Path
) -> None:
    clip = write_video(tmp_path / "clip.mkv", quiet_frames(20, seed=1))
    site, notes = with_pack(clip, pack()), Notes()

    go(notes=notes, site=site, bundle=two_graphs)

    assert notes.codes() == [("budget_not_kept", "camera0")]
    with pytest.raises(BundleError, match="it was made for another graph"):
        go(notes=Notes(), site=site, bundle=two_graphs, precision="int8")


def test_a_stream_that_the_pack_was_made_without_adds_nothing_and_is_named(
    go: Callable[..., RunSummary], pack: Callable[..., Path], tmp_path: Path
) -> None:
    clip = write_video(tmp_path / "clip.mkv", quiet_frames(20, seed=1))
    sensor = SensorConfig(name="door", topic="door", kind="binary")
    site = with_pack(clip, pack()).model_copy(update={"sensor": (sensor,)})
    notes = Notes()

    go(notes=notes, site=site)

    (condition,) = notes.conditions
    assert (condition.code, condition.subject) == ("sensors_uncalibrated", "camera0")
    assert condition.message.startswith("door add nothing to the risk")


def test_a_flood_of_alarms_becomes_one_condition_and_all_are_stored(
    go: Callable[..., RunSummary], pack: Callable[..., Path], tmp_path: Path
) -> None:
    images = quiet_frames(15 * 40, seed=1)
    for number in range(15):
        images = with_block(images, number * 40 + 20, number * 40 + 26)
    notes = Notes()

    go(notes=notes, site=with_pack(write_video(tmp_path / "clip.mkv", images), pack()))

    assert notes.codes() == [("calibration_broken", "camera0")]
    assert "more than 10 alarms in 1 h" in notes.conditions[0].message
    with contextlib.closing(EventStore(tmp_path / "out" / "events.db")) as store:
        kept, pending = store.events(), store.pending("camera0")
    assert len({event.incident for event in kept}) == 15
    assert len({event.incident for event in pending}) == 10


def test_a_bundle_without_calibration_is_refused(
    go: Callable[..., RunSummary], make_bundle: MakeBundle, tmp_path: Path
) -> None:
    clip = write_video(tmp_path / "clip.mkv", quiet_frames(20, seed=1))
    with pytest.raises(BundleError, match="fp32 graph has no calibration, and the camera has no pack"):
        go(clip, notes=Notes(), bundle=make_bundle())


def test_a_site_with_nothing_in_it_is_refused(go: Callable[..., RunSummary]) -> None:
    with pytest.raises(ConfigError, match="neither camera nor sensor"):
        go(notes=Notes(), site=SiteConfig())


def test_live_cameras_that_are_gone_leave_the_others_and_their_sensors_running(
    go: Callable[..., RunSummary], calibrated_bundle: Bundle
) -> None:
    cameras = (CameraConfig(name="left", source=97), CameraConfig(name="right", source=98))
    notes = Notes()

    summary = go(notes=notes, site=SiteConfig(camera=cameras), duration_s=0.6)

    assert summary.frames == 0
    assert notes.codes()[:2] == [("camera_lost", "left"), ("camera_lost", "right")]
    assert "no such device /dev/video97" in notes.conditions[0].message


def test_a_site_of_sensors_alone_runs_without_a_model_and_keeps_what_it_learns(
    go: Callable[..., RunSummary], tmp_path: Path
) -> None:
    sensor = SensorConfig(name="door", topic="door", kind="binary")
    notes = Notes()

    summary = go(notes=notes, site=SiteConfig(sensor=(sensor,)), bundle=None, duration_s=0.5)

    assert (summary.frames, summary.events, summary.problems) == (0, 0, ())
    assert notes.closed == 1
    assert json.loads((tmp_path / "out" / "sensors.json").read_text())["door"]["kind"] == "binary"


FULL = PrivacyConfig(evidence="full")
LEFT_HALF = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))


def evidence_of(folder: Path) -> dict[str, Path]:
    """The evidence of a run's worst incident, by kind; H.264 adds noise of its own that may be others."""
    with contextlib.closing(EventStore(folder / "events.db")) as store:
        vault = Vault(store.database)
        incident = max(Incidents(store.database).find(), key=lambda found: found.peak_risk)
        return {file.kind: vault.path(file) for file in vault.of(incident.id)}


def test_an_incident_leaves_its_heat_map_and_nothing_of_the_picture_unless_told(
    go: Callable[..., RunSummary], tmp_path: Path
) -> None:
    clip = write_video(tmp_path / "clip.mkv", with_block(quiet_frames(80, seed=1), 40, 50))
    notes = Notes()

    go(clip, notes=notes)

    assert set(evidence_of(tmp_path / "out")) == {"heatmap"}
    assert set(notes.events[0].evidence) == {"heatmap"}


def test_evidence_in_full_shows_the_block_in_pictures_and_in_the_clip(
    go: Callable[..., RunSummary], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A recording runs faster than life: on a busy machine its frames would be dropped, as a camera's are.
    monkeypatch.setattr(keeper, "FRAMES_WAITING", 1000)
    monkeypatch.setattr(keeper, "PICTURE_WAIT_S", 10.0)
    clip = write_video(tmp_path / "clip.mkv", with_block(quiet_frames(80, seed=1), 40, 50))
    site = SiteConfig(camera=(CameraConfig(name="yard", source=str(clip), policy=POLICY),), privacy=FULL)

    go(notes=Notes(), site=site)

    found = evidence_of(tmp_path / "out")
    assert set(found) == {"before", "picture", "heatmap", "after", "clip"}
    assert cv2.imread(str(found["before"])).max() < 200
    assert cv2.imread(str(found["picture"])).max() > 240
    assert found["clip"].suffix == ".webm"
    assert cv2.VideoCapture(str(found["clip"])).read()[0]


def test_an_h264_recording_is_cut_without_encoding(
    go: Callable[..., RunSummary], ffmpeg: Ffmpeg, tmp_path: Path
) -> None:
    clip = ffmpeg.encode(tmp_path / "clip.mp4", with_block(quiet_frames(80, seed=1), 40, 50))
    site = SiteConfig(camera=(CameraConfig(name="yard", source=str(clip), policy=POLICY),), privacy=FULL)

    go(notes=Notes(), site=site)

    assert ffmpeg.codec(evidence_of(tmp_path / "out")["clip"]) == "h264"


def test_nothing_under_a_mask_leaves_the_loop_and_the_model_sees_it_all(
    go: Callable[..., RunSummary], ffmpeg: Ffmpeg, tmp_path: Path
) -> None:
    clip = ffmpeg.encode(tmp_path / "clip.mp4", with_block(quiet_frames(80, seed=1), 40, 50))
    camera = CameraConfig(name="yard", source=str(clip), policy=POLICY, privacy_masks=(LEFT_HALF,))
    shown: list[bool] = []

    def look(moment: Moment) -> None:
        shown.append(bool(moment.frame.image[:, :32].any()))
        if moment.scored is not None:
            shown.append(bool(moment.scored.frame.image[:, :32].any()))

    go(notes=Notes(at=look), site=SiteConfig(camera=(camera,), privacy=FULL))

    found = evidence_of(tmp_path / "out")
    assert shown
    assert not any(shown)
    assert cv2.imread(str(found["picture"]))[:, :28].max() < 20
    assert found["clip"].suffix == ".webm"


def test_no_evidence_is_kept_where_none_is_wanted(go: Callable[..., RunSummary], tmp_path: Path) -> None:
    clip = write_video(tmp_path / "clip.mkv", with_block(quiet_frames(80, seed=1), 40, 50))
    camera = CameraConfig(name="yard", source=str(clip), policy=POLICY)
    notes = Notes()

    go(notes=notes, site=SiteConfig(camera=(camera,), privacy=PrivacyConfig(evidence="none")))

    assert evidence_of(tmp_path / "out") == {}
    assert notes.events[0].evidence == {}


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


@pytest.mark.slow
def test_the_clip_of_a_network_camera_is_what_the_camera_sent(
    go: Callable[..., RunSummary], ffmpeg: Ffmpeg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assemble, "clock_synced", lambda: True)
    notes = Notes()
    quiet = quiet_frames(30, seed=1)
    scene = ffmpeg.encode(tmp_path / "scene.ts", [*quiet, *with_block(quiet, 0, 29)] * 3)
    server = RtspServer(scene, tmp_path, "viewer", "s3cret")
    camera = CameraConfig(name="yard", source=server.url, policy=POLICY)
    evidence = EvidenceConfig(before_s=2.0, after_s=1.0, max_clip_s=5.0)
    with contextlib.closing(server):
        summary = go(
            notes=notes,
            site=SiteConfig(camera=(camera,), privacy=FULL, evidence=evidence),
            duration_s=20.0,
        )
    assert summary.incidents > 0
    assert {event.time_synced for event in notes.events} == {True}
    clips = list((tmp_path / "out" / "evidence").glob("*/clip.mp4"))
    assert clips
    assert {ffmpeg.codec(clip) for clip in clips} == {"h264"}
    assert all(cv2.VideoCapture(str(clip)).read()[0] for clip in clips)
    assert not list((tmp_path / "out" / "evidence").glob("*/clip.webm"))


def test_a_camera_that_is_covered_raises_a_tamper_and_no_alarm(
    go: Callable[..., RunSummary], tmp_path: Path
) -> None:
    images = [live(room(height=96, width=160), number) for number in range(300)]
    for number in range(100, 230):
        images[number] = live(covered(room(height=96, width=160)), number)
    notes = Notes()

    go(write_video(tmp_path / "clip.mkv", images), notes=notes)

    began, ended = [event for event in notes.events if event.tamper]
    assert [event for event in notes.events if 9.0 < event.time_s < 23.0] == [began]
    assert [(began.kind, began.level), (ended.kind, ended.level)] == [
        ("tampered", Level.ALARM),
        ("restored", Level.NORMAL),
    ]
    assert 19.9 <= began.time_s <= 20.5
    assert ended.time_s > 23.0
    assert began.incident == ended.incident
    assert began.tamper.startswith("covered: ")
    assert ("frame_covered", "camera0") in notes.codes()
    with contextlib.closing(EventStore(tmp_path / "out" / "events.db")) as store:
        assert began in store.events()
        kept = Incidents(store.database).get(began.incident)
    assert (kept.ending, kept.peak_level) == ("cleared", Level.ALARM)


def test_a_view_that_has_changed_for_good_is_a_condition_and_scored_again(
    go: Callable[..., RunSummary], tmp_path: Path
) -> None:
    views = [room(seed, height=96, width=160) for seed in (1, 2)]
    images = [live(views[number >= 60], number) for number in range(750)]
    notes = Notes()

    go(write_video(tmp_path / "clip.mkv", images), notes=notes)

    assert {event.kind for event in notes.events if event.tamper} == {"tampered", "restored"}
    assert ("view_changed", "camera0") in notes.codes()
    scored = [moment.frame.time_s for moment in notes.moments if moment.scored and moment.scored.surprise]
    assert not [time_s for time_s in scored if 6.5 < time_s < 64.0]
    assert scored[-1] > 74.0
