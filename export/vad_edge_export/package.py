"""From a checkpoint to a bundle: graph, parity, default calibration."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np

from vad_edge.bundle.archive import Bundle, read_bundle, write_bundle
from vad_edge.bundle.calibration import SUM_OF_ALL, Calibration, Joining
from vad_edge.bundle.manifest import Provenance
from vad_edge.inference.select import open_engine
from vad_edge.pipeline import score_recording
from vad_edge.scoring.tail import fit_calibration
from vad_edge.video.clips import fingerprint
from vad_edge_export.choose import Choice, choose_cues
from vad_edge_export.footage import sample_frames, unseen_footage
from vad_edge_export.lower import lower
from vad_edge_export.parity import Parity, check_parity
from vad_edge_training.datasets.layouts import open_dataset
from vad_edge_training.fit.checkpoint import load_model, read_checkpoint
from vad_edge_training.models.step import StepModel

Progress = Callable[[str, float], None]
"""Called with what is being done and the share of it that is done, 0..1."""

PARITY_CAMERAS: Final = 2
PARITY_FRAMES: Final = 150
LITTLE_FOOTAGE_S: Final = 1800.0


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What an export gave; notes are for the user to read, chosen only of a model that chooses its cues."""

    path: Path
    size_bytes: int
    parity: Parity
    calibration_s: float
    chosen: Choice | None
    notes: tuple[str, ...]


def export_bundle(
    checkpoint: Path,
    output: Path,
    *,
    data: Path,
    name: str | None = None,
    terms: str = "",
    on_progress: Progress | None = None,
) -> ExportReport:
    """Write the bundle of a trained model to `output`, calibrated on normal footage of `data`.

    The calibration takes the training clips that the model was not fitted on, or the held-out end of an
    only clip; where there is neither, it takes what the model was fitted on and says so. name is the
    model's, the output's stem by default; terms says what the weights may be used for. Raises DataError for a
    checkpoint or folder that is not as described, EngineError where graph and checkpoint disagree,
    BundleError where the bundle cannot be written.
    """
    report = on_progress or (lambda stage, share: None)
    whole = load_model(checkpoint)
    model = whole.step_module().eval()
    facts = read_checkpoint(checkpoint)["hyper_parameters"]
    origin = facts["data"]
    clips = open_dataset(data)
    footage = unseen_footage(clips.training, origin.get("fitted_clips"))
    tuned = [f"fine-tuned {origin['fine_tuned']}"] if "fine_tuned" in origin else []
    notes = (*origin.get("doubts", ()), *footage.notes, *tuned)

    report("graph", 0.0)
    manifest, members = lower(
        model, name=name or output.stem, provenance=_provenance(facts["model"], origin, notes, terms)
    )
    report("graph", 1.0)
    with tempfile.TemporaryDirectory() as folder:
        draft_path = Path(folder) / output.name
        write_bundle(draft_path, manifest, members)
        draft = read_bundle(draft_path)
        report("parity", 0.0)
        parity = _parity(model, draft, footage.clips, clips.fps)
        report("parity", 1.0)
        chosen = None
        if whole.chooses_cues:
            chosen = choose_cues(draft, footage.clips, fps=clips.fps, skip=footage.skip, report=report)
        calibration = calibrate(
            draft,
            footage.clips,
            fps=clips.fps,
            skip=footage.skip,
            joining=chosen.joining if chosen else SUM_OF_ALL,
            report=report,
        )

    provenance = manifest.provenance.model_copy(update={"parity": parity.to_dict()})
    graphs = tuple(graph.model_copy(update={"calibration": calibration}) for graph in manifest.graphs)
    final = manifest.model_copy(update={"graphs": graphs, "provenance": provenance})
    write_bundle(output, final, members)
    told = (*notes, *_calibration_notes(calibration))
    return ExportReport(output, output.stat().st_size, parity, calibration.seconds, chosen, told)


def calibrate(
    bundle: Bundle,
    clips: Sequence[Path],
    *,
    fps: float | None,
    skip: float = 0.0,
    joining: Joining = SUM_OF_ALL,
    report: Progress = lambda stage, share: None,
) -> Calibration:
    """What `bundle` scores on clips of normal life, without the first `skip` share of each.

    Raises DataError where too few frames got a score.
    """
    scores = []
    for index, clip in enumerate(clips):
        report("calibration", index / len(clips))
        recording = score_recording(bundle, clip, engine="onnxruntime", fps=fps)
        begin = round(len(recording.scores) * skip)
        scores.append(recording.scores[begin:][recording.warm[begin:]])
    report("calibration", 1.0)
    footage = tuple(fingerprint(clip) for clip in clips)
    manifest = bundle.manifest
    return fit_calibration(
        np.concatenate(scores), manifest.cues, fps=manifest.clock.fps, footage=footage, joining=joining
    )


def _calibration_notes(calibration: Calibration) -> list[str]:
    if calibration.seconds >= LITTLE_FOOTAGE_S:
        return []
    little = (
        f"calibrated on {calibration.seconds:.0f} s: anything rarer than 1 frame in {calibration.frames:,}"
    )
    return [f"{little} is a guess; hours of normal life make warnings mean something"]


def _parity(model: StepModel, bundle: Bundle, clips: Sequence[Path], fps: float | None) -> Parity:
    spec = model.spec
    frames = sample_frames(clips, height=spec.height, width=spec.width, fps=fps, limit=PARITY_FRAMES)
    with contextlib.closing(open_engine(bundle, batch=PARITY_CAMERAS, engine="onnxruntime")) as engine:
        return check_parity(model, engine, frames)


def _provenance(model: str, origin: Mapping[str, Any], notes: Sequence[str], terms: str) -> Provenance:
    return Provenance(
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        code_version=version("vad-edge"),
        model=model,
        fold=str(origin.get("fold") or ""),
        trained_on=str(origin.get("name", "")),
        data_fingerprint=str(origin.get("fingerprint", "")),
        fitted_footage=tuple(origin.get("fitted_footage", ())),
        synthetic=bool(origin.get("synthetic", False)),
        license=terms,
        notes="; ".join(notes),
    )
