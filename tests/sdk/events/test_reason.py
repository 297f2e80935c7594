from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vad_edge.events.reason import Reason, rarity_reason, share_reasons


@pytest.mark.parametrize(
    ("surprise", "frames", "block_s", "code", "text"),
    [
        (0.1, 5000, 0.0, "video_common", "video as common as normal footage"),
        (2.1, 5000, 0.0, "video_rare", "video rarer than 1 frame in 120 of normal footage"),
        (2.1, 5000, 60.0, "video_rare", "video rarer than 1 stretch of 60 s in 120 of normal footage"),
        (
            4.0, 5000, 0.0, "video_beyond_footage",
            "video rarer than anything expected in 5,000 frames of normal footage",
        ),
    ],
)  # fmt: skip
def test_rarity_is_a_code_with_figures(
    surprise: float, frames: int, block_s: float, code: str, text: str
) -> None:
    reason = rarity_reason(surprise, frames, block_s)
    assert (reason.code, reason.text) == (code, text)


def test_the_largest_share_comes_first_and_nothing_has_no_share() -> None:
    reasons = share_reasons({"door": 0.5, "motion": 2.0, "pir": 0.0})
    assert [reason.params["source"] for reason in reasons] == ["motion", "door"]
    assert reasons[0].text == "motion adds 2 to the risk"


@given(st.text(), st.dictionaries(st.text(), st.integers() | st.text() | st.none()))
def test_a_reason_always_has_a_text(code: str, params: dict[str, object]) -> None:
    assert isinstance(Reason(code, params).text, str)
    for known in ("video_rare", "video_beyond_footage", "share", "tamper"):
        assert Reason(known, params).text
