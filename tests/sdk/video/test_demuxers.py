from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.ffmpeg import Ffmpeg

from vad_edge.video.demuxer import MatroskaDemuxer, Track
from vad_edge.video.nut import NutDemuxer


def filler(data: bytes) -> Callable[[memoryview], bool]:
    """Gives out the bytes of a stream in the portions that are asked for."""
    place = 0

    def fill(view: memoryview) -> bool:
        nonlocal place
        portion = data[place : place + len(view)]
        view[: len(portion)] = portion
        place += len(portion)
        return len(portion) == len(view)

    return fill


def stream(container: tuple[str, ...], *filters: str, frames: int = 120) -> bytes:
    picture = f"testsrc2=size=32x24:rate=30:duration={frames / 30}"
    shown = ["-vf", ",".join(filters), "-fps_mode", "passthrough"] if filters else []
    raw = ["-c:v", "rawvideo", "-pix_fmt", "bgr24", "-f", *container, "pipe:1"]
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", picture, *shown, *raw]
    return subprocess.run(command, capture_output=True, check=True).stdout


DEMUXERS = [(NutDemuxer, ("nut",)), (MatroskaDemuxer, ("matroska", "-allow_raw_vfw", "1"))]


@pytest.mark.parametrize(("demuxer", "container"), DEMUXERS)
def test_every_picture_comes_whole_and_with_its_own_time(
    ffmpeg: Ffmpeg, demuxer: type[NutDemuxer | MatroskaDemuxer], container: tuple[str, ...]
) -> None:
    found = demuxer(filler(stream(container, r"select=lt(n\,20)+not(mod(n\,7))")))
    track = found.track()
    assert track is not None
    assert (track.width, track.height) == (32, 24)
    image, times, means = np.empty((24, 32, 3), np.uint8), [], []
    while (time_s := found.picture(image)) is not None:
        times.append(time_s)
        means.append(float(image.mean()))
    wanted = [n / 30 for n in range(120) if n < 20 or n % 7 == 0]
    assert times == pytest.approx(wanted, abs=0.0006)
    raw = np.frombuffer(stream(("rawvideo",), r"select=lt(n\,20)+not(mod(n\,7))"), np.uint8)
    assert means == pytest.approx(raw.reshape(len(wanted), -1).mean(axis=1).tolist())


@pytest.mark.parametrize(("demuxer", "container"), DEMUXERS)
def test_pictures_of_another_size_are_a_fault_and_no_picture(
    ffmpeg: Ffmpeg, demuxer: type[NutDemuxer | MatroskaDemuxer], container: tuple[str, ...]
) -> None:
    found = demuxer(filler(stream(container, frames=3)))
    found.track()
    with pytest.raises(ValueError, match=r"a picture has 2,304 bytes and not 6,912"):
        found.picture(np.empty((48, 48, 3), np.uint8))


@pytest.mark.parametrize(("demuxer", "container"), DEMUXERS)
@given(
    cut=st.integers(0, 6000), flips=st.lists(st.tuples(st.integers(0, 5999), st.integers(1, 255)), max_size=4)
)
def test_a_stream_that_is_cut_or_damaged_ends_or_is_a_fault_and_nothing_else(
    demuxer: type[NutDemuxer | MatroskaDemuxer],
    container: tuple[str, ...],
    cut: int,
    flips: list[tuple[int, int]],
) -> None:
    data = bytearray(_whole(container)[:cut])
    for place, bits in flips:
        if place < len(data):
            data[place] ^= bits
    found = demuxer(filler(bytes(data)))
    image = np.empty((24, 32, 3), np.uint8)
    try:
        if found.track() == Track(32, 24, None):
            for _ in range(10):
                found.picture(image)
    except ValueError:
        pass


_made: dict[tuple[str, ...], bytes] = {}


def _whole(container: tuple[str, ...]) -> bytes:
    if container not in _made:
        _made[container] = stream(container, frames=3)
    return _made[container]


@pytest.mark.parametrize("demuxer", [NutDemuxer, MatroskaDemuxer])
@given(data=st.binary(max_size=300))
def test_rubbish_is_a_fault_or_an_end(demuxer: type[NutDemuxer | MatroskaDemuxer], data: bytes) -> None:
    found = demuxer(filler(data))
    with contextlib.suppress(ValueError):
        assert found.track() is None or len(data) > 20
