"""The thread that reads a source, so that decoding and deciding overlap."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable

from vad_edge.common.retry import Backoff
from vad_edge.errors import SourceError
from vad_edge.video.frame import Frame
from vad_edge.video.rate import RateMeter
from vad_edge.video.source import FrameSource, Policy, SourceInfo

_log = logging.getLogger(__name__)

QUEUE_FRAMES = 8
FIRST_RETRY_S = 0.5
LONGEST_RETRY_S = 30.0


class Reader:
    """Frames of one source, read ahead in a thread.

    ``latest`` keeps the newest frame only and counts the others as dropped; ``all`` keeps every frame and
    makes the source wait. A live source that fails is opened again by `reopen`, after growing, jittered
    pauses; without `reopen` its failure ends the reader. A source that is None is one to reopen at once, and
    error says why it could not be opened.
    arrived is set whenever there is a new frame, so that one thread can wait for several readers. fps is the
    rate at which frames came lately, None in the first seconds; last_frame_s is the newest one's time.
    """

    def __init__(
        self,
        name: str,
        source: FrameSource | None,
        policy: Policy,
        *,
        reopen: Callable[[], FrameSource] | None = None,
        arrived: threading.Event | None = None,
        error: SourceError | None = None,
    ) -> None:
        self._source = source
        self._reopen = reopen
        self._arrived = arrived or threading.Event()
        self._backoff = Backoff(FIRST_RETRY_S, LONGEST_RETRY_S)
        self.info: SourceInfo | None = source.info if source is not None else None
        self.name = name
        self.dropped = 0
        self.frames_read = 0
        self.reconnects = 0
        self.decode_s = 0.0
        self.fps: float | None = None
        self.last_frame_s: float | None = None
        self.error = error
        self.truncated: str | None = None
        self._limit = 1 if policy == "latest" else QUEUE_FRAMES
        self._wait_for_room = policy == "all"
        self._frames: deque[Frame] = deque()
        self._meter = RateMeter()
        self._changed = threading.Condition()
        self._finished = False
        self._stopping = False
        self._resting = False
        self._thread = threading.Thread(target=self._run, name=f"reader {name}", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def get(self, timeout_s: float) -> Frame | None:
        """The next frame, or None when there is none within `timeout_s` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._frames or self._finished, timeout_s)
            if not self._frames:
                return None
            frame = self._frames.popleft()
            if len(self._frames) <= self._limit // 2:  # woken for each, it is in the way
                self._changed.notify_all()
            return frame

    def rest(self, resting: bool) -> None:
        """Let go of a live source and read nothing, or open it again; a recording goes on either way."""
        with self._changed:
            self._resting = resting and self._reopen is not None
            self._frames.clear()
            self._changed.notify_all()

    @property
    def ended(self) -> bool:
        """No frame will come any more, and none is waiting."""
        with self._changed:
            return self._finished and not self._frames

    def stop(self) -> None:
        """End the thread and close the source; frames not yet taken are lost."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout=10.0)
        elif self._thread.ident is None and self._source is not None:
            self._source.close()

    def _run(self) -> None:
        try:
            while not self._stopping and self._read_one():
                pass
        finally:
            if self._source is not None:
                self._source.close()
            with self._changed:
                self._finished = True
                self._changed.notify_all()
            self._arrived.set()

    def _read_one(self) -> bool:
        """Read one frame, or mend the source; False when it is over."""
        if self._resting:
            return self._sleep()
        if self._source is None:
            return self._try_again()
        started = time.perf_counter()
        try:
            frame = self._source.read()
        except SourceError as error:
            return self._lose(error)
        self.decode_s += time.perf_counter() - started
        if frame is None:
            self.truncated = self._source.truncated
            return False
        self.error = None
        self._backoff.reset()
        self.frames_read += 1
        self._meter.add(frame.time_s)
        self.fps = self._meter.fps or self.fps
        self.last_frame_s = frame.time_s
        self._hand_over(frame)
        return True

    def _sleep(self) -> bool:
        if self._source is not None:
            self._source.close()
            self._source = None
        self.error = None
        self._backoff.reset()
        with self._changed:
            self._frames.clear()
            self._changed.wait_for(lambda: not self._resting or self._stopping)
        return True

    def _hand_over(self, frame: Frame) -> None:
        with self._changed:
            if self._wait_for_room:
                self._changed.wait_for(lambda: len(self._frames) < self._limit or self._stopping)
            elif len(self._frames) >= self._limit:
                self._frames.popleft()
                self.dropped += 1
            self._frames.append(frame)
            self._changed.notify_all()
        self._arrived.set()

    def _lose(self, error: SourceError) -> bool:
        self._meter, self.fps = RateMeter(), None
        if self.error is None:
            _log.warning("%s", error)
        self.error = error
        if self._source is not None:
            self._source.close()
            self._source = None
        return self._reopen is not None

    def _try_again(self) -> bool:
        with self._changed:
            if self._changed.wait_for(lambda: self._stopping, self._backoff.next_s()):
                return False
        try:
            assert self._reopen is not None  # noqa: S101 - without it a lost source ends the reader
            self._source = self._reopen()
            self.info = self._source.info
            self.reconnects += 1
        except SourceError as error:
            self.error = error
        return True
