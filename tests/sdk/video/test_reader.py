from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.mosquitto import wait_until

from vad_edge.errors import SourceError
from vad_edge.video import reader as reader_module
from vad_edge.video.frame import Frame
from vad_edge.video.reader import Reader
from vad_edge.video.source import Policy, SourceInfo

IMAGE = np.zeros((4, 4, 3), np.uint8)


class Script:
    """A source that gives what its script says: frames by number, errors, or the end."""

    truncated = None

    def __init__(self, *script: int | SourceError | None, live: bool = True) -> None:
        self.info = SourceInfo("script", live, 10.0, 4, 4)
        self._script: Iterator[int | SourceError | None] = iter(script)
        self.closed = 0
        self.hold = threading.Event()

    def read(self) -> Frame | None:
        item = next(self._script, self)
        if item is self:
            self.hold.wait(0.3)
            return None
        if isinstance(item, SourceError):
            raise item
        return None if item is None else Frame(int(item), float(item), IMAGE)  # type: ignore[arg-type]

    def close(self) -> None:
        self.closed += 1
        self.hold.set()


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_module, "FIRST_RETRY_S", 0.01)


def indices(frames: Sequence[Frame | None]) -> list[int]:
    return [frame.index for frame in frames if frame is not None]


def test_all_keeps_every_frame_and_makes_the_source_wait() -> None:
    count = 3 * reader_module.QUEUE_FRAMES
    reader = Reader("file", Script(*range(count), None, live=False), "all")
    reader.start()
    found: list[Frame | None] = []
    while not reader.ended:
        found.append(reader.get(1.0))
    assert indices(found) == list(range(count))
    assert reader.dropped == 0
    reader.stop()


class Endless(Script):
    """A camera that gives a frame now and then, numbered from `begin`."""

    def __init__(self, begin: int) -> None:
        super().__init__()
        self._next = begin

    def read(self) -> Frame | None:
        time.sleep(0.005)
        self._next += 1
        return Frame(self._next, float(self._next), IMAGE)


def test_a_live_source_rests_and_is_opened_again() -> None:
    first, second = Endless(0), Endless(1_000_000)
    reader = Reader("camera", first, "latest", reopen=lambda: second)
    reader.start()
    assert reader.get(5.0) is not None
    reader.rest(True)
    wait_until(lambda: first.closed == 1, "the source to be let go of")
    assert reader.get(0.05) is None
    assert reader.error is None
    reader.rest(False)
    frame = reader.get(5.0)
    assert frame is not None
    assert frame.index > 1_000_000
    assert not reader.ended
    reader.stop()
    assert second.closed == 1


def test_a_reader_that_rests_can_be_stopped() -> None:
    source = Endless(0)
    reader = Reader("camera", source, "latest", reopen=lambda: Endless(0))
    reader.start()
    reader.rest(True)
    reader.stop()
    assert source.closed == 1


def test_latest_keeps_the_newest_frame_and_counts_the_others() -> None:
    source = Script(*range(5))
    reader = Reader("camera", source, "latest")
    reader.start()
    wait_until(lambda: reader.frames_read == 5, "the source to be read")
    frame = reader.get(1.0)
    assert frame is not None
    assert frame.index == 4
    assert reader.dropped == 4
    assert reader.get(0.0) is None
    reader.stop()
    assert source.closed == 1


def test_a_live_source_that_fails_is_opened_again() -> None:
    sources = [Script(0, SourceError("no frame came")), Script(7)]
    reader = Reader("camera", sources[0], "latest", reopen=lambda: sources[1])
    reader.start()
    wait_until(lambda: reader.frames_read == 2, "the source to be opened again")
    assert indices([reader.get(1.0)]) == [7]
    assert (reader.reconnects, reader.error) == (1, None)
    assert sources[0].closed == 1
    reader.stop()


def test_a_source_that_stays_away_is_tried_again_and_again_and_its_error_can_be_read() -> None:
    tries = []

    def reopen() -> Script:
        tries.append(time.monotonic())
        if len(tries) < 3:
            raise SourceError("still away")
        return Script(1)

    reader = Reader("camera", None, "latest", reopen=reopen)
    reader.start()
    wait_until(lambda: reader.frames_read == 1, "the third try")
    assert len(tries) == 3
    assert reader.error is None
    reader.stop()


def test_without_a_way_to_reopen_a_failure_ends_the_reader() -> None:
    reader = Reader("camera", Script(0, SourceError("gone")), "all")
    reader.start()
    assert indices([reader.get(1.0)]) == [0]
    wait_until(lambda: reader.ended, "the end")
    assert str(reader.error) == "gone"
    reader.stop()


def test_stop_ends_a_reader_whose_frames_are_not_taken() -> None:
    reader = Reader("file", Script(*range(100), live=False), "all")
    reader.start()
    wait_until(lambda: reader.frames_read > reader_module.QUEUE_FRAMES, "a full queue")
    reader.stop()
    assert not any(thread.name == "reader file" for thread in threading.enumerate())


def test_every_reader_wakes_the_one_who_waits_for_all() -> None:
    arrived = threading.Event()
    reader = Reader("camera", Script(0), "latest", arrived=arrived)
    reader.start()
    assert arrived.wait(2.0)
    reader.stop()


def test_stop_closes_the_source_of_a_reader_that_never_began() -> None:
    source = Script(0)
    Reader("camera", source, "latest").stop()
    assert source.closed == 1


def test_stop_ends_the_wait_for_a_source_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_module, "FIRST_RETRY_S", 1000.0)
    reader = Reader("camera", None, "latest", reopen=lambda: Script(0))
    reader.start()
    reader.stop()
    assert reader.ended
    assert reader.frames_read == 0


def test_a_file_that_ends_early_says_so_through_its_reader() -> None:
    source = Script(0, None, live=False)
    source.truncated = "the file is truncated"  # type: ignore[assignment]
    reader = Reader("file", source, "all")
    reader.start()
    assert indices([reader.get(1.0)]) == [0]
    assert reader.get(1.0) is None
    assert reader.truncated == "the file is truncated"
    reader.stop()


@given(policy=st.sampled_from(["latest", "all"]), count=st.integers(0, 30), takes=st.integers(0, 30))
def test_every_frame_is_taken_dropped_or_waiting(policy: Policy, count: int, takes: int) -> None:
    reader = Reader("source", Script(*range(count), None, live=False), policy)
    reader.start()
    found = indices([reader.get(1.0) for _ in range(takes)])
    while not reader.ended:
        found += indices([reader.get(1.0)])
    assert found == sorted(set(found))
    assert found[-1:] == list(range(count))[-1:]
    assert len(found) + reader.dropped == reader.frames_read == count
    assert reader.dropped == 0 or policy == "latest"
    reader.stop()
