"""One HTTP POST to a camera: bounded in time and in size, whatever the camera does."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from vad_edge.common.http import bounded, connection_to, cut_off, target_of, why_no_answer
from vad_edge.errors import CameraError

MOST_BYTES: Final = 1_048_576
"""An answer that is longer is not read to its end."""

TIMEOUT_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What a camera answered; challenges are the values of its WWW-Authenticate headers."""

    status: int
    body: bytes
    challenges: tuple[str, ...] = ()


class Exchange:
    """Posts to one camera, one request at a time; `cut` ends the one under way from another thread."""

    def __init__(self, timeout_s: float = TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._connection: http.client.HTTPConnection | None = None

    def post(self, url: str, body: bytes, headers: Mapping[str, str], *, longer_s: float = 0.0) -> HttpAnswer:
        """Post a body; longer_s is how long the camera may wait before it answers, beside the usual time.

        Redirects are not followed: they could carry credentials anywhere.
        Raises CameraError where there is no whole answer in time, or it is too long.
        """
        timeout_s = self._timeout_s + longer_s
        place = _place(url)
        late = False
        try:
            connection = connection_to(url, timeout_s)
            with self._lock:
                self._connection = connection
            with bounded(connection, timeout_s) as cut:
                try:
                    connection.request("POST", target_of(url), body, {**headers, "Connection": "close"})
                    response = connection.getresponse()
                    content = response.read(MOST_BYTES + 1)
                finally:
                    late = cut.is_set()
            if late:
                raise TimeoutError
            if len(content) > MOST_BYTES:
                raise CameraError(f"it answers more than {MOST_BYTES} bytes", where=place)
            challenges = response.headers.get_all("WWW-Authenticate") or []
            return HttpAnswer(response.status, content, tuple(challenges))
        except (OSError, http.client.HTTPException, ValueError) as error:
            late = late or isinstance(error, TimeoutError)
            raise CameraError(
                f"no whole answer within {timeout_s:g} s" if late else why_no_answer(error),
                where=place,
                fix="check its address, power and network, and that ONVIF is switched on in it",
            ) from error
        finally:
            with self._lock:
                self._connection = None

    def cut(self) -> None:
        """End the request under way, if there is one."""
        with self._lock:
            connection = self._connection
        if connection is not None:
            cut_off(connection)


def _place(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
