"""From a checkpoint to a bundle: graph, parity, default calibration."""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vad_edge.bundle.archive import Bundle, read_bundle, write_bundle
from vad_edge.bundle.calibration import Calibration
from vad_edge.bundle.manifest import Clock, Graph, Manifest, Provenance, StateTensor
from vad_edge.errors import DataError
from vad_edge.inference.select import open_engine
from vad_edge.pipeline import score_recording
from vad_edge.scoring.calibrate import fit_calibration
from vad_edge_export.footage import fingerprint, held_out, sample_frames
from vad_edge_export.onnx import export_step_graph
from vad_edge_export.parity import Parity, check_parity
from vad_edge_training.datasets.clips import ClipFolder
from vad_edge_training.fit import load_student
from vad_edge_training.models.step import StepModel

Progress = Callable[[str, float], None]
"""Called with what is being done and the share of it that is done, 0..1."""

PARITY_CAMERAS = 3
PARITY_FRAMES = 150


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What an export gave; notes are for the user to read."""

    path: Path
    size_bytes: int
    parity: Parity
    calibration_s: float
    notes: tuple[str, ...]


def export_bundle(
    checkpoint: Path,
    output: Path,
    *,
    data: Path,
    name: str | None = None,
    on_progress: Progress | None = None,
) -> ExportReport:
    """Write the bundle of a trained student to `output`, calibrated on normal footage of `data`.

    The calibration takes the training clips that the student was not fitted on; where there are none, it
    takes those it was fitted on and says so. name is the model's, the output's stem by default. Raises
    DataError for a checkpoint or folder that is not as described, EngineError where the graph and the
    checkpoint disagree, BundleError where the bundle cannot be written.
    """
    report = on_progress or (lambda stage, share: None)
    student = load_student(checkpoint)
    origin = _origin(checkpoint)
    clips = ClipFolder(data)
    footage, notes = _calibration_clips(clips.training, origin)

    report("graph", 0.0)
    manifest, members = lower(student, name=name or output.stem, provenance=_provenance(origin, notes))
    report("graph", 1.0)
    with tempfile.TemporaryDirectory() as folder:
        draft_path = Path(folder) / output.name
        write_bundle(draft_path, manifest, members)
        draft = read_bundle(draft_path)
        report("parity", 0.0)
        parity = _parity(student, draft, footage, clips.fps)
        report("parity", 1.0)
        calibration = calibrate(draft, footage, fps=clips.fps, report=report)

    provenance = manifest.provenance.model_copy(update={"parity": parity.to_dict()})
    final = manifest.model_copy(update={"calibration": calibration, "provenance": provenance})
    write_bundle(output, final, members)
    return ExportReport(output, output.stat().st_size, parity, calibration.seconds, notes)


def lower(model: StepModel, *, name: str, provenance: Provenance) -> tuple[Manifest, dict[str, bytes]]:
    """The manifest and members of a bundle of `model`: its fp32 graph and its states' initial values."""
    spec = model.spec
    members = {"model.fp32.onnx": export_step_graph(model)}
    for state, value in zip(spec.states, model.initial_state(1), strict=True):
        members[f"initial.{state}.npy"] = _npy(value[0])
    manifest = Manifest(
        name=name,
        height=spec.height,
        width=spec.width,
        map_height=spec.map_height,
        map_width=spec.map_width,
        clock=Clock(fps=spec.fps, warmup_frames=spec.warmup_frames, delay_frames=spec.delay_frames),
        cues=spec.cues,
        states=tuple(
            StateTensor(name=state, shape=shape, initial=f"initial.{state}.npy")
            for state, shape in spec.states.items()
        ),
        graphs=(Graph(member="model.fp32.onnx", precision="fp32"),),
        provenance=provenance,
        members={},
    )
    return manifest, members


def calibrate(
    bundle: Bundle, clips: Sequence[Path], *, fps: float | None, report: Progress = lambda stage, share: None
) -> Calibration:
    """What `bundle` scores on clips of normal life. Raises DataError where no frame got a score."""
    scores = []
    for index, clip in enumerate(clips):
        report("calibration", index / len(clips))
        recording = score_recording(bundle, clip, fps=fps)
        valid = recording.warm & np.isfinite(recording.scores).all(axis=1)
        scores.append(recording.scores[valid])
    report("calibration", 1.0)
    if not sum(len(rows) for rows in scores):
        raise DataError("no frame of the normal footage got a score", fix="give longer clips")
    footage = tuple(fingerprint(clip) for clip in clips)
    manifest = bundle.manifest
    return fit_calibration(np.concatenate(scores), manifest.cues, fps=manifest.clock.fps, footage=footage)


def _parity(model: StepModel, bundle: Bundle, clips: Sequence[Path], fps: float | None) -> Parity:
    spec = model.spec
    frames = sample_frames(clips, height=spec.height, width=spec.width, fps=fps, limit=PARITY_FRAMES)
    with contextlib.closing(open_engine(bundle, batch=PARITY_CAMERAS)) as engine:
        return check_parity(model, engine, frames)


def _calibration_clips(
    clips: Sequence[Path], origin: Mapping[str, Any]
) -> tuple[Sequence[Path], tuple[str, ...]]:
    unseen = held_out(clips, origin.get("fitted_clips", [clip.name for clip in clips]))
    if unseen:
        return unseen, ()
    note = "calibrated on the clips the model was fitted on: what it has not seen will look rarer than it is"
    return clips, (note,)


def _origin(checkpoint: Path) -> dict[str, Any]:
    stored = torch.load(checkpoint, map_location="cpu", weights_only=True)
    return dict(stored["hyper_parameters"].get("data", {}))


def _provenance(origin: Mapping[str, Any], notes: Sequence[str]) -> Provenance:
    return Provenance(
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        code_version=version("vad-edge"),
        trained_on=str(origin.get("name", "")),
        data_fingerprint=str(origin.get("fingerprint", "")),
        synthetic=bool(origin.get("synthetic", False)),
        notes="; ".join(notes),
    )


def _npy(value: torch.Tensor) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, value.numpy(), allow_pickle=False)
    return buffer.getvalue()
