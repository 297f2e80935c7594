"""A thread that listens to one camera's own events."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Collection
from typing import Final

from vad_edge.cameras.client import OnvifClient
from vad_edge.cameras.notification import CameraStates
from vad_edge.cameras.pull_point import LIFETIME_S, PULL_S, PullPoint
from vad_edge.common.retry import Backoff
from vad_edge.config.onvif import EventKind
from vad_edge.errors import CameraError

FIRST_S: Final = 2.0
LONGEST_S: Final = 60.0
REFUSED_S: Final = 300.0
"""A camera that refuses us is left alone for so long: it would lock us out."""

CLOSE_S: Final = 3.0
_EMPTY_S: Final = 1.0
_PAUSE_S: Final = 0.05

_log = logging.getLogger(__name__)

Push = Callable[[EventKind, bool], None]


class EventListener:
    """Hands each state that a camera tells of to `push`, on a thread of its own, until `close`.

    connect makes a client that knows nothing yet. How things stand is handed on again after every answer, so
    that a stream that falls silent is known to be cut off. problem says why nothing is heard, in words; empty
    while all is well. One lost connection is no problem yet if the next one stands.
    """

    def __init__(
        self,
        camera: str,
        connect: Callable[[], OnvifClient],
        kinds: Collection[EventKind],
        push: Push,
        *,
        backoff: Backoff | None = None,
        lifetime_s: float = LIFETIME_S,
        pull_s: float = PULL_S,
    ) -> None:
        self.camera = camera
        self.problem = ""
        self._connect, self._push = connect, push
        self._states = CameraStates(kinds)
        self._backoff = backoff or Backoff(FIRST_S, LONGEST_S)
        self._lifetime_s, self._pull_s = lifetime_s, pull_s
        self._stop = threading.Event()
        self._stood = False
        self._client: OnvifClient | None = None
        self._thread = threading.Thread(target=self._run, name=f"events of {camera}", daemon=True)
        self._thread.start()

    @property
    def unknown(self) -> int:
        """How many states the camera told of that mean nothing to us."""
        return self._states.unknown

    def stop(self) -> None:
        """End as soon as may be; returns at once."""
        self._stop.set()
        client = self._client
        if client is not None:
            client.cut()

    def close(self, timeout_s: float = CLOSE_S) -> None:
        """Stop, give the subscription back, and wait a bounded time for that."""
        self.stop()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._listen()
                wait_s = _EMPTY_S
            except CameraError as error:
                wait_s = self._failed(error)
            except Exception:
                _log.exception("camera %s: its events are not heard any more", self.camera)
                self.problem = "a mistake of vad-edge's own; the log has it"
                return
            self._stop.wait(wait_s)

    def _failed(self, error: CameraError) -> float:
        """Say what is wrong, unless it may be the end of one connection; how long to wait."""
        stood, self._stood = self._stood, False
        if error.refused or not stood:
            if not self.problem:
                _log.warning("camera %s: its events are not heard: %s", self.camera, error)
            self.problem = str(error)
        return REFUSED_S if error.refused else self._backoff.next_s()

    def _listen(self) -> None:
        """Hear the camera until the end, or until the subscription cannot be renewed. Raises CameraError."""
        client = self._client = self._connect()
        point = PullPoint(client, lifetime_s=self._lifetime_s, pull_s=self._pull_s)
        self._states.forget()
        with contextlib.suppress(CameraError):
            point.synchronize()
        try:
            while not self._stop.is_set() and (not point.due or _renewed(point)):
                self._pull(point)
        except CameraError:
            if not self._stop.is_set():
                raise
        with contextlib.suppress(CameraError):
            point.unsubscribe()

    def _pull(self, point: PullPoint) -> None:
        began_s = time.monotonic()
        events = point.pull()
        if self.problem:
            _log.info("camera %s: its events are heard again", self.camera)
        self._stood, self.problem = True, ""
        self._backoff.reset()
        for event in events:
            for kind, is_on in self._states.take(event):
                self._push(kind, is_on)
        for kind, is_on in self._states.standing():
            self._push(kind, is_on)
        # Some cameras do not wait, whatever they are asked.
        hasty = not events and time.monotonic() - began_s < min(_EMPTY_S, self._pull_s) / 2
        self._stop.wait(_EMPTY_S if hasty else _PAUSE_S)


def _renewed(point: PullPoint) -> bool:
    """Whether the camera lets the subscription live on; some know no way to."""
    try:
        point.renew()
    except CameraError:
        return False
    return True
