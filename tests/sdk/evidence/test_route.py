from __future__ import annotations

from dataclasses import replace

import pytest

from vad_edge.evidence.clips import ClipFacts, choose_route

STREAM = ClipFacts("full", masked=False, source="rtsp://c/1", live=True, codec="h264", has_ffmpeg=True)
FILE = replace(STREAM, source="/data/clip.mp4", live=False, codec="avc1")


@pytest.mark.parametrize(
    ("facts", "way", "reason"),
    [
        (STREAM, "packets", "h264 is copied as the camera sends it"),
        (replace(STREAM, codec="hevc"), "packets", "hevc is copied as the camera sends it"),
        (FILE, "cut", "h264 is cut out of the recording"),
        (replace(FILE, codec="hvc1"), "cut", "hevc is cut out of the recording"),
        (replace(STREAM, keeping="none"), "none", "evidence = none keeps no picture"),
        (replace(STREAM, keeping="heatmap"), "none", "evidence = heatmap keeps no picture"),
        (replace(STREAM, keeping="blurred"), "pictures", "blurring needs pictures"),
        (replace(FILE, masked=True), "pictures", "masks are burned into pictures, not into packets"),
        (
            replace(STREAM, codec="mjpg"),
            "pictures",
            "its codec is mjpg, and only H.264 and H.265 are copied",
        ),
        (
            replace(STREAM, codec=""),
            "pictures",
            "its codec is not known, and only H.264 and H.265 are copied",
        ),
        (
            replace(STREAM, has_ffmpeg=False),
            "pictures",
            "h264 could be copied, but there is no ffmpeg",
        ),
        (replace(STREAM, source="0"), "pictures", "only network streams can be read a second time"),
    ],
)
def test_the_way_of_a_clip_and_its_reason(facts: ClipFacts, way: str, reason: str) -> None:
    route = choose_route(facts)
    assert (route.way, route.reason) == (way, reason)


@pytest.mark.parametrize("keeping", ["none", "heatmap", "blurred"])
@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("facts", [STREAM, FILE])
def test_packets_are_never_copied_where_something_is_to_be_hidden(
    facts: ClipFacts, masked: bool, keeping: str
) -> None:
    hidden = replace(facts, keeping=keeping, masked=masked)  # type: ignore[arg-type]
    assert choose_route(hidden).way not in ("cut", "packets")
    assert choose_route(replace(facts, masked=True)).way == "pictures"
