from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError
from tests.sdk.fusion.test_policy import LEVELS

from vad_edge.bundle.archive import read_bundle
from vad_edge.bundle.calibration import Calibration
from vad_edge.bundle.levels import AlarmLevels
from vad_edge.bundle.pack import CameraPack, read_pack, write_pack


def test_levels_are_stored_with_their_pack(
    bundle_path: Path, calibration: Calibration, tmp_path: Path
) -> None:
    bundle = read_bundle(bundle_path)
    pack = CameraPack(
        camera="door",
        graph_sha256=bundle.manifest.members["model.fp32.onnx"],
        precision="fp32",
        fps=10.0,
        calibration=calibration,
        levels=LEVELS,
        created="2026-01-01T00:00:00+00:00",
    )
    write_pack(tmp_path / "door.vadc", pack)
    assert read_pack(tmp_path / "door.vadc").levels == LEVELS


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"risks": (1.0, 2.0)}, "differ in length"),
        ({"rates_per_hour": (1.0, 1.0, 0.5, 0.1, 0.01)}, "must fall"),
        ({"risks": (1.0, 2.0, 1.5, 4.0, 5.0)}, "must not fall"),
        ({"warning": 0.5}, "watch < warning < alarm"),
    ],
)
def test_levels_that_contradict_each_other_are_refused(changes: dict[str, object], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        AlarmLevels.model_validate({**LEVELS.model_dump(), **changes})
