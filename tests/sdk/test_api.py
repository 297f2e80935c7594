"""The public API: its names, and what a program can do with nothing else."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.footage import quiet_frames, with_block, write_video

import vad_edge
from vad_edge.bundle.archive import Bundle

NAMES = """
BridgeError BrokerError BundleError ConfigError DataError DeviceError EngineError Event EventStore Frame Level
MissingExtraError Observer OutputError PluginError PushedSensor RunSummary Running SensorError SourceError
StoreError VadEdgeError Watch __version__ calibrate load_bundle load_site score
"""
MEMBERS = {
    "Watch": "add_source from_site on_condition on_event on_frame run sensor start stop",
    "Running": "done stop wait",
    "PushedSensor": "bind name push",
    "Observer": "begin close name on_condition on_event on_frame problem remark",
    "Frame": "camera counters events frame fused heat image index invalid level risk scored scores sensors"
    " surprise time_s",
}

Clip = Callable[..., Path]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Twelve seconds with something unusual from the fourth to the fifth."""
    return write_video(tmp_path / "clip.mkv", with_block(quiet_frames(120, seed=1), 40, 50))


@pytest.fixture
def watch(clip: Path, calibrated_bundle: Bundle, tmp_path: Path) -> vad_edge.Watch:
    return vad_edge.Watch(clip, bundle=calibrated_bundle, store=tmp_path / "store")


def test_the_public_names_are_these() -> None:
    assert sorted(vad_edge.__all__) == NAMES.split()
    for name in vad_edge.__all__:
        assert getattr(vad_edge, name) is not None
    for name, members in MEMBERS.items():
        public = [member for member in dir(getattr(vad_edge, name)) if not member.startswith("_")]
        assert public == sorted(members.split()), name


def test_importing_the_package_loads_nothing_heavy() -> None:
    program = "import sys, vad_edge; print({'numpy', 'cv2', 'pydantic', 'onnxruntime'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Wach'"):
        vad_edge.Wach  # noqa: B018


def test_functions_are_called_with_frames_events_and_in_order(watch: vad_edge.Watch) -> None:
    frames: list[vad_edge.Frame] = []
    events: list[vad_edge.Event] = []
    threads: set[str] = set()

    @watch.on_event
    def tell(event: vad_edge.Event) -> None:
        events.append(event)
        threads.add(threading.current_thread().name)

    watch.on_frame(frames.append)
    summary = watch.run()
    assert summary.frames == 120
    assert [frame.index for frame in frames] == list(range(120))
    assert (events[0].kind, events[-1].kind) == ("opened", "cleared")
    assert max(event.level for event in events) is vad_edge.Level.ALARM
    assert threads == {"callbacks"}
    highest = max(frames, key=lambda frame: frame.risk or 0.0)
    assert 4.0 <= highest.time_s < 6.0


def test_what_was_told_is_in_the_store(watch: vad_edge.Watch, tmp_path: Path) -> None:
    events: list[vad_edge.Event] = []
    watch.on_event(events.append)
    watch.run()
    store = vad_edge.EventStore(tmp_path / "store" / "events.db", repair=False)
    assert store.events() == events
    store.close()


def test_a_pushed_sensor_joins_the_risk_without_a_broker(
    clip: Path, calibrated_bundle: Bundle, tmp_path: Path
) -> None:
    watch = vad_edge.Watch(clip, bundle=calibrated_bundle, store=tmp_path / "store")
    door = watch.sensor("door", kind="binary")
    door.push(False, time_s=0.0)
    door.push(True, time_s=2.0)
    frames: list[vad_edge.Frame] = []
    watch.on_frame(frames.append)
    watch.run()
    values = {frame.time_s: frame.sensors[0].value for frame in frames}
    assert (values[1.0], values[3.0]) == (0.0, 1.0)
    assert any("door" in frame.fused.shares for frame in frames if frame.fused is not None)
    door.push(False)  # the run is over: it waits for the next one


def test_a_sensor_of_the_site_file_can_be_pushed_too(
    clip: Path, calibrated_bundle: Bundle, tmp_path: Path
) -> None:
    path = tmp_path / "site.toml"
    path.write_text(
        f'[[camera]]\nname = "hall"\nsource = "{clip}"\n'
        '[[sensor]]\nname = "door"\ntopic = "home/door"\nkind = "binary"\n'
    )
    watch = vad_edge.Watch.from_site(path, bundle=calibrated_bundle, store=tmp_path / "store")
    watch.sensor("door").push("open", time_s=0.0)
    frames: list[vad_edge.Frame] = []
    watch.on_frame(frames.append)
    watch.run()
    assert frames[-1].camera == "hall"
    assert frames[-1].sensors[0].value == 1.0
    with pytest.raises(vad_edge.ConfigError, match="declares it already"):
        vad_edge.Watch.from_site(path).sensor("door", kind="analog")


def test_a_run_in_the_background_ends_when_it_is_told_to(calibrated_bundle: Bundle, tmp_path: Path) -> None:
    slow = write_video(tmp_path / "long.mkv", quiet_frames(400, seed=2))
    watch = vad_edge.Watch(slow, bundle=calibrated_bundle, store=tmp_path / "store")
    seen = threading.Event()

    @watch.on_frame
    def first(frame: vad_edge.Frame) -> None:
        seen.set()
        time.sleep(0.01)

    with watch.start() as running:
        assert seen.wait(30)
        assert not running.done
        running.stop()
        summary = running.wait()
    assert running.done
    assert summary is not None
    assert summary.frames < 400


def test_start_raises_what_cannot_begin(calibrated_bundle: Bundle, tmp_path: Path) -> None:
    watch = vad_edge.Watch(tmp_path / "nothing.mkv", bundle=calibrated_bundle, store=tmp_path / "store")
    with pytest.raises(vad_edge.SourceError, match=r"nothing\.mkv"):
        watch.start()


def test_a_callback_may_stop_the_run_and_may_not_wait_for_it(watch: vad_edge.Watch) -> None:
    refused: list[str] = []

    @watch.on_frame
    def stop_at_ten(frame: vad_edge.Frame) -> None:
        if frame.index == 10:
            watch.stop()
            try:
                watch.run()
            except RuntimeError as error:
                refused.append(str(error))

    summary = watch.run()
    assert summary.frames < 120
    assert refused == ["a callback cannot wait for the run that calls it; use stop()"]


def test_a_callback_that_fails_is_named_and_called_again(watch: vad_edge.Watch) -> None:
    called: list[int] = []
    changes = []

    @watch.on_frame
    def fail(frame: vad_edge.Frame) -> None:
        called.append(frame.index)
        raise ValueError("no such lamp")

    watch.on_condition(changes.append)
    watch.run()
    assert called == list(range(120))
    (change,) = [each for each in changes if each.code == "observer_behind"]
    assert "fail raised ValueError: no such lamp" in change.message


def test_without_a_model_the_fix_is_named(clip: Path) -> None:
    with pytest.raises(vad_edge.ConfigError, match=r"no model is given; give bundle='NAME\.vadb'"):
        vad_edge.Watch(clip).run()
    with pytest.raises(vad_edge.ConfigError, match="no model is given"):
        vad_edge.score(clip)


def test_arguments_that_cannot_be_are_refused(clip: Path) -> None:
    with pytest.raises(vad_edge.ConfigError, match=r"name: 'no/name' is not a name"):
        vad_edge.Watch(clip, camera="no/name")
    with pytest.raises(vad_edge.ConfigError, match="there are 0 cameras"):
        vad_edge.Watch(calibration="door.vadc")
    with pytest.raises(vad_edge.ConfigError, match=r"kind: .* is not allowed"):
        vad_edge.Watch(clip).sensor("door", kind="open")  # type: ignore[arg-type]


def test_scores_come_frame_by_frame_and_are_those_of_a_run(
    clip: Path, calibrated_bundle: Bundle, watch: vad_edge.Watch
) -> None:
    watched: list[vad_edge.Frame] = []
    watch.on_frame(watched.append)
    watch.run()
    scored = list(vad_edge.score(clip, bundle=calibrated_bundle))
    assert [(frame.time_s, frame.scores, frame.risk, frame.level) for frame in scored] == [
        (frame.time_s, frame.scores, frame.risk, frame.level) for frame in watched
    ]
    assert scored[0].scores is None
    assert scored[-1].scores is not None


def test_leaving_the_loop_lets_go_of_the_source(clip: Path, calibrated_bundle: Bundle) -> None:
    frames = vad_edge.score(clip, bundle=calibrated_bundle)
    assert next(frames).index == 0
    frames.close()
    assert list(frames) == []


def test_an_observer_is_called_on_the_thread_of_the_run(
    clip: Path, calibrated_bundle: Bundle, tmp_path: Path
) -> None:
    class Here(vad_edge.Observer):
        def __init__(self) -> None:
            self.threads: set[threading.Thread] = set()
            self.began = self.closed = 0

        def begin(self, *, live: bool) -> None:
            self.began += 1
            assert not live

        def on_frame(self, frame: vad_edge.Frame) -> None:
            self.threads.add(threading.current_thread())

        def close(self) -> None:
            self.closed += 1

    here = Here()
    vad_edge.Watch(clip, bundle=calibrated_bundle, store=tmp_path / "store", observers=[here]).run()
    assert here.threads == {threading.current_thread()}
    assert (here.began, here.closed) == (1, 1)


def test_a_watch_can_run_again(watch: vad_edge.Watch) -> None:
    events: list[vad_edge.Event] = []
    watch.on_event(events.append)
    assert watch.run().frames == watch.run().frames == 120
    assert len(events) % 2 == 0


def test_a_camera_is_calibrated_and_watched_at_its_levels(calibrated_bundle: Bundle, tmp_path: Path) -> None:
    images = quiet_frames(900, seed=4)
    for begin in range(30, 850, 90):
        images = with_block(images, begin, begin + 3)
    normal, pack = write_video(tmp_path / "normal.mkv", images), tmp_path / "door.vadc"
    report = vad_edge.calibrate(normal, bundle=calibrated_bundle, budget="60/hour", output=pack)
    assert report.pack.levels is not None
    watch = vad_edge.Watch(normal, bundle=calibrated_bundle, calibration=pack, store=tmp_path / "store")
    changes: list[str] = []
    watch.on_condition(lambda change: changes.append(change.code))
    assert watch.run().frames == 900
    assert "budget_not_kept" not in changes
    frames = list(vad_edge.score(normal, bundle=calibrated_bundle, calibration=pack))
    assert max(frame.risk or 0.0 for frame in frames) > 0.0
    with pytest.raises(vad_edge.ConfigError, match="nothing to learn from"):
        vad_edge.calibrate(bundle=calibrated_bundle)
