"""What a source of frames is, and what it says of itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from vad_edge.clock import RunClock
from vad_edge.video.frame import Frame

Policy = Literal["latest", "all"]


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What a source says of itself.

    name is fit for logs: credentials are left out. fps and frame_count are None where unknown; width and
    height are pixels. codec is the FourCC in lower case, empty where the source says nothing. begun is the
    wall time of a recording's first frame, None where unknown.
    """

    name: str
    live: bool
    fps: float | None
    width: int
    height: int
    frame_count: int | None = None
    codec: str = ""
    begun: datetime | None = None


class Source(Protocol):
    """Frames one after another, as a plug-in or a caller of the API gives them.

    One thread reads and closes a source. A recording's frames carry media time, from its first frame at 0; a
    live source's carry the run clock's, read when the picture was taken. Times never fall.
    """

    @property
    def info(self) -> SourceInfo:
        """What the source says of itself; known before the first frame."""
        ...

    def read(self) -> Frame | None:
        """The next frame, None at the end of a recording; waits until there is one.

        Raises SourceError when a live source gives none: it is then closed and opened again.
        """
        ...

    def close(self) -> None:
        """Let go of the camera, file or process; nothing is read after it."""
        ...


class FrameSource(Source, Protocol):
    """A source as the rooms use it, which also says whether a recording was whole."""

    @property
    def truncated(self) -> str | None:
        """Why a recording ended before its end; None while it has not."""
        ...


@dataclass(frozen=True, slots=True)
class SourceRequest:
    """What a factory is asked to open.

    place is what follows ``scheme://`` in the source's name, empty where the factory itself was given. clock
    is the run's: a live source takes its frames' times from it. fps is the rate the user asked for, if any.
    """

    place: str
    clock: RunClock
    fps: float | None = None


class SourceFactory(Protocol):
    """Opens a source; called again whenever a live one was lost."""

    def __call__(self, request: SourceRequest, /) -> Source:
        """The source, open. Raises SourceError: what is not there, and what to check."""
        ...


def default_policy(info: SourceInfo) -> Policy:
    """``latest`` for what happens now, where an old frame is worth nothing; ``all`` for recordings."""
    return "latest" if info.live else "all"
