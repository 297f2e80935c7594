"""What a source of frames is, and what it says of itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, Protocol

from vad_edge.video.frame import Frame

Policy = Literal["latest", "all"]

# Cameras take passwords that urllib does not: a lone bracket makes it raise.
_CREDENTIALS = re.compile(r"(?<=://)[^/?#]*@")


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What a source says of itself.

    name is fit for logs: credentials are left out. fps and frame_count are None where unknown; width and
    height are pixels. codec is the FourCC in lower case, empty where the source says nothing.
    """

    name: str
    live: bool
    fps: float | None
    width: int
    height: int
    frame_count: int | None = None
    codec: str = ""


class FrameSource(Protocol):
    """Frames one after another. Recordings carry media time, live sources run-clock time."""

    @property
    def info(self) -> SourceInfo:
        """What the source says of itself."""
        ...

    @property
    def truncated(self) -> str | None:
        """Why a recording ended before its end; None while it has not."""
        ...

    def read(self) -> Frame | None:
        """The next frame, None at the end of a recording. Raises SourceError when a live source fails."""
        ...

    def close(self) -> None:
        """Let go of the camera, file or process."""
        ...


def default_policy(info: SourceInfo) -> Policy:
    """``latest`` for what happens now, where an old frame is worth nothing; ``all`` for recordings."""
    return "latest" if info.live else "all"


def redacted(url: str) -> str:
    """A URL without user name and password."""
    return _CREDENTIALS.sub("***@", url, count=1)
