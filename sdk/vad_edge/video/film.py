"""Video for people to watch: each picture is shown from its own time until the next one's."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import tempfile
from pathlib import Path
from typing import IO, Final, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from vad_edge.errors import OutputError
from vad_edge.video.ffmpeg import H264, QUIET, h264_encoder, last_words
from vad_edge.video.matroska import Muxer
from vad_edge.video.writer import VideoWriter, is_full

NICENESS: Final = 10
"""An encoder gets the processor time that scoring leaves."""
FINISH_S: Final = 30.0
_SLOWEST_FPS: Final = 5.0
_FASTEST_FPS: Final = 25.0
_LIKELY_FPS: Final = 240.0
_FRAGMENTS: Final = "+frag_keyframe+empty_moov+default_base_moof"


class Film(Protocol):
    """A file that is being filled; of use up to its last two seconds whatever ends the program."""

    @property
    def path(self) -> Path:
        """The file."""
        ...

    def write(self, image: NDArray[np.uint8], time_s: float) -> None:
        """Append a picture, uint8 (H, W, 3). Raises OutputError where it cannot be written."""
        ...

    def close(self) -> None:
        """Finish the file. Raises OutputError where that fails."""
        ...

    def abandon(self) -> None:
        """End an encoder that does not answer, from any thread."""
        ...


def open_film(stem: Path, size: tuple[int, int]) -> Film:
    """A film at `stem` and a suffix: H.264 in ``.mp4`` where ffmpeg encodes it, else VP8 in ``.webm``.

    size is (width, height), even; a picture of another size is resized. Raises OutputError.
    """
    encoder = h264_encoder()
    if encoder is None:
        return SteppedFilm(stem.with_name(f"{stem.name}.webm"), size)
    return EncodedFilm(stem.with_name(f"{stem.name}.mp4"), size, encoder)


class EncodedFilm:
    """Fragmented MP4 by ffmpeg in a process of its own, a fragment a second.

    The process is in a session of its own, so that Ctrl-C reaches the program alone; when the program dies,
    the end of its input makes ffmpeg finish the file.
    """

    def __init__(self, path: Path, size: tuple[int, int], encoder: H264) -> None:
        self.path = path
        self._size = size
        self._encoder = encoder
        self._first: tuple[NDArray[np.uint8], float] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._complaints: IO[bytes] | None = None
        self._muxer: Muxer | None = None
        self._failure: OutputError | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.open("wb").close()
        except OSError as error:
            raise _refusal(path, error.strerror or str(error)) from error

    def write(self, image: NDArray[np.uint8], time_s: float) -> None:
        """Append a picture; the first waits for the second."""
        if self._failure is not None:
            raise self._failure
        if self._first is None:
            self._first = (image, time_s)
            return
        if self._muxer is None:
            self._begin(time_s - self._first[1])
        self._add(image, time_s)

    def close(self) -> None:
        """Let ffmpeg finish the file."""
        if self._failure is not None:
            raise self._failure
        if self._first is not None and self._muxer is None:
            self._begin(0.0)
        if self._process is not None and self._end(FINISH_S):
            raise self._fail()
        if self._complaints is not None:
            self._complaints.close()

    def abandon(self) -> None:
        """End ffmpeg; whoever waits for it goes on."""
        if self._process is not None:
            self._process.kill()

    def _begin(self, gap_s: float) -> None:
        """Start ffmpeg with the first picture, now that it is known how far apart they come."""
        assert self._first is not None  # noqa: S101 - the caller has it
        rate = gap_s if 1 / _LIKELY_FPS < gap_s < 1.0 else 1 / _FASTEST_FPS
        try:
            self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
            self._process = subprocess.Popen(  # noqa: S603 - a list
                _command(self._encoder, self.path),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=self._complaints,
                start_new_session=True,
            )
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, self._process.pid, NICENESS)
            self._muxer = Muxer(self._put, "i420", self._size, gap_s=rate)
        except (OSError, ValueError) as error:
            raise self._fail() from error
        self._add(*self._first)

    def _add(self, image: NDArray[np.uint8], time_s: float) -> None:
        assert self._muxer is not None and self._first is not None  # noqa: S101, PT018 - the caller began
        planes = cv2.cvtColor(_fitted(image, self._size), cv2.COLOR_BGR2YUV_I420)
        try:
            self._muxer.add(planes.tobytes(), time_s - self._first[1])
        except (OSError, ValueError) as error:
            raise self._fail() from error

    def _put(self, data: bytes) -> None:
        assert self._process is not None and self._process.stdin is not None  # noqa: S101, PT018 - a pipe
        self._process.stdin.write(data)
        self._process.stdin.flush()

    def _end(self, patience_s: float) -> int:
        """End the input, and ffmpeg too where it does not end with it; its exit status."""
        assert self._process is not None and self._process.stdin is not None  # noqa: S101, PT018 - a pipe
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            return self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def _fail(self) -> OutputError:
        """End ffmpeg, and say why the film ends here."""
        if self._process is not None:
            self._end(1.0)
        said = b""
        if self._complaints is not None:
            self._complaints.seek(0)
            said = self._complaints.read()
            self._complaints.close()
        full = os.strerror(errno.ENOSPC)
        why = full if is_full(self.path.parent) or full.encode() in said else last_words(said)
        self._failure = _refusal(self.path, f"the encoder ended: {why}")
        return self._failure


class SteppedFilm:
    """WebM by OpenCV, which knows only a constant rate: a picture is repeated until the next one's time.

    The rate is that of the first two pictures, within limits.
    """

    def __init__(self, path: Path, size: tuple[int, int]) -> None:
        self.path = path
        self._size = size
        self._held: NDArray[np.uint8] | None = None
        self._first_s = self._last_s = 0.0
        self._fps, self._gap_s = _SLOWEST_FPS, 1 / _SLOWEST_FPS
        self._written = 0
        self._writer: VideoWriter | None = None

    def write(self, image: NDArray[np.uint8], time_s: float) -> None:
        """Append a picture; those before it are written now that it is known how long they are shown."""
        if self._held is None:
            self._first_s = time_s
        elif self._writer is None:
            self._fps = step_rate(time_s - self._first_s)
            self._gap_s = min(time_s - self._first_s, 1 / self._fps)
            self._writer = VideoWriter(self.path, self._fps, self._size)
        self._repeat(round((time_s - self._first_s) * self._fps))
        self._held, self._last_s = image, time_s

    def close(self) -> None:
        """Write the last picture and finish the file."""
        if self._held is None:
            return
        if self._writer is None:
            self._writer = VideoWriter(self.path, self._fps, self._size)
        try:
            self._repeat(max(round((self._last_s + self._gap_s - self._first_s) * self._fps), 1))
        finally:
            self._writer.close()

    def abandon(self) -> None:
        """Nothing waits here."""

    def _repeat(self, until: int) -> None:
        while self._writer is not None and self._held is not None and self._written < until:
            self._writer.write(self._held)
            self._written += 1


def step_rate(gap_s: float) -> float:
    """The constant rate for pictures that come so far apart.

    >>> [step_rate(gap_s) for gap_s in (0.0, 0.01, 0.1, 9.0)]
    [25.0, 25.0, 10.0, 5.0]
    """
    return min(max(round(1 / gap_s, 2), _SLOWEST_FPS), _FASTEST_FPS) if gap_s > 0 else _FASTEST_FPS


def _command(encoder: H264, path: Path) -> list[str]:
    given = ("-analyzeduration", "0", "-probesize", "32", "-f", "matroska", "-i", "pipe:0")
    times = ("-enc_time_base", "-1", "-force_key_frames", "expr:gte(t,n_forced)")
    colours = [
        word for key in ("-colorspace", "-color_primaries", "-color_trc") for word in (key, "smpte170m")
    ]
    target = ("-movflags", _FRAGMENTS, "-flush_packets", "1", "-f", "mp4", "-y", f"file:{path}")
    return [encoder.program, *QUIET, *given, *encoder.options, *times, *colours, *target]


def _fitted(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    if (image.shape[1], image.shape[0]) == size:
        return image
    return np.asarray(cv2.resize(image, size), np.uint8)


def _refusal(path: Path, why: str) -> OutputError:
    return OutputError(
        f"cannot write the video: {why}", where=str(path), fix="check the folder and free space"
    )
