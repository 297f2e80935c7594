from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from vad_edge.bundle.archive import Bundle, read_bundle
from vad_edge.bundle.calibration import Calibration
from vad_edge.bundle.pack import CameraPack, masks_fit, pack_fits, read_pack, write_pack
from vad_edge.errors import BundleError


@pytest.fixture
def bundle(bundle_path: Path) -> Bundle:
    return read_bundle(bundle_path)


@pytest.fixture
def pack(bundle: Bundle, calibration: Calibration) -> CameraPack:
    return CameraPack(
        camera="door",
        graph_sha256=bundle.manifest.members["model.fp32.onnx"],
        precision="fp32",
        fps=10.0,
        calibration=calibration,
        weight=[[1.0] * 6] * 4,
        created="2026-01-01T00:00:00+00:00",
    )


def test_what_is_written_is_read_back(pack: CameraPack, tmp_path: Path) -> None:
    path = tmp_path / "door.vadc"
    write_pack(path, pack)
    assert read_pack(path) == pack


def test_a_pack_fits_the_bundle_it_was_made_for(pack: CameraPack, bundle: Bundle) -> None:
    assert pack_fits(pack, bundle, bundle.graph()).ok


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"graph_sha256": "0" * 64}, "it was made for another graph than 'model.fp32.onnx'"),
        ({"precision": "int8"}, "it was made at int8, the graph runs fp32"),
        ({"fps": 5.0}, "it was made at 5 fps, the model runs 10"),
        ({"weight": [[1.0] * 5] * 4}, "its weights are 4x5, the map is 4x6"),
    ],
)
def test_a_pack_made_for_something_else_is_refused(
    pack: CameraPack, bundle: Bundle, changes: dict[str, Any], reason: str
) -> None:
    verdict = pack_fits(pack.model_copy(update=changes), bundle, bundle.graph())
    assert (verdict.ok, verdict.reason) == (False, reason)
    assert verdict.fix == "calibrate the camera again for this bundle"


def test_a_calibration_of_other_cues_is_refused(pack: CameraPack, bundle: Bundle) -> None:
    calibration = pack.calibration.model_copy(update={"cues": {"error": pack.calibration.total}})
    verdict = pack_fits(pack.model_copy(update={"calibration": calibration}), bundle, bundle.graph())
    assert verdict.reason == "it calibrates error, the model has error, motion"


def test_a_calibration_at_another_rate_than_the_pack_is_refused(pack: CameraPack) -> None:
    with pytest.raises(ValidationError, match="fps is 5, its calibration's 10"):
        CameraPack.model_validate({**pack.model_dump(), "fps": 5.0})


@pytest.mark.parametrize(
    "weight", [[], [[]], [[1.0], [1.0, 2.0]], [[-1.0]], [[float("nan")]], [[float("inf")]]]
)
def test_weights_that_are_no_map_are_refused(pack: CameraPack, weight: list[list[float]]) -> None:
    with pytest.raises(ValidationError, match="weight"):
        CameraPack.model_validate({**pack.model_dump(), "weight": weight})


def test_a_missing_pack_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"no\.vadc: cannot be read: No such file"):
        read_pack(tmp_path / "no.vadc")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "it is not JSON"),
        ("[]", "pack: Input should be"),
        ('{"schema_version": 9}', "made by a newer vad-edge: its schema is 9.*update vad-edge"),
        ('{"schema_version": 1}', "camera: Field required; calibrate the camera again"),
    ],
)
def test_a_broken_pack_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "x.vadc"
    path.write_text(text)
    with pytest.raises(BundleError, match=message):
        read_pack(path)


def test_what_a_later_release_wrote_is_ignored_and_kept(pack: CameraPack, tmp_path: Path) -> None:
    path = tmp_path / "x.vadc"
    path.write_text(json.dumps({**pack.model_dump(), "zone": 1}))
    found = read_pack(path)
    assert found.camera == pack.camera
    write_pack(path, found)
    assert json.loads(path.read_text())["zone"] == 1


def test_a_pack_that_cannot_be_written_is_reported(pack: CameraPack, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="cannot be written: No such file or directory"):
        write_pack(tmp_path / "none" / "x.vadc", pack)


def test_a_pack_belongs_to_its_ignore_masks_in_any_order(pack: CameraPack) -> None:
    one, other = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0)), ((0.1, 0.2), (0.3, 0.2), (0.3, 0.4))
    masked = pack.model_copy(update={"masks": (one, other)})
    assert masks_fit(pack, []).ok
    assert masks_fit(masked, [other, one]).ok
    assert masks_fit(masked, [one]).reason == "it was made with 2 ignore masks, and the site file has 1"
    assert "other ignore masks" in masks_fit(masked, [one, one]).reason
