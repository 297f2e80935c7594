from __future__ import annotations

import urllib.request
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from vad_edge.cameras.http_digest import authorization, challenge_of
from vad_edge.cameras.login import CameraLogin

LOGIN = CameraLogin("admin", SecretStr("Secret#1"))


@pytest.mark.parametrize(
    "challenge",
    [
        {"realm": "camera", "nonce": "n1", "qop": "auth"},
        {"realm": "camera", "nonce": "n1", "qop": "auth", "opaque": "o", "algorithm": "MD5"},
        {"realm": "old camera", "nonce": "n1"},
    ],
)
def test_the_answer_to_a_challenge_is_that_of_the_standard_library(
    challenge: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    passwords.add_password(None, "http://camera/", "admin", "Secret#1")
    theirs: Any = urllib.request.HTTPDigestAuthHandler(passwords)
    monkeypatch.setattr(theirs, "get_cnonce", lambda nonce: "c1")
    request = urllib.request.Request("http://camera/onvif/media", data=b"x", method="POST")
    expected = theirs.get_authorization(request, challenge)
    ours = authorization(challenge, LOGIN, "/onvif/media", "c1")
    response = f'response="{expected.partition(chr(34) + ", response=" + chr(34))[2][:32]}"'
    assert response in ours
    assert ours.startswith('Digest username="admin", realm=')
    assert "Secret" not in ours


def test_a_challenge_that_cannot_be_answered_is_none() -> None:
    assert challenge_of('Basic realm="camera"') is None
    assert challenge_of('Digest realm="camera", nonce="n", qop="auth-int"') is None
    assert challenge_of('Digest realm="camera", nonce="n", algorithm=SHA-512-256') is None
    assert challenge_of('Digest realm="camera"') is None
    assert challenge_of('Digest realm="a, b", nonce="n", qop="auth-int,auth", algorithm=SHA-256') == {
        "realm": "a, b",
        "nonce": "n",
        "qop": "auth-int,auth",
        "algorithm": "SHA-256",
    }


@given(st.text(max_size=200))
def test_any_challenge_gives_an_answer_of_one_line_or_none(text: str) -> None:
    challenge = challenge_of(f'Digest nonce="n", {text}')
    if challenge is not None:
        answer = authorization(challenge, LOGIN, "/", "c")
        assert not set(answer) & {"\r", "\n", "\0"}
