from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

import vad_edge.demo
from vad_edge.bundle.archive import read_bundle, sign_bundle
from vad_edge.bundle.keys import make_key, read_private_key, read_public_key, trusted_keys
from vad_edge.cli import main
from vad_edge.errors import BundleError


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "site.key"
    make_key(path)
    return path


def test_a_key_is_for_its_owner_alone_and_its_public_half_for_all(key: Path) -> None:
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    public = read_public_key(key.with_suffix(".pub"))
    assert public.public_bytes_raw() == read_private_key(key).public_key().public_bytes_raw()


def test_a_key_is_never_overwritten(key: Path) -> None:
    before = key.read_bytes()
    with pytest.raises(BundleError, match="cannot be written: File exists; choose another name"):
        make_key(key)
    assert key.read_bytes() == before


def test_a_signed_bundle_holds_on_a_machine_that_trusts_the_key(
    key: Path, bundle_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed = tmp_path / "signed.vadb"
    sign_bundle(bundle_path, signed, read_private_key(key))
    monkeypatch.setenv("VAD_EDGE_TRUST", str(tmp_path))
    assert read_bundle(signed).signed
    assert read_bundle(signed).manifest == read_bundle(bundle_path, trusted=()).manifest
    with pytest.raises(
        BundleError, match="it is not signed; this device takes bundles signed by a trusted key"
    ):
        read_bundle(bundle_path)


def test_another_key_s_bundle_is_refused(key: Path, bundle_path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.key"
    make_key(other)
    sign_bundle(bundle_path, bundle_path, read_private_key(other))
    with pytest.raises(BundleError, match="which is not a trusted key"):
        read_bundle(bundle_path, trusted=(read_public_key(key.with_suffix(".pub")),))


def test_signing_again_replaces_the_signature(key: Path, bundle_path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.key"
    make_key(other)
    for each in (other, key):
        sign_bundle(bundle_path, bundle_path, read_private_key(each))
    assert read_bundle(bundle_path, trusted=(read_public_key(key.with_suffix(".pub")),)).signed


def test_a_machine_without_keys_takes_any_bundle(bundle_path: Path, tmp_path: Path) -> None:
    assert trusted_keys({"VAD_EDGE_TRUST": str(tmp_path / "none")}) == ()


@pytest.mark.parametrize(
    "text", ["", "not a key", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"]
)
def test_a_trusted_key_that_became_unreadable_closes_the_door(
    bundle_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    (tmp_path / "site.pub").write_text(text)
    monkeypatch.setenv("VAD_EDGE_TRUST", str(tmp_path))
    with pytest.raises(BundleError, match=r"site.pub: cannot be read as a public key"):
        read_bundle(bundle_path)


def test_a_key_of_another_kind_is_none(tmp_path: Path) -> None:
    other = X25519PrivateKey.generate()
    private, public = tmp_path / "x.key", tmp_path / "x.pub"
    private.write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(other.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    with pytest.raises(BundleError, match="cannot be read as a private key"):
        read_private_key(private)
    with pytest.raises(BundleError, match="cannot be read as a public key"):
        read_public_key(public)


def test_keys_are_made_used_and_checked_on_the_command_line(bundle_path: Path, tmp_path: Path) -> None:
    def call(*arguments: object) -> tuple[int, str]:
        result = CliRunner().invoke(main, ["bundle", *map(str, arguments)])
        return result.exit_code, result.output

    key, public = tmp_path / "a.key", tmp_path / "a.pub"
    assert call("keygen", key)[0] == 0
    code, text = call("verify", bundle_path, "--key", public)
    assert (code, "it is not signed" in text) == (2, True)
    assert call("sign", bundle_path, "--key", key) == (0, f"{bundle_path}: signed\n")
    assert call("verify", bundle_path, "--key", public) == (0, f"{bundle_path}: signed by a trusted key\n")
    assert json.loads(call("verify", bundle_path, "--key", public, "--json")[1])["signed"]
    assert "no key was given to check its signature" in call("verify", bundle_path)[1]
    assert call("sign", bundle_path, "--key", public)[0] == 2


def test_the_demo_runs_on_a_machine_that_trusts_others(
    key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAD_EDGE_TRUST", str(tmp_path))
    scene = Path(vad_edge.demo.__file__).parent / "scene.vadb"
    with pytest.raises(BundleError, match="it is not signed"):
        read_bundle(scene)
    assert read_bundle(scene, trusted=()).manifest.name
