from __future__ import annotations

from pathlib import Path

from vad_edge.bundle.archive import read_bundle
from vad_edge.video.clips import fingerprint
from vad_edge_export.package import ExportReport


def test_a_checkpoint_becomes_a_bundle_with_parity_and_calibration(exported: ExportReport) -> None:
    bundle = read_bundle(exported.path)
    assert bundle.manifest.name == "block"
    assert bundle.manifest.provenance.parity == exported.parity.to_dict()
    calibration = bundle.graph().calibration
    assert calibration is not None
    assert calibration.seconds == exported.calibration_s > 0
    assert exported.size_bytes == exported.path.stat().st_size


def test_the_bundle_knows_its_data(exported: ExportReport) -> None:
    provenance = read_bundle(exported.path).manifest.provenance
    assert provenance.trained_on == "walking block"
    assert provenance.synthetic
    assert len(provenance.data_fingerprint) == 64


def test_the_bundle_lists_the_footage_it_was_fitted_on(exported: ExportReport, data: Path) -> None:
    bundle = read_bundle(exported.path)
    calibration = bundle.graph().calibration
    assert calibration is not None
    fitted, prints = (
        bundle.manifest.provenance.fitted_footage,
        {fingerprint(clip) for clip in (data / "training").iterdir()},
    )
    assert set(fitted) == prints - set(calibration.footage)


def test_the_calibration_is_on_clips_the_model_was_not_fitted_on(exported: ExportReport, data: Path) -> None:
    calibration = read_bundle(exported.path).graph().calibration
    assert calibration is not None
    prints = {fingerprint(clip) for clip in (data / "training").iterdir()}
    assert set(calibration.footage) < prints
    doubt, note = exported.notes
    assert "learned from 36 s of footage" in doubt
    assert doubt in read_bundle(exported.path).manifest.provenance.notes
    assert note.startswith(f"calibrated on {calibration.seconds:.0f} s: anything rarer than 1 frame in")
