from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from vad_edge.common.escape import for_markup, plain


def test_what_a_terminal_obeys_is_shown_instead() -> None:
    assert plain("door\x1b[2Jopen\r\n\u202eevil\x9b1m") == "door\\x1b[2Jopen\\r\\n\\u202eevil\\x9b1m"
    assert plain("Tür 3 \N{WARNING SIGN} 猫") == "Tür 3 \N{WARNING SIGN} 猫"


@given(st.text(st.characters(exclude_categories=[])))
def test_no_control_sign_and_no_second_line_is_left(text: str) -> None:
    shown = plain(text)
    assert len(shown.splitlines()) <= 1
    assert all(ord(sign) >= 0x20 and not 0x7F <= ord(sign) <= 0x9F for sign in shown)
    assert plain(shown) == shown


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_markup_shows_the_text_itself(text: str) -> None:
    assert Text.from_markup(for_markup(text)).plain == plain(text)
