"""Callbacks on their own thread: a live run drops what they cannot keep up with, a recording waits."""

from __future__ import annotations

import threading

import numpy as np
from tests.support.cameras import a_result
from tests.support.events import an_event
from tests.support.mosquitto import wait_until

from vad_edge.events.event import Event
from vad_edge.pipeline import ScoredFrame
from vad_edge.report.observer import FrameResult
from vad_edge.runtime import callbacks as module
from vad_edge.runtime.callbacks import QUEUE_EVENTS, QUEUE_FRAMES, Callbacks
from vad_edge.video.frame import Frame
from vad_edge.video.validity import VALID


def a_frame(index: int) -> FrameResult:
    return a_result(
        "front", ScoredFrame(Frame(index, index / 10, np.zeros((2, 2, 3), np.uint8)), VALID, warm=False)
    )


def test_a_live_run_drops_frames_that_a_slow_callback_leaves_waiting_and_says_so() -> None:
    held, seen = threading.Event(), list[int]()

    def slow(frame: FrameResult) -> None:
        held.wait(30)
        seen.append(frame.index)

    callbacks = Callbacks(frame=[slow])
    callbacks.begin(live=True)
    for index in range(100):
        callbacks.on_frame(a_frame(index))
    assert "frames were not handed to them" in callbacks.problem
    held.set()
    callbacks.close()
    assert QUEUE_FRAMES <= len(seen) <= QUEUE_FRAMES + 1
    assert seen == sorted(seen)


def test_events_have_room_of_their_own_beside_frames() -> None:
    held, told = threading.Event(), list[str]()

    def slow(frame: FrameResult) -> None:
        held.wait(30)

    callbacks = Callbacks(frame=[slow], event=[lambda event: told.append(event.id)])
    callbacks.begin(live=True)
    for index in range(200):
        callbacks.on_frame(a_frame(index))
    for number in range(50):
        callbacks.on_event(an_event(id=f"e-{number}"))
    held.set()
    callbacks.close()
    assert told == [f"e-{number}" for number in range(50)]


def test_events_beyond_the_bound_are_dropped_and_counted() -> None:
    held = threading.Event()

    def slow(event: Event) -> None:
        held.wait(30)

    callbacks = Callbacks(event=[slow])
    callbacks.begin(live=True)
    for number in range(QUEUE_EVENTS + 10):
        callbacks.on_event(an_event(id=f"e-{number}"))
    assert "events were not handed to them" in callbacks.problem
    held.set()
    callbacks.close()


def test_a_recording_waits_for_a_slow_callback() -> None:
    seen = list[int]()
    callbacks = Callbacks(frame=[lambda frame: seen.append(frame.index)])
    callbacks.begin(live=False)
    for index in range(500):
        callbacks.on_frame(a_frame(index))
    callbacks.close()
    assert seen == list(range(500))
    assert callbacks.problem == ""


def test_a_callback_that_never_returns_does_not_hold_up_the_end(monkeypatch: object) -> None:
    forever = threading.Event()
    callbacks = Callbacks(event=[lambda event: forever.wait(60)])
    callbacks.begin(live=True)
    callbacks.on_event(an_event())
    wait_until(lambda: callbacks._waiting.empty(), "the callback")
    before, module.CLOSE_S = module.CLOSE_S, 0.2  # type: ignore[misc]
    try:
        callbacks.close()
    finally:
        module.CLOSE_S = before  # type: ignore[misc]
    forever.set()
