from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.ffmpeg import Ffmpeg
from tests.support.footage import quiet_frames

from vad_edge.clock import LiveClock
from vad_edge.video.open import open_source
from vad_edge.video.start_time import start_in_name

NOON = datetime(2024, 1, 1, 12, tzinfo=timezone.utc)
EAST = timezone(timedelta(hours=3))


@pytest.mark.parametrize(
    "name",
    [
        "20240101-120000.mkv",
        "20240101_120000.mkv",
        "20240101T120000Z.mkv",
        "2024-01-01T12:00:00.mp4",
        "2024-01-01_12-00-00.mp4",
        "2024-01-01 12.00.00.mp4",
        "2024-01-01T14:00:00+02:00.mp4",
        "2024-01-01T07:00:00-05:00.mp4",
        "20240101120000.mp4",
        "ch01_20240101120000_20240101121000.mp4",
        "192.168.1.64_01_20240101120000000_1.mp4",
        "Camera2_00_20240101120000.mp4",
        "1704110400.mp4",
        "door-1704110400000.mp4",
        "2024/01/01/12-00-00.mp4",
        "2024-01-01/001/12.00.00-12.10.00[R][0@0][0].dav",
        "20240101/ch01_120000.mp4",
        "20240101/120000",
    ],
)
def test_a_name_says_when_a_recording_was_begun(name: str) -> None:
    assert start_in_name(Path("/footage", name), timezone.utc) == NOON


@pytest.mark.parametrize(
    "name",
    [
        "clip.mp4", "01.mkv", "20240101.mp4", "20241301-120000.mp4", "20240230-120000.mp4",
        "20240101-246000.mp4", "00000101-000000.mp4", "12-00-00.mp4", "camera1704110400.mp4",
        "17041104001.mp4", "2024/13/01/12-00-00.mp4",
    ],
)  # fmt: skip
def test_a_name_without_a_moment_or_with_an_impossible_one_says_nothing(name: str) -> None:
    assert start_in_name(Path("/footage", name), timezone.utc) is None


def test_a_name_without_a_zone_means_the_place_it_is_read_at() -> None:
    assert start_in_name(Path("20240101-150000.mkv"), EAST) == NOON
    assert start_in_name(Path("20240101-120000Z.mkv"), EAST) == NOON
    assert start_in_name(Path("20240101-120000.mkv")) == datetime(2024, 1, 1, 12).astimezone()


@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2099, 12, 31)),
    st.sampled_from(["%Y%m%d-%H%M%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d_%H-%M-%S", "%Y%m%d%H%M%S"]),
    st.sampled_from(["", "ch01_", "cam-", "Front Door "]),
)
def test_a_moment_comes_back_from_every_form(moment: datetime, form: str, before: str) -> None:
    whole = moment.replace(microsecond=0, tzinfo=timezone.utc)
    assert start_in_name(Path(f"{before}{whole.strftime(form)}.mp4"), timezone.utc) == whole


@given(st.text(st.sampled_from("0123456789-_.:TZ+ ch")))
def test_no_name_is_an_error_and_every_moment_is_within_reason(name: str) -> None:
    found = start_in_name(Path("/footage/2024-01-01") / f"a{name}.mp4", timezone.utc)
    assert found is None or 1989 <= found.year <= 2100


@pytest.mark.parametrize(
    ("name", "noted", "begun"),
    [
        ("clip.mp4", "2024-01-01T12:00:00Z", NOON),
        ("20240101T120000Z.mp4", "2020-01-01T00:00:00Z", NOON),
        ("clip.mp4", "1970-01-01T00:00:00Z", None),
    ],
)
def test_a_file_says_when_it_was_begun(
    ffmpeg: Ffmpeg, tmp_path: Path, name: str, noted: str, begun: datetime | None
) -> None:
    clip = ffmpeg.encode(tmp_path / name, quiet_frames(5), created=noted)
    source = open_source(str(clip), LiveClock())
    source.close()
    assert source.info.begun == begun
