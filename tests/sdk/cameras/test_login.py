from __future__ import annotations

import base64
from datetime import datetime, timezone
from pathlib import Path

import pytest
from pydantic import SecretStr

from vad_edge.cameras.login import CameraLogin, read_login, username_token
from vad_edge.errors import ConfigError


def test_the_digest_is_that_of_the_standards_own_example() -> None:
    # ONVIF Programmer's Guide, 6.1: nonce, date and digest of the password "userpassword".
    token = username_token(
        CameraLogin("user", SecretStr("userpassword")),
        base64.b64decode("LKqI6G/AikKCQrN0zqZFlg=="),
        datetime(2010, 9, 16, 7, 50, 45, tzinfo=timezone.utc),
    )
    assert token.created == "2010-09-16T07:50:45Z"
    assert token.nonce == "LKqI6G/AikKCQrN0zqZFlg=="
    assert token.digest == "tuOSpGlFlIXsozq4HFNeeGeFLEI="


def test_a_password_comes_from_its_file_before_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAD_EDGE_ONVIF_PASSWORD", "of the site")
    file = tmp_path / "password"
    file.write_text("of the camera\n")
    found = read_login("admin", file, where="here")
    assert found is not None
    assert found.password.get_secret_value() == "of the camera"
    other = read_login("admin", None, where="here")
    assert other is not None
    assert other.password.get_secret_value() == "of the site"
    assert "of the" not in f"{found!r} {other}"


def test_without_a_user_we_are_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAD_EDGE_ONVIF_PASSWORD", "secret")
    assert read_login(None, None, where="here") is None


def test_a_user_without_a_password_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"here: the user admin has no password; give a password file"):
        read_login("admin", None, where="here")


def test_a_password_without_a_user_is_refused(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("secret")
    with pytest.raises(ConfigError, match="a password needs a user"):
        read_login(None, tmp_path / "password", where="here")


def test_a_password_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"here \(.*/gone\): cannot read the password: No such file"):
        read_login("admin", tmp_path / "gone", where="here")
