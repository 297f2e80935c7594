"""Which source a name stands for, opened."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, TypeGuard
from urllib.parse import unquote

from vad_edge.clock import RunClock
from vad_edge.common.plugin_loader import OWN_NAMES, SOURCES, load
from vad_edge.common.secret import redacted
from vad_edge.errors import PluginError, SourceError
from vad_edge.video.ffmpeg import find_ffmpeg
from vad_edge.video.guarded import GuardedSource, asked
from vad_edge.video.probe import FileFacts, probe
from vad_edge.video.source import FrameSource, Source, SourceFactory, SourceRequest
from vad_edge.video.start_time import start_in_name
from vad_edge.video.stream_options import AS_IT_COMES, StreamOptions

SourceSpec = str | int | Path | Source | SourceFactory
"""What a source can be given as: a name, or one's own object."""

_CSI: Final = re.compile(r"csi(?::(\d+))?")
_PROGRESSIVE: Final = ("ffv1", "mjpg", "mjpeg", "vp80", "vp90", "vp8", "vp9", "av01")
"""Codecs, as OpenCV calls them, that have no half pictures in practice."""
_ONLY_FFMPEG: Final = "and only ffmpeg can do that"
_INSTALL: Final = "apt install ffmpeg"
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)


def open_source(
    spec: SourceSpec, clock: RunClock, *, fps: float | None = None, options: StreamOptions = AS_IT_COMES
) -> FrameSource:
    """Open what `spec` names.

    A number is a camera index, and a device under ``/dev`` a camera; ``gst:PIPELINE`` a GStreamer pipeline
    and ``csi`` or ``csi:N`` a Jetson's CSI camera through it; ``rtsp://``, ``http://`` and ``https://`` are
    streams, or a recording where a web server sends one that has an end; any other ``scheme://`` is the
    plug-in's of that name, or else a stream too; a folder holds images; anything else, and ``file://``, is a
    video file. A factory is called, and a source taken as it is. fps overrides what the source says.
    Streams, and files that OpenCV cannot decode as options ask for it, are decoded by the system's ffmpeg.
    Raises SourceError: what is not there, what to check, and why a plug-in cannot be used.
    """
    if not isinstance(spec, (str, int, Path)):
        return _given(spec, clock, fps)
    text = str(spec).strip()
    csi = _CSI.fullmatch(text)
    if csi is not None or text.startswith("gst:"):
        from vad_edge.video.gstreamer import GStreamerSource, csi_pipeline

        rate = fps or 30.0
        pipeline = text.removeprefix("gst:") if csi is None else csi_pipeline(int(csi[1] or 0), rate)
        return GStreamerSource(pipeline, clock, fps=rate)

    from vad_edge.video.opencv import open_camera

    pixels = options.pixel_format
    if text.isdigit():
        return open_camera(
            Path(f"/dev/video{text}"), clock, name=f"camera {text}", fps=fps, pixel_format=pixels
        )
    text = without_file_scheme(text)
    if text.startswith("/dev/"):
        return open_camera(Path(text), clock, fps=fps, pixel_format=pixels)
    if "://" in text:
        return _of_scheme(text, clock, fps, options)
    if Path(text).is_dir():
        from vad_edge.video.images import ImageFolderSource

        return ImageFolderSource(Path(text), fps=fps or 10.0)
    return _file(Path(text), fps, options)


def split_scheme(url: str) -> tuple[str, str]:
    """A URL's scheme, in lower case, and what follows the ``://``; no scheme where it is not one.

    >>> split_scheme("Noise://64x48?seed=1")
    ('noise', '64x48?seed=1')
    """
    match = _SCHEME.fullmatch(url)
    return (match[1].lower(), match[2]) if match else ("", url)


def without_file_scheme(text: str) -> str:
    """The path of a ``file://`` URL; any other text as it is.

    >>> without_file_scheme("file:///clips/a%20b.mkv")
    '/clips/a b.mkv'
    """
    return unquote(text.removeprefix("file://").removeprefix("localhost")) if text[:7] == "file://" else text


def can_reopen(spec: SourceSpec) -> bool:
    """Whether a live source that was lost can be opened again: a name or a factory, not a source itself."""
    return isinstance(spec, (str, int, Path)) or not _is_open(spec)


def _of_scheme(url: str, clock: RunClock, fps: float | None, options: StreamOptions) -> FrameSource:
    scheme, place = split_scheme(url)
    if not scheme or scheme in OWN_NAMES[SOURCES]:
        return _stream(url, clock, fps, options)
    try:
        factory = load(SOURCES, scheme)
    except PluginError as error:
        raise SourceError(str(error), where=redacted(url)) from error
    if factory is not None:
        return _made(factory, SourceRequest(place, clock, fps), redacted(url))
    try:
        return _stream(url, clock, fps, options)
    except SourceError as error:
        raise SourceError(
            f"no plug-in brings {scheme}://, and it cannot be opened as a stream",
            where=error.where,
            fix="check how it is spelt; `vad-edge plugins` lists what plug-ins bring",
        ) from error


def _stream(url: str, clock: RunClock, fps: float | None, options: StreamOptions) -> FrameSource:
    """A network stream. OpenCV says whether a web server sends a recording, and reads where ffmpeg is not."""
    from vad_edge.video.ffmpeg_source import open_ffmpeg_stream
    from vad_edge.video.opencv import open_stream, says_interlaced_itself

    program = find_ffmpeg()
    if program is None:
        source = open_stream(url, clock, fps=fps)
        if source.info.codec not in _PROGRESSIVE and says_interlaced_itself(url):
            source.close()
            raise SourceError(f"it is interlaced, {_ONLY_FFMPEG}", where=redacted(url), fix=_INSTALL)
        return source
    if url.startswith("http"):
        try:
            source = open_stream(url, clock, fps=fps)
        except SourceError:
            return open_ffmpeg_stream(program, url, clock, options, fps=fps)  # which says why
        if not source.info.live:
            return source
        source.close()
    return open_ffmpeg_stream(program, url, clock, options, fps=fps)


def _file(path: Path, fps: float | None, options: StreamOptions) -> FrameSource:
    from vad_edge.video.ffmpeg_source import open_ffmpeg_file
    from vad_edge.video.opencv import open_file

    source = open_file(path, fps=fps)
    begun = start_in_name(path)
    halves = source.info.codec not in _PROGRESSIVE
    found = probe(path) if halves or begun is None else None
    begun = begun or (None if found is None else found.begun)
    source.note_begun(begun)
    interlaced = halves and _is_interlaced(path, found)
    program = find_ffmpeg()
    if options.plain and not interlaced:
        return source
    source.close()
    if program is None:
        what = "it is interlaced" if interlaced else f"decode = {options.decode} or a width is asked for"
        raise SourceError(f"{what}, {_ONLY_FFMPEG}", where=str(path), fix=_INSTALL)
    return open_ffmpeg_file(program, path, options, fps=fps, frame_count=source.info.frame_count, begun=begun)


def _is_interlaced(path: Path, found: FileFacts | None) -> bool:
    from vad_edge.video.opencv import says_interlaced_itself

    return says_interlaced_itself(str(path.absolute())) if found is None else found.interlaced


def _given(spec: Source | SourceFactory, clock: RunClock, fps: float | None) -> FrameSource:
    name = str(getattr(spec, "__name__", type(spec).__name__))
    if _is_open(spec):
        return GuardedSource(spec, name)
    if callable(spec):
        return _made(spec, SourceRequest("", clock, fps), name)
    raise SourceError(
        f"{name} is no source", fix="give a path, a URL, an object with read(), or a function that opens one"
    )


def _is_open(spec: Source | SourceFactory) -> TypeGuard[Source]:
    """A class that has `read` opens sources; an object that has it is one."""
    return hasattr(spec, "read") and not isinstance(spec, type)


def _made(factory: SourceFactory, request: SourceRequest, name: str) -> FrameSource:
    return GuardedSource(asked(lambda: factory(request), name), name)
