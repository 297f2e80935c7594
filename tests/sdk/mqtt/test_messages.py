from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vad_edge.mqtt.messages import json_object, json_value

NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_json_is_read_and_only_an_object_is_an_object(value: Any) -> None:
    payload = json.dumps(value).encode()
    assert json_value(payload) == value
    assert json_object(payload) == (value if isinstance(value, dict) else None)


@given(st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_no_payload_ever_raises(payload: bytes) -> None:
    assert json_object(payload) is None or payload.lstrip()


@pytest.mark.parametrize("payload", [b"", b"\xff", b"[]", b"{", b"[" * 100_000, b'{"a":' * 100_000])
def test_what_is_no_object_is_none(payload: bytes) -> None:
    assert json_object(payload) is None
