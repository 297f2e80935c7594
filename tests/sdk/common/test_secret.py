from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vad_edge.common.secret import needs_encoding, redacted

WORDS = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_characters="\x7f\x85\xa0"), min_size=1
).map(lambda word: f"CANARY{word}CANARY")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rtsp://admin:Secret#1@camera/stream", "rtsp://***@camera/stream"),
        ("rtsp://admin:p@ss/w?rd@camera:554/1", "rtsp://***@camera:554/1"),
        ("mqtt://a:b@host and rtsp://c:d@host", "mqtt://***@host and rtsp://***@host"),
        ("https://hook/x?token=abc&size=2", "https://hook/x?token=***&size=2"),
        ("gst:rtspsrc location=rtsp://c/1 user-pw=x ! a", "gst:rtspsrc location=rtsp://c/1 user-pw=*** ! a"),
        ("rtsp://camera/stream", "rtsp://camera/stream"),
        ("clip.mkv ends after 3 of 5 frames", "clip.mkv ends after 3 of 5 frames"),
        ("alice@example.org called", "alice@example.org called"),
    ],
)
def test_credentials_are_hidden_and_nothing_else(text: str, shown: str) -> None:
    assert redacted(text) == shown


@given(WORDS, WORDS)
def test_no_password_is_shown_whatever_signs_it_has(user: str, password: str) -> None:
    text = f"rtsp://{user}:{password}@camera/stream: cannot be opened"
    assert "CANARY" not in redacted(text)
    assert redacted(text).endswith("@camera/stream: cannot be opened")


@given(WORDS)
def test_an_encoded_password_needs_no_hint(password: str) -> None:
    assert not needs_encoding(f"rtsp://admin:{quote(password, safe='')}@camera/stream")
