from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vad_edge.bundle.archive import Bundle, read_bundle, write_bundle
from vad_edge.bundle.manifest import Manifest
from vad_edge.errors import BundleError


def contents(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rezip(path: Path, parts: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)


def edit_manifest(path: Path, **changes: Any) -> None:
    parts = contents(path)
    parts["manifest.json"] = json.dumps({**json.loads(parts["manifest.json"]), **changes}).encode()
    rezip(path, parts)


def test_what_is_written_is_read_back(bundle_path: Path, members: dict[str, bytes]) -> None:
    bundle = read_bundle(bundle_path)
    assert bundle.member("model.fp32.onnx") == members["model.fp32.onnx"]
    assert bundle.manifest.members == {n: hashlib.sha256(data).hexdigest() for n, data in members.items()}
    assert bundle.sha256 == hashlib.sha256(bundle_path.read_bytes()).hexdigest()
    assert not bundle.signed


def test_the_same_content_gives_the_same_bytes(
    bundle_path: Path, manifest: Manifest, members: dict[str, bytes], tmp_path: Path
) -> None:
    again = tmp_path / "again.vadb"
    write_bundle(again, manifest, dict(reversed(members.items())))
    assert again.read_bytes() == bundle_path.read_bytes()


def test_initial_states_come_as_arrays_and_default_to_zeros(bundle_path: Path) -> None:
    bundle = read_bundle(bundle_path)
    np.testing.assert_array_equal(bundle.initial_state("background"), [[0, 1, 2], [3, 4, 5]])
    assert bundle.initial_state("count").dtype == np.uint8
    with pytest.raises(BundleError, match="the model has no state 'other'"):
        bundle.initial_state("other")


def test_an_initial_state_of_another_shape_is_refused(
    manifest: Manifest, members: dict[str, bytes], tmp_path: Path
) -> None:
    path = tmp_path / "wrong.vadb"
    members["initial.background.npy"] = b"not an array"
    write_bundle(path, manifest, members)
    with pytest.raises(BundleError, match=r"initial\.background\.npy: it is no array"):
        read_bundle(path).initial_state("background")
    wide = manifest.states[0].model_copy(update={"shape": (2, 4)})
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(1))
    members["initial.background.npy"] = buffer.getvalue()
    write_bundle(path, manifest.model_copy(update={"states": (wide,)}), members)
    with pytest.raises(BundleError, match=r"it holds float64 \(1,\), not float32 \(2, 4\)"):
        read_bundle(path).initial_state("background")


def test_a_graph_is_found_by_precision_and_backend(bundle_path: Path) -> None:
    bundle = read_bundle(bundle_path)
    assert bundle.graph().member == "model.fp32.onnx"
    assert bundle.graph("fp32", "tensorrt").member == "model.fp32.onnx"
    with pytest.raises(BundleError, match="it has no int8 graph for onnxruntime, only fp32 for any"):
        bundle.graph("int8")


def test_the_description_is_plain_data(bundle_path: Path) -> None:
    shown = json.loads(json.dumps(read_bundle(bundle_path).describe()))
    assert shown["name"] == "tiny"
    assert shown["graphs"][0]["bytes"] == len(b"graph bytes")
    assert shown["graphs"][0]["calibration"] is None


def test_a_member_that_is_not_there_is_named(bundle_path: Path) -> None:
    with pytest.raises(BundleError, match="there is no member 'other'"):
        read_bundle(bundle_path).member("other")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"no\.vadb: cannot be read: No such file .* give a \.vadb"):
        read_bundle(tmp_path / "no.vadb")


def test_a_file_that_is_no_zip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "video.vadb"
    path.write_bytes(b"\x00" * 100)
    with pytest.raises(BundleError, match=r"damaged or no bundle at all.*fetch or export the bundle again"):
        read_bundle(path)


def test_a_truncated_bundle_is_refused(bundle_path: Path) -> None:
    bundle_path.write_bytes(bundle_path.read_bytes()[:-30])
    with pytest.raises(BundleError, match="damaged"):
        read_bundle(bundle_path)


def test_a_newer_schema_is_told_from_a_broken_manifest(bundle_path: Path) -> None:
    edit_manifest(bundle_path, schema_version=2, new_field={})
    with pytest.raises(BundleError, match=r"made by a newer vad-edge: its schema is 2.*update vad-edge"):
        read_bundle(bundle_path)


@pytest.mark.parametrize("version", [0, -1, "1", None, True, 1.0])
def test_a_schema_version_that_is_none_is_refused(bundle_path: Path, version: object) -> None:
    edit_manifest(bundle_path, schema_version=version)
    with pytest.raises(BundleError, match="it names no schema_version"):
        read_bundle(bundle_path)


def test_a_manifest_error_names_its_key(bundle_path: Path) -> None:
    edit_manifest(bundle_path, clock={"fps": 0, "warmup_frames": 2})
    with pytest.raises(BundleError, match=r"manifest\.json: clock\.fps: Input should be greater than 0"):
        read_bundle(bundle_path)


@pytest.mark.parametrize("text", [b"{", b"[]", b"[" * 100_000, b"\xff"])
def test_a_manifest_that_is_no_json_object_is_refused(bundle_path: Path, text: bytes) -> None:
    rezip(bundle_path, {**contents(bundle_path), "manifest.json": text})
    with pytest.raises(BundleError, match=r"manifest\.json: it (is not JSON|names no schema_version)"):
        read_bundle(bundle_path)


def test_a_zip_without_manifest_is_refused(bundle_path: Path) -> None:
    rezip(bundle_path, {"readme.txt": b"hello"})
    with pytest.raises(BundleError, match=r"it has no manifest\.json"):
        read_bundle(bundle_path)


def test_a_changed_member_is_refused(bundle_path: Path) -> None:
    rezip(bundle_path, {**contents(bundle_path), "model.fp32.onnx": b"other graph"})
    with pytest.raises(BundleError, match=r"'model\.fp32\.onnx' is not what the manifest says"):
        read_bundle(bundle_path)


def test_an_extra_member_is_refused(bundle_path: Path) -> None:
    rezip(bundle_path, {**contents(bundle_path), "extra.bin": b""})
    with pytest.raises(BundleError, match=r"'extra\.bin' is not in the manifest"):
        read_bundle(bundle_path)


def test_a_missing_member_is_refused(bundle_path: Path) -> None:
    parts = contents(bundle_path)
    del parts["initial.background.npy"]
    rezip(bundle_path, parts)
    with pytest.raises(BundleError, match=r"'initial\.background\.npy' is missing"):
        read_bundle(bundle_path)


def test_a_graph_that_is_no_member_is_refused(bundle_path: Path) -> None:
    edit_manifest(bundle_path, graphs=[{"member": "other.onnx", "precision": "fp32"}])
    with pytest.raises(BundleError, match=r"'other\.onnx' is missing"):
        read_bundle(bundle_path)


@pytest.mark.parametrize("name", ["../evil", "/etc/passwd", "a/b", "..", "a\\b", "é"])
def test_a_member_that_is_no_plain_name_is_refused(bundle_path: Path, name: str) -> None:
    rezip(bundle_path, {**contents(bundle_path), name: b"x"})
    with pytest.raises(BundleError, match="is not a plain file name"):
        read_bundle(bundle_path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_is_there_twice_is_refused(bundle_path: Path) -> None:
    with zipfile.ZipFile(bundle_path, "a") as archive:
        archive.writestr("model.fp32.onnx", b"second")
    with pytest.raises(BundleError, match=r"'model\.fp32\.onnx' is there twice"):
        read_bundle(bundle_path)


def test_an_encrypted_member_is_refused(bundle_path: Path) -> None:
    data = bytearray(bundle_path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    bundle_path.write_bytes(data)
    with pytest.raises(BundleError, match=r"'manifest\.json' is encrypted"):
        read_bundle(bundle_path)


def test_a_compressed_member_is_refused_so_that_none_can_explode(bundle_path: Path) -> None:
    rezip(bundle_path, {"manifest.json": bytes(10_000_000)}, zipfile.ZIP_DEFLATED)
    with pytest.raises(BundleError, match=r"'manifest\.json' is compressed"):
        read_bundle(bundle_path)


def test_a_file_beyond_all_measure_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.vadb"
    with path.open("wb") as file:
        os.truncate(file.fileno(), 1 << 40)
    with pytest.raises(BundleError, match="1099511627776 bytes are more than a bundle may have"):
        read_bundle(path)


def test_members_that_lie_about_their_size_are_refused(bundle_path: Path) -> None:
    data = bytearray(bundle_path.read_bytes())
    entry = data.index(b"PK\x01\x02")
    data[entry + 20 : entry + 28] = (0x7FFFFFFF).to_bytes(4, "little") * 2
    bundle_path.write_bytes(data)
    with pytest.raises(BundleError, match="its members would take"):
        read_bundle(bundle_path)


def test_a_manifest_that_does_not_fit_its_members_is_not_written(manifest: Manifest, tmp_path: Path) -> None:
    path = tmp_path / "x.vadb"
    with pytest.raises(BundleError, match=r"'model\.fp32\.onnx' is missing"):
        write_bundle(path, manifest, {})
    assert not path.exists()


def test_a_member_with_an_odd_name_is_not_written(
    manifest: Manifest, members: dict[str, bytes], tmp_path: Path
) -> None:
    with pytest.raises(BundleError, match=r"members\.\.\./evil"):
        write_bundle(tmp_path / "x.vadb", manifest, {**members, "../evil": b""})


def test_a_folder_that_is_not_there_is_reported(
    manifest: Manifest, members: dict[str, bytes], tmp_path: Path
) -> None:
    with pytest.raises(BundleError, match="cannot be written: No such file or directory"):
        write_bundle(tmp_path / "none" / "x.vadb", manifest, members)


def test_writing_leaves_no_draft_behind(bundle_path: Path) -> None:
    assert [path.name for path in bundle_path.parent.iterdir()] == ["tiny.vadb"]


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(place=st.floats(0, 1, exclude_max=True), value=st.integers(0, 255))
def test_a_changed_byte_is_refused_or_harmless(bundle_path: Path, place: float, value: int) -> None:
    whole = read_bundle(bundle_path)
    data = bytearray(bundle_path.read_bytes())
    data[int(place * len(data))] = value
    changed = bundle_path.with_name("changed.vadb")
    changed.write_bytes(data)
    try:
        bundle = read_bundle(changed)
    except BundleError:
        return
    assert same_content(bundle, whole)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_garbled_zip_structures_raise_nothing_but_bundle_errors(
    bundle_path: Path, data: st.DataObject
) -> None:
    """The central directory and its end are a small part of the file, so they get blows of their own."""
    raw = bytearray(bundle_path.read_bytes())
    start = raw.index(b"PK\x01\x02")
    for _ in range(data.draw(st.integers(1, 6))):
        raw[data.draw(st.integers(start, len(raw) - 1))] = data.draw(st.integers(0, 255))
    changed = bundle_path.with_name("changed.vadb")
    changed.write_bytes(raw)
    whole = read_bundle(bundle_path)
    try:
        bundle = read_bundle(changed)
    except BundleError:
        return
    assert same_content(bundle, whole)


def same_content(one: Bundle, other: Bundle) -> bool:
    names = other.manifest.members
    return one.manifest == other.manifest and all(one.member(n) == other.member(n) for n in names)
