from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from vad_edge.bundle.archive import read_bundle, write_bundle
from vad_edge.bundle.manifest import Manifest
from vad_edge.errors import BundleError

OURS = Ed25519PrivateKey.from_private_bytes(b"o" * 32)
THEIRS = Ed25519PrivateKey.from_private_bytes(b"t" * 32)


@pytest.fixture
def signed_path(tmp_path: Path, manifest: Manifest, members: dict[str, bytes]) -> Path:
    path = tmp_path / "signed.vadb"
    write_bundle(path, manifest, members, signing_key=OURS)
    return path


def replace_member(path: Path, name: str, data: bytes) -> None:
    with zipfile.ZipFile(path) as archive:
        parts = {part: archive.read(part) for part in archive.namelist()}
    parts[name] = data
    with zipfile.ZipFile(path, "w") as archive:
        for part, content in parts.items():
            archive.writestr(part, content)


def test_a_bundle_signed_by_a_trusted_key_is_signed(signed_path: Path) -> None:
    assert read_bundle(signed_path, trusted=[THEIRS.public_key(), OURS.public_key()]).signed


def test_a_signature_means_nothing_where_no_key_is_trusted(signed_path: Path) -> None:
    assert not read_bundle(signed_path).signed


def test_an_unsigned_bundle_is_refused_once_a_key_is_trusted(bundle_path: Path) -> None:
    with pytest.raises(
        BundleError, match="it is not signed; this device takes bundles signed by a trusted key"
    ):
        read_bundle(bundle_path, trusted=[OURS.public_key()])


def test_a_bundle_signed_by_another_key_is_refused(signed_path: Path) -> None:
    with pytest.raises(BundleError, match="which is not a trusted key"):
        read_bundle(signed_path, trusted=[THEIRS.public_key()])


@pytest.mark.parametrize("changed", ["manifest.json", "model.fp32.onnx"])
def test_a_signature_of_other_contents_is_refused_even_where_no_key_is_trusted(
    signed_path: Path, bundle_path: Path, changed: str
) -> None:
    data = read_bundle(bundle_path).manifest.model_dump_json().encode()
    replace_member(signed_path, changed, data)
    with pytest.raises(BundleError, match="signature does not match its contents"):
        read_bundle(signed_path)


@pytest.mark.parametrize("text", [b"", b"[]", b'{"public_key": "00", "signature": ""}', b'{"public_key": 1}'])
def test_a_garbled_signature_is_refused(signed_path: Path, text: bytes) -> None:
    replace_member(signed_path, "signature", text)
    with pytest.raises(BundleError, match="signature does not match"):
        read_bundle(signed_path, trusted=[OURS.public_key()])


def test_the_signature_is_the_last_member(signed_path: Path) -> None:
    with zipfile.ZipFile(signed_path) as archive:
        assert archive.namelist()[-1] == "signature"
