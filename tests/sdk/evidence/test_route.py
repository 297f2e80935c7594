from __future__ import annotations

from dataclasses import replace

import pytest

from vad_edge.evidence.clips import ClipFacts, choose_route

STREAM = ClipFacts("full", masked=False, source="rtsp://c/1", live=True, codec="h264", has_ffmpeg=True)
FILE = replace(STREAM, source="/data/clip.mp4", live=False, codec="avc1")


@pytest.mark.parametrize(
    ("facts", "way", "code", "reason"),
    [
        (STREAM, "packets", "copied", "h264 is copied as the camera sends it"),
        (replace(STREAM, codec="hevc"), "packets", "copied", "hevc is copied as the camera sends it"),
        (FILE, "cut", "cut", "h264 is cut out of the recording"),
        (replace(FILE, codec="hvc1"), "cut", "cut", "hevc is cut out of the recording"),
        (replace(STREAM, keeping="none"), "none", "keeps_no_picture", "evidence = none keeps no picture"),
        (
            replace(STREAM, keeping="heatmap"),
            "none",
            "keeps_no_picture",
            "evidence = heatmap keeps no picture",
        ),
        (replace(STREAM, keeping="blurred"), "pictures", "blurred", "blurring needs pictures"),
        (
            replace(FILE, masked=True),
            "pictures",
            "masked",
            "masks are burned into pictures, not into packets",
        ),
        (
            replace(STREAM, codec="mjpg"),
            "pictures",
            "codec_not_copied",
            "its codec is mjpg, and only H.264 and H.265 are copied",
        ),
        (
            replace(STREAM, codec=""),
            "pictures",
            "codec_unknown",
            "its codec is not known, and only H.264 and H.265 are copied",
        ),
        (
            replace(STREAM, has_ffmpeg=False),
            "pictures",
            "no_ffmpeg",
            "h264 could be copied, but there is no ffmpeg",
        ),
        (
            replace(STREAM, source="0"),
            "pictures",
            "not_a_network_stream",
            "only network streams have packets to copy",
        ),
    ],
)
def test_the_way_of_a_clip_and_its_reason(facts: ClipFacts, way: str, code: str, reason: str) -> None:
    route = choose_route(facts)
    assert (route.way, route.code, route.reason) == (way, code, reason)


@pytest.mark.parametrize("keeping", ["none", "heatmap", "blurred"])
@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("facts", [STREAM, FILE])
def test_packets_are_never_copied_where_something_is_to_be_hidden(
    facts: ClipFacts, masked: bool, keeping: str
) -> None:
    hidden = replace(facts, keeping=keeping, masked=masked)  # type: ignore[arg-type]
    assert choose_route(hidden).way not in ("cut", "packets")
    assert choose_route(replace(facts, masked=True)).way == "pictures"
