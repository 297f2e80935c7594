from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from vad_edge.bridges.webhook.endpoint import Response, asked_s, judge
from vad_edge.bridges.webhook.request import (
    TOKEN_VARIABLE,
    Credentials,
    read_secret,
    request,
    signing_key,
    to_keep,
)
from vad_edge.errors import ConfigError

Make = Callable[..., dict[str, Any]]
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=timezone.utc)


def test_structured_mode_sends_the_whole_event(cloudevent: Make) -> None:
    headers, body = request(cloudevent(1), "structured", Credentials(), now_s=0)
    assert headers["Content-Type"] == "application/cloudevents+json; charset=utf-8"
    assert json.loads(body) == cloudevent(1)


def test_binary_mode_sends_the_data_and_the_rest_as_headers(cloudevent: Make) -> None:
    headers, body = request(cloudevent(1, note="Tür"), "binary", Credentials(), now_s=0)
    assert json.loads(body) == cloudevent(1, note="Tür")["data"]
    assert headers["Content-Type"] == "application/json"
    assert {name for name in headers if name.startswith("ce-")} == {
        *("ce-specversion", "ce-id", "ce-source", "ce-type", "ce-time", "ce-subject", "ce-dataschema")
    }


def test_binary_mode_escapes_what_a_header_cannot_hold(cloudevent: Make) -> None:
    event = {**cloudevent(1), "subject": 'Tür "1" 50%\r\n', "datacontenttype": "a/b\r\nx: y", "replay": True}
    headers, _ = request(event, "binary", Credentials(), now_s=0)
    assert headers["ce-subject"] == "T%C3%BCr%20%221%22%2050%25%0D%0A"
    assert headers["Content-Type"] == "a/b%0D%0Ax: y"
    assert headers["ce-replay"] == "true"


def test_the_signature_is_that_of_the_standard_webhooks(cloudevent: Make) -> None:
    key = b"0123456789abcdef"
    secret = "whsec_" + base64.b64encode(key).decode()
    headers, body = request(
        cloudevent(1), "structured", Credentials(key=signing_key(secret)), now_s=1_700_000_000.9
    )
    signed = b"event-0001.1700000000." + body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == ("event-0001", "1700000000")


def test_a_token_is_a_bearer_token_and_is_never_printed(cloudevent: Make) -> None:
    credentials = Credentials("very-secret", b"hidden")
    headers, _ = request(cloudevent(1), "structured", credentials, now_s=0)
    assert headers["Authorization"] == "Bearer very-secret"
    assert "secret" not in repr(credentials)
    assert "hidden" not in repr(credentials)


def test_a_key_that_is_not_base64_is_refused() -> None:
    with pytest.raises(ConfigError, match="not base64"):
        signing_key("whsec_***")


def test_a_secret_comes_from_the_environment_before_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "token"
    file.write_text("from-file\n")
    assert read_secret(file, TOKEN_VARIABLE, "webhook.token_file") == "from-file"
    monkeypatch.setenv(TOKEN_VARIABLE, "from-environment")
    assert read_secret(file, TOKEN_VARIABLE, "webhook.token_file") == "from-environment"


@pytest.mark.parametrize("text", ["", "two\nlines", "with space", "Tür"])
def test_a_secret_that_no_header_can_hold_is_refused_without_showing_it(tmp_path: Path, text: str) -> None:
    (tmp_path / "token").write_text(text)
    with pytest.raises(ConfigError, match="printable ASCII") as refusal:
        read_secret(tmp_path / "token", TOKEN_VARIABLE, "webhook.token_file")
    assert not text or text not in str(refusal.value)


def test_a_secret_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"webhook\.token_file .*none.*No such file"):
        read_secret(tmp_path / "none", TOKEN_VARIABLE, "webhook.token_file")


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (200, "taken"),
        (202, "taken"),
        (204, "taken"),
        (301, "again"),
        (307, "again"),
        (400, "refused"),
        (401, "again"),
        (403, "again"),
        (404, "again"),
        (408, "again"),
        (410, "again"),
        (413, "refused"),
        (415, "again"),
        (422, "refused"),
        (429, "again"),
        (500, "again"),
        (503, "again"),
        (0, "again"),
    ],
)
def test_only_an_answer_about_the_event_itself_refuses_it(status: int, verdict: str) -> None:
    assert judge(Response(status, "why"))[0] == verdict


def test_a_redirect_says_where_to_without_the_query() -> None:
    answer = Response(308, "Permanent Redirect", location="https://new.example/hook?token=abc")
    assert judge(answer)[1] == (
        "answered 308 Permanent Redirect, pointing to https://new.example/hook; "
        "set webhook.url to where events belong"
    )


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("120", 120.0),
        ("Sun, 01 Mar 2026 12:02:00 GMT", 120.0),
        ("999999999", 3600.0),
        ("soon", 0.0),
        ("-5", 0.0),
        ("Sun, 01 Mar 2020 12:02:00 GMT", 0.0),
    ],
)
def test_an_endpoint_may_ask_for_time(retry_after: str, seconds: float) -> None:
    assert asked_s(Response(503, retry_after=retry_after), NOW) == seconds


def test_a_replayed_event_says_so(cloudevent: Make) -> None:
    payload = json.dumps(cloudevent(1)).encode()
    assert json.loads((to_keep(payload, replayed=True) or ("", b""))[1])["replay"] is True
    assert json.loads((to_keep(payload, replayed=False) or ("", b""))[1]) == cloudevent(1)


@pytest.mark.parametrize(
    "change",
    [
        {"id": ""},
        {"id": 7},
        {"type": None},
        {"Bad Name": "x"},
        {"ext\r\nx": "y"},
        {"ext": {"a": 1}},
        {"data": float("nan")},
        {"subject": "\ud800"},
    ],
)
def test_what_is_no_cloudevent_is_left_out(cloudevent: Make, change: dict[str, Any]) -> None:
    assert to_keep(json.dumps({**cloudevent(1), **change}).encode(), replayed=False) is None


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b"\xff", b"[" * 100_000])
def test_what_is_no_json_object_is_left_out(payload: bytes) -> None:
    assert to_keep(payload, replayed=False) is None
