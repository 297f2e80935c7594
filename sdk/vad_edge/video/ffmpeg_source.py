"""Frames that the system's ffmpeg decodes in a process of its own, with the times they were taken at."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from vad_edge.clock import RunClock
from vad_edge.common.secret import redacted
from vad_edge.errors import SourceError
from vad_edge.video.container import missing_bytes
from vad_edge.video.demuxer import Track
from vad_edge.video.ffmpeg_command import (
    Pixels,
    decode_command,
    decoders,
    file_input,
    sets_options,
    stream_input,
    stream_script,
)
from vad_edge.video.frame import Frame
from vad_edge.video.nut import NutDemuxer
from vad_edge.video.open_fault import complaints, open_fault
from vad_edge.video.pipe import LastLines, PipeReader, SilenceError, begin, end
from vad_edge.video.source import SourceInfo
from vad_edge.video.stream_options import PacketTap, StreamOptions
from vad_edge.video.timing import Backlog, LiveTimes, RecordingTimes

_log = logging.getLogger(__name__)

OPEN_S: Final = 10.0
READ_S: Final = 5.0
_LAST_WORDS_S: Final = 1.0
_PACKETS: Final = 1 << 16
_STREAM: Final = re.compile(r"Stream #0:\d+.*?: Video: (\w+)[^\n]*")
_RATE: Final = re.compile(r"([\d.]+) fps")


class FFmpegSource:
    """Frames of one ffmpeg process; live with a clock, a recording without one.

    `open_ffmpeg_stream` and `open_ffmpeg_file` make it.
    """

    def __init__(
        self,
        command: list[str],
        script: bytes,
        name: str,
        *,
        pixels: Pixels = "bgr24",
        clock: RunClock | None = None,
        fps: float | None = None,
        frame_count: int | None = None,
        file: Path | None = None,
        begun: datetime | None = None,
        tap: tuple[PacketTap, int, int] | None = None,
    ) -> None:
        self._clock, self._file, self._name = clock, file, name
        self._process = begin(command, extra=() if tap is None else (tap[2],))
        if tap is not None:
            os.close(tap[2])
            self._copier = threading.Thread(target=_copy, args=tap[:2], name="packets", daemon=True)
            self._copier.start()
        assert self._process.stdout is not None and self._process.stderr is not None  # noqa: S101, PT018
        self._lines = LastLines(self._process.stderr, "ffmpeg")
        self._index = 0
        self._ended = False
        try:
            self._demuxer, track = self._begin(script)
        except BaseException:
            self.close()
            raise
        codec, said_fps = described(self._lines.text())
        claimed = fps or said_fps or (1.0 / track.frame_s if track.frame_s else None)
        self._info = SourceInfo(
            name, clock is not None, claimed, track.width, track.height, frame_count, codec, begun
        )
        self._shape = (track.height, track.width, 3)
        planes = pixels == "yuv420p"
        self._planes = np.empty((track.height * 3 // 2, track.width), np.uint8) if planes else None
        self._recorded = RecordingTimes(claimed, override_fps=fps)
        self._live = LiveTimes()
        self._backlog = Backlog(claimed) if clock is not None else None

    @property
    def info(self) -> SourceInfo:
        """What the stream says of itself."""
        return self._info

    @property
    def truncated(self) -> str | None:
        """Set at the end of a file that is shorter than its own header says."""
        missing = missing_bytes(self._file) if self._ended and self._file is not None else 0
        if not missing:
            return None
        return f"{self._name} ends after {self._index} frames: {missing:,} bytes of the file are missing"

    def read(self) -> Frame | None:
        """The next frame. Raises SourceError when a live stream gives none."""
        image = np.empty(self._shape, np.uint8)
        while True:
            stamp_s = self._picture(image)
            if stamp_s is None:
                self._ended = True
                return None
            if self._clock is None:
                time_s = self._recorded.next(stamp_s)
            else:
                arrived_s = self._clock.now()
                if self._backlog is not None and self._backlog.holds(arrived_s):
                    continue
                self._backlog = None
                time_s = self._live.next(arrived_s, stamp_s)
            self._index += 1
            return Frame(self._index - 1, time_s, image)

    def close(self) -> None:
        """End ffmpeg."""
        end(self._process)

    def _picture(self, image: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> float | None:
        """The time of the next picture, None at the end of a recording."""
        try:
            if self._planes is None:
                stamp_s = self._demuxer.picture(image)
            elif (stamp_s := self._demuxer.picture(self._planes)) is not None:
                cv2.cvtColor(self._planes, cv2.COLOR_YUV2BGR_I420, dst=image)
        except SilenceError:
            raise SourceError(
                f"no frame came for {READ_S:.0f} s", where=self._name, fix="check the camera and its network"
            ) from None
        except (OSError, ValueError) as error:
            raise SourceError(f"the stream broke off: {error}", where=self._name) from error
        if stamp_s is None and self._clock is not None:
            said = complaints(self._lines.text(_LAST_WORDS_S)).splitlines()
            why = f"the stream broke off: {said[-1]}" if said else "the camera closed the stream"
            raise SourceError(why, where=self._name, fix="check the network and the camera if this repeats")
        return stamp_s

    def _begin(self, script: bytes) -> tuple[NutDemuxer, Track]:
        assert self._process.stdout is not None and self._process.stdin is not None  # noqa: S101, PT018
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(script)
        self._process.stdin.close()
        try:
            opening = NutDemuxer(PipeReader(self._process.stdout, OPEN_S).fill)
            track = opening.track()
        except SilenceError:
            raise SourceError(
                f"the stream gave no frame in {OPEN_S:.0f} s",
                where=self._name,
                fix="check that the camera sends video, and the network to it",
            ) from None
        except (OSError, ValueError) as error:
            raise SourceError(f"ffmpeg gives what cannot be read: {error}", where=self._name) from error
        if track is None:
            fault = open_fault(complaints(self._lines.text(_LAST_WORDS_S)))
            raise SourceError(fault.what, where=self._name, fix=fault.fix)
        opening.use(PipeReader(self._process.stdout, READ_S).fill)
        return opening, track


def open_ffmpeg_stream(
    program: str, url: str, clock: RunClock, options: StreamOptions, *, fps: float | None = None
) -> FFmpegSource:
    """A network stream, by one connection, which the options' tap shares.

    Raises SourceError: which of the causes it is, and its fix.
    """
    script = stream_script(url, options, settable=sets_options(program))

    def attempt(decoder: tuple[str, ...]) -> FFmpegSource:
        tap = None if options.tap is None else (options.tap, *os.pipe())
        command = decode_command(
            program,
            stream_input(options),
            options,
            decoder=decoder,
            pixels="yuv420p",
            packets_to=None if tap is None else tap[2],
        )
        return FFmpegSource(command, script, redacted(url), pixels="yuv420p", clock=clock, fps=fps, tap=tap)

    return _first_that_works(attempt, options, redacted(url))


def open_ffmpeg_file(
    program: str,
    path: Path,
    options: StreamOptions,
    *,
    fps: float | None = None,
    frame_count: int | None = None,
    begun: datetime | None = None,
) -> FFmpegSource:
    """A video file. Raises SourceError where ffmpeg finds no video in it."""

    def attempt(decoder: tuple[str, ...]) -> FFmpegSource:
        command = decode_command(program, file_input(path), options, decoder=decoder)
        return FFmpegSource(command, b"", str(path), fps=fps, frame_count=frame_count, file=path, begun=begun)

    return _first_that_works(attempt, options, str(path))


def described(lines: str) -> tuple[str, float | None]:
    """The codec and the frame rate of the first video stream that ffmpeg's lines describe.

    >>> described("  Stream #0:0: Video: h264 (High), yuv420p(progressive), 1920x1080, 25 fps, 25 tbr")
    ('h264', 25.0)
    """
    stream = _STREAM.search(lines)
    rate = None if stream is None else _RATE.search(stream[0])
    return "" if stream is None else stream[1].lower(), None if rate is None else float(rate[1]) or None


def _first_that_works(
    attempt: Callable[[tuple[str, ...]], FFmpegSource], options: StreamOptions, name: str
) -> FFmpegSource:
    *hardware, processor = decoders(options.decode)
    for decoder in hardware:
        try:
            return attempt(decoder)
        except SourceError as error:
            _log.warning("%s: %s does not decode it, the processor does: %s", name, options.decode, error)
    return attempt(processor)


def _copy(tap: PacketTap, pipe: int) -> None:
    """Hand packets on until the process closes its end."""
    with contextlib.suppress(OSError):
        while data := os.read(pipe, _PACKETS):
            tap.put(data)
    os.close(pipe)
