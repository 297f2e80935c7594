from __future__ import annotations

import hashlib
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.support.ffmpeg import Ffmpeg
from tests.support.footage import quiet_frames

from vad_edge.config.site import EvidenceConfig, Keeping
from vad_edge.errors import StoreError
from vad_edge.events.event import Event
from vad_edge.events.store import EventStore
from vad_edge.evidence import camera as camera_module
from vad_edge.evidence.camera import CameraEvidence, Cutter, Tape
from vad_edge.evidence.files import EvidenceFile, EvidenceFiles
from vad_edge.evidence.recorder import EvidenceRecorder
from vad_edge.health.board import HealthBoard
from vad_edge.video.ffmpeg import find_ffmpeg
from vad_edge.video.frame import Frame

Story = Callable[..., list[Event]]
SETTINGS = EvidenceConfig(before_s=1.0, after_s=1.0, max_clip_s=6.0)
HEAT = np.eye(6, 8, dtype=np.float32)


class Run:
    """A run of one camera at ten frames a second, whose clock is moved by hand."""

    def __init__(self, store: EventStore, keeping: Keeping, clips: Any = True, **settings: float) -> None:
        self.now_s = 0.0
        self.health = HealthBoard()
        self.evidence_files = EvidenceFiles(store.database)
        config = SETTINGS.model_copy(update=settings)
        camera = CameraEvidence("front", keeping, config, clips)
        self.recorder = EvidenceRecorder(self.evidence_files, [camera], self.health, lambda: self.now_s)

    def watch(self, until_s: float) -> None:
        """Show frames whose grey level is ten times their second."""
        while self.now_s < until_s - 1e-6:
            self.now_s = round(self.now_s + 0.1, 1)
            image = np.full((48, 64, 3), 10 * int(self.now_s), np.uint8)
            self.recorder.offer("front", Frame(round(self.now_s * 10), self.now_s, image), HEAT)
            self._settle()

    def tell(self, event: Event) -> Event:
        """What the desk does with an event."""
        event, pictures = self.recorder.picture(event)
        self.recorder.keep(event, pictures)
        return event

    def files(self, incident: str) -> dict[str, EvidenceFile]:
        self.recorder.close()
        return {file.kind: file for file in self.evidence_files.of(incident)}

    def codes(self) -> set[str]:
        return {condition.code for condition in self.health.snapshot().conditions}

    def _settle(self) -> None:
        while not self.recorder._frames.empty():
            time.sleep(0.001)


@pytest.fixture
def run(store: EventStore) -> Iterator[Callable[..., Run]]:
    made: list[Run] = []

    def make(keeping: Keeping = "full", clips: Any = True, **settings: float) -> Run:
        made.append(Run(store, keeping, clips, **settings))
        return made[-1]

    yield make
    for one in made:
        one.recorder.close()


@pytest.fixture
def incident(story: Story) -> Callable[[Run], list[Event]]:
    """An incident that opens at 4 s, is raised at 5 s and cleared at 7 s, with two seconds more to watch."""

    def happen(one: Run) -> list[Event]:
        opened, raised, lowered, cleared = story("front")
        told = []
        for event, at_s in ((opened, 4.0), (raised, 5.0), (lowered, 6.0), (cleared, 7.0)):
            one.watch(at_s)
            told.append(one.tell(replace(event, time_s=at_s)))
        one.watch(9.0)
        return told

    return happen


def grey(path: Path) -> float:
    return float(cv2.imread(str(path)).mean())


def levels(path: Path) -> list[float]:
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    found = []
    while (answer := capture.read())[0]:
        found.append(float(answer[1].mean()))
    capture.release()
    return found


def test_before_at_and_after_are_kept_and_the_event_names_them_by_hash(
    run: Callable[..., Run], incident: Callable[[Run], list[Event]]
) -> None:
    one = run()
    events = incident(one)
    files = one.files(events[0].incident)
    assert grey(one.evidence_files.path(files["before"])) == pytest.approx(30, abs=1)
    assert grey(one.evidence_files.path(files["picture"])) == pytest.approx(50, abs=1)
    assert grey(one.evidence_files.path(files["after"])) == pytest.approx(80, abs=1)
    assert set(events[0].evidence) == {"before", "picture", "heatmap"}
    assert set(events[1].evidence) == {"picture", "heatmap"}
    assert (events[2].evidence, events[3].evidence) == ({}, {})
    kept = {f"sha256:{file.sha256}" for file in one.evidence_files.of(events[0].incident)}
    assert kept.issuperset([*events[0].evidence.values(), *events[1].evidence.values()])
    for file in one.evidence_files.of(events[0].incident):
        assert hashlib.sha256(one.evidence_files.path(file).read_bytes()).hexdigest() == file.sha256
    assert one.codes() == set()


def test_the_clip_begins_before_the_incident_and_ends_after_it(
    run: Callable[..., Run], incident: Callable[[Run], list[Event]]
) -> None:
    one = run()
    clip = one.files(incident(one)[0].incident)["clip"]
    found = levels(one.evidence_files.path(clip))
    assert clip.name.endswith("/clip.webm")
    assert len(found) == pytest.approx(51, abs=2)
    assert (found[0], found[-1]) == (pytest.approx(30, abs=6), pytest.approx(80, abs=6))


def test_a_clip_is_never_longer_than_is_allowed(
    run: Callable[..., Run], incident: Callable[[Run], list[Event]]
) -> None:
    one = run(max_clip_s=2.0)
    assert len(
        levels(one.evidence_files.path(one.files(incident(one)[0].incident)["clip"]))
    ) == pytest.approx(21, abs=2)


def test_where_only_heat_maps_are_kept_there_is_no_picture(
    run: Callable[..., Run], incident: Callable[[Run], list[Event]]
) -> None:
    one = run("heatmap", clips=False)
    events = incident(one)
    files = one.files(events[0].incident)
    assert set(files) == set(events[0].evidence) == {"heatmap"}


def test_where_pictures_are_blurred_so_is_the_clip(
    store: EventStore, run: Callable[..., Run], story: Story
) -> None:
    one = run("blurred")
    stripes = np.zeros((480, 640, 3), np.uint8)
    stripes[:, ::2] = 250
    event = replace(story()[0], time_s=1.0)
    for number in range(12):
        one.recorder.offer("front", Frame(number, number / 10, stripes), HEAT)
        one._settle()
    one.tell(event)
    files = one.files(event.incident)
    for kind in ("before", "picture", "after"):
        picture = cv2.imread(str(one.evidence_files.path(files[kind])))
        assert picture.std() < 3
    assert files["clip"].bytes > 0


def test_a_recording_is_cut_instead_of_encoded_anew(
    ffmpeg: Ffmpeg, run: Callable[..., Run], incident: Callable[[Run], list[Event]], tmp_path: Path
) -> None:
    source = ffmpeg.encode(tmp_path / "day.mp4", quiet_frames(100))
    program = find_ffmpeg()
    assert program is not None
    one = run(clips=Cutter(program, source))
    clip = one.files(incident(one)[0].incident)["clip"]
    assert ffmpeg.codec(one.evidence_files.path(clip)) == "h264"
    assert 50 <= len(levels(one.evidence_files.path(clip))) <= 62


def test_what_cannot_be_cut_is_a_condition_and_the_pictures_stay(
    ffmpeg: Ffmpeg, run: Callable[..., Run], incident: Callable[[Run], list[Event]], tmp_path: Path
) -> None:
    program = find_ffmpeg()
    assert program is not None
    one = run(clips=Cutter(program, tmp_path / "gone.mp4"))
    assert set(one.files(incident(one)[0].incident)) == {"before", "picture", "heatmap", "after"}
    (condition,) = one.health.snapshot().conditions
    assert (condition.code, condition.subject) == ("evidence_failed", "front")
    assert "No such file" in condition.message
    assert not list(one.evidence_files.folder.glob("*/.*"))


def test_a_run_that_stops_in_an_incident_keeps_the_clip_so_far(run: Callable[..., Run], story: Story) -> None:
    one = run()
    one.watch(4.0)
    event = one.tell(replace(story()[0], time_s=4.0))
    one.watch(5.0)
    clip = one.files(event.incident)["clip"]
    assert len(levels(one.evidence_files.path(clip))) == pytest.approx(21, abs=2)


def test_a_camera_that_dies_in_an_incident_still_gets_its_clip(run: Callable[..., Run], story: Story) -> None:
    one = run()
    one.watch(4.0)
    event = one.tell(replace(story()[0], time_s=4.0))
    one.now_s = 60.0
    deadline_s = time.monotonic() + 10
    while "clip" not in {file.kind for file in one.evidence_files.of(event.incident)}:
        assert time.monotonic() < deadline_s
        time.sleep(0.05)


def test_a_level_that_flutters_does_not_fill_the_disk(
    run: Callable[..., Run], story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(camera_module, "PICTURES_KEPT", 3)
    one = run(clips=False)
    opened, raised, *_ = story()
    one.watch(1.0)
    one.tell(replace(opened, time_s=1.0))
    told = [one.tell(replace(raised, id=f"e-{number}", time_s=1.0)) for number in range(6)]
    assert [bool(event.evidence) for event in told] == [True, True, True, False, False, False]


def test_an_event_waits_for_its_picture_only_a_moment(run: Callable[..., Run], story: Story) -> None:
    one = run()
    one.watch(1.0)
    began_s = time.monotonic()
    event = one.tell(replace(story()[0], time_s=50.0))
    assert time.monotonic() - began_s < 1.0
    assert "picture" in event.evidence


def test_an_event_without_any_frame_has_no_evidence_and_no_trouble(
    run: Callable[..., Run], story: Story
) -> None:
    one = run()
    opened, *_ = story()
    assert one.tell(opened).evidence == {}
    assert one.files(opened.incident) == {}
    assert one.codes() == set()


def test_offering_never_waits_and_counts_what_it_drops(run: Callable[..., Run]) -> None:
    one = run()
    stuck, free = threading.Event(), threading.Event()

    def slow(frame: Frame, error_map: NDArray[np.float32] | None) -> None:
        stuck.set()
        free.wait(10)

    one.recorder._cameras["front"].take = slow  # type: ignore[method-assign]
    image = np.zeros((48, 64, 3), np.uint8)
    one.recorder.offer("front", Frame(0, 0.0, image), None)
    assert stuck.wait(5)
    longest_s = 0.0
    for number in range(1, 201):
        began_s = time.perf_counter()
        one.recorder.offer("front", Frame(number, number / 10, image), None)
        longest_s = max(longest_s, time.perf_counter() - began_s)
    free.set()
    assert longest_s < 0.1
    assert one.health.snapshot().counters["evidence_frames_dropped"] == 200 - 16


def test_where_no_picture_is_kept_no_frame_is_held_on_to(run: Callable[..., Run]) -> None:
    one = run("heatmap")
    frame = Frame(0, 0.0, np.zeros((48, 64, 3), np.uint8))
    image = weakref.ref(frame.image)
    one.recorder.offer("front", frame, HEAT)
    del frame
    assert image() is None


def test_a_disk_that_refuses_evidence_is_a_condition_that_ends(
    run: Callable[..., Run], story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = run(clips=False)
    one.watch(1.0)

    def refuse(*parts: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(one.evidence_files, "keep", refuse)
        event = one.tell(replace(story()[0], time_s=1.0))
        assert event.evidence
        deadline_s = time.monotonic() + 5
        while one.codes() != {"evidence_failed"}:
            assert time.monotonic() < deadline_s
    one.tell(replace(story()[0], time_s=1.0))
    one.recorder.close()
    assert one.codes() == set()


def test_a_tape_that_fails_leaves_no_draft(run: Callable[..., Run], story: Story) -> None:
    class Broken:
        suffix = ".mp4"

        def write(self, path: Path, end_s: float, deadline_s: float) -> None:
            path.write_bytes(b"half")
            raise StoreError("it broke")

    tape: Tape = Broken()
    one = run()
    one.watch(1.0)
    event = one.tell(replace(story()[0], time_s=1.0))
    one.recorder._cameras["front"]._plans[event.incident].tape = tape
    one.recorder.close()
    assert one.codes() == {"evidence_failed"}
    assert not list(one.evidence_files.folder.glob("*/.*"))
