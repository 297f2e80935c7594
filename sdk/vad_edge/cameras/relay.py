"""A thread that switches one output of a camera."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final

from vad_edge.cameras.client import OnvifClient, element
from vad_edge.cameras.soap import DEVICE
from vad_edge.common.retry import Backoff
from vad_edge.errors import CameraError

FIRST_S: Final = 1.0
LONGEST_S: Final = 30.0
REFUSED_S: Final = 300.0
"""A camera that refuses us is left alone for so long: it would lock us out."""

CLOSE_S: Final = 3.0

_log = logging.getLogger(__name__)


class RelayOutput:
    """Keeps an output as it is wanted: inactive from the beginning, and again at the end.

    It tries until the camera has done it; only what is wanted last counts. problem says why the output is not
    as it is wanted, in words; empty while all is well.
    """

    def __init__(
        self, camera: str, token: str, connect: Callable[[], OnvifClient], *, backoff: Backoff | None = None
    ) -> None:
        self.camera = camera
        self.problem = ""
        self._token, self._connect = token, connect
        self._backoff = backoff or Backoff(FIRST_S, LONGEST_S)
        self._changed = threading.Condition()
        self._wanted = False
        self._done: bool | None = None
        self._closing = False
        self._client: OnvifClient | None = None
        self._thread = threading.Thread(target=self._run, name=f"output of {camera}", daemon=True)
        self._thread.start()

    def want(self, active: bool) -> None:
        """Say how it is to be from now on; returns at once."""
        with self._changed:
            if active is not self._wanted:
                self._wanted = active
                self._changed.notify()

    def stop(self) -> None:
        """Make it inactive and end; returns at once."""
        with self._changed:
            self._wanted, self._closing = False, True
            self._changed.notify()

    def close(self, timeout_s: float = CLOSE_S) -> None:
        """Make it inactive, and wait a bounded time until it is."""
        self.stop()
        self._thread.join(timeout_s)
        if self._thread.is_alive() or self._done is not False:
            _log.error("camera %s: output %s may still be active at the end", self.camera, self._token)

    def _run(self) -> None:
        while (wanted := self._next()) is not None:
            try:
                self._switch(wanted)
            except CameraError as error:
                if not self._wait(error, wanted):
                    return
            except Exception:
                _log.exception("camera %s: output %s is not switched any more", self.camera, self._token)
                self.problem = "a mistake of vad-edge's own; the log has it"
                return

    def _next(self) -> bool | None:
        """What is to be done, once there is something; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._wanted is not self._done or self._closing)
            return None if self._wanted is self._done else self._wanted

    def _switch(self, active: bool) -> None:
        client = self._client = self._client or self._connect()
        client.ask(
            DEVICE,
            "SetRelayOutputState",
            element(DEVICE, "RelayOutputToken", self._token),
            element(DEVICE, "LogicalState", "active" if active else "inactive"),
        )
        self._done = active
        if self.problem:
            _log.info("camera %s: output %s is switched again", self.camera, self._token)
        self.problem = ""
        self._backoff.reset()

    def _wait(self, error: CameraError, tried: bool) -> bool:
        """Say what is wrong, and wait; false where the end has come and nothing more is tried.

        A new alarm does not wait behind the failure of something else.
        """
        if not self.problem:
            _log.warning("camera %s: output %s is not switched: %s", self.camera, self._token, error)
        self.problem = str(error)
        # Its clock may have been set, or its services moved.
        self._client = None
        with self._changed:
            if self._closing:
                return False
            if error.refused:
                self._changed.wait_for(lambda: self._closing, REFUSED_S)
            else:
                self._changed.wait_for(
                    lambda: self._closing or self._wanted is not tried, self._backoff.next_s()
                )
            return True
