"""Quantization-aware fine-tuning: a checkpoint fitted on in INT8's steps, and the bundle it becomes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vad_edge.bundle.archive import Bundle, read_bundle
from vad_edge.errors import DataError
from vad_edge_export.package import Progress, export_bundle
from vad_edge_export.quantize.fake_quant import FakeQuantized, layer_ranges, made_from
from vad_edge_export.quantize.lowering import Lowering
from vad_edge_export.quantize.trial_footage import Material
from vad_edge_training.fit.checkpoint import load_model, read_checkpoint
from vad_edge_training.fit.finetune import check_footage, fine_tune
from vad_edge_training.models.model import Model

EPOCHS: Final = 3


@dataclass(frozen=True, slots=True)
class FineTuning:
    """What became of a fine-tuning that was asked for.

    needed: whether INT8 lost more than it may without it. kept: whether the bundle is of the fine-tuned
    weights, which it is where INT8 loses less by them, some INT8 graph passes, and fp32 loses no more than it
    may. Losses are the model's own on held-out clips, rounded as INT8, drops the AUC that the worse INT8
    graph, and fp32, lose against the fp32 graph of the bundle that was given; both None where it was not
    needed.
    """

    needed: bool
    kept: bool
    epochs: int
    int8_drop_before: float
    int8_drop_after: float | None = None
    fp32_drop: float | None = None
    loss_before: float | None = None
    loss_after: float | None = None


def check_checkpoint(checkpoint: Path, bundle: Bundle, data: Path) -> None:
    """Raise DataError for a checkpoint that the bundle was not made from, or of other footage."""
    facts = read_checkpoint(checkpoint)["hyper_parameters"]
    name = bundle.manifest.provenance.model
    graph = bundle.member(bundle.graph("fp32").member)
    if facts["model"] != name or not made_from(graph, load_model(checkpoint).step_module()):
        raise DataError(
            f"{bundle.path} was not made from it",
            where=str(checkpoint),
            fix="give the checkpoint that was exported, or export this one first",
        )
    check_footage(checkpoint, data)


def fine_tuned(
    checkpoint: Path,
    lowering: Lowering,
    material: Material,
    folder: Path,
    *,
    data: Path,
    epochs: int,
    max_auc_drop: float,
    report: Progress,
    cache: Path | None = None,
) -> tuple[FineTuning, Lowering, Path]:
    """Fit a checkpoint on where INT8 of its bundle loses too much.

    Returns what became of it, the lowering to go on with, and the checkpoint that one is of. folder is for
    what is made. The fine-tuned model is exported again, compared with torch again, and gets new scales;
    what it loses is counted from the AUC of the bundle that was given. Raises as `fine_tune` and
    `export_bundle` do.
    """
    before = lowering.int8_drop()
    if before <= max_auc_drop:
        return FineTuning(False, False, 0, before), lowering, checkpoint

    def rounded(model: Model) -> FakeQuantized:
        step = model.step_module()
        return FakeQuantized(step, layer_ranges(lowering.fp32, step, lowering.ranges))

    tuned = fine_tune(
        checkpoint,
        data,
        folder / "fine-tuning",
        epochs=epochs,
        around=rounded,
        told={"fine_tuned": f"for INT8, {epochs} epochs"},
        cache=cache,
        on_progress=lambda what, done, total: report(what, done / total),
    )
    manifest = lowering.bundle.manifest
    exported = export_bundle(
        tuned.best,
        folder / "fine-tuned.vadb",
        data=data,
        name=manifest.name,
        terms=manifest.provenance.license,
        on_progress=lambda what, share: report(f"fine-tuned {what}", share),
    )
    tuned_lowering = Lowering(
        read_bundle(exported.path),
        material,
        max_auc_drop,
        lambda what, share: report(f"fine-tuned {what}", share),
        lowering.judge.auc,
        fine_tuning=True,
    )
    fp32_drop = max(lowering.judge.auc - tuned_lowering.judge.auc, 0.0)
    after = tuned_lowering.int8_drop()
    kept = after < before and fp32_drop <= max_auc_drop and tuned_lowering.some_int8()
    found = FineTuning(True, kept, epochs, before, after, fp32_drop, tuned.loss_before, tuned.loss_after)
    return (found, tuned_lowering, tuned.best) if kept else (found, lowering, checkpoint)
