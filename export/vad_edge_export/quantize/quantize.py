"""From a bundle with an fp32 graph to one with fp16 and INT8 graphs, each measured and calibrated."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from vad_edge.bundle.archive import read_bundle, write_bundle
from vad_edge.bundle.manifest import Manifest
from vad_edge.errors import ConfigError, EngineError
from vad_edge_export.package import Progress
from vad_edge_export.quantize.confirm import confirm, has_labelled_clips
from vad_edge_export.quantize.fine_tune import EPOCHS, FineTuning, check_checkpoint, fine_tuned
from vad_edge_export.quantize.gate import LoweringLoss
from vad_edge_export.quantize.lowering import BACKENDS, Lowering, Made
from vad_edge_export.quantize.outcome import Lowered, Refused
from vad_edge_export.quantize.trial_footage import gather
from vad_edge_training.datasets.layouts import open_dataset

MAX_AUC_DROP: Final = 0.003

_Passed = TypeVar("_Passed")


@dataclass(frozen=True, slots=True)
class QuantizeReport:
    """What a quantization gave.

    trial_auc is the fp32 graph's on held-out normal footage with synthetic anomalies, tested its AUC by
    protocol on the labelled clips, None where there are none. graphs are those the bundle has got, refused
    those it goes without. sensitivity is each layer's own AUC drop and score correlation in INT8, empty where
    it was not needed. fine_tuning is None where it was not asked for; checkpoint is that of the fine-tuned
    weights where the bundle is of these.
    """

    path: Path
    trial_auc: float
    tested: dict[str, float] | None
    graphs: tuple[Lowered, ...]
    refused: tuple[Refused, ...]
    sensitivity: dict[str, LoweringLoss]
    fine_tuning: FineTuning | None = None
    checkpoint: Path | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        checkpoint = None if self.checkpoint is None else str(self.checkpoint)
        return {**asdict(self), "path": str(self.path), "checkpoint": checkpoint}


def quantize_bundle(
    path: Path,
    output: Path,
    *,
    data: Path,
    max_auc_drop: float = MAX_AUC_DROP,
    sensitivity: bool = False,
    fine_tune: Path | None = None,
    epochs: int = EPOCHS,
    cache: Path | None = None,
    on_progress: Progress | None = None,
) -> QuantizeReport:
    """Write `path`'s bundle with an fp16 graph and INT8 graphs for ONNX Runtime and TensorRT to `output`.

    data: a dataset of the bundle's scene. Scales come from sequences of its training clips. A graph is
    judged on held-out normal clips with synthetic anomalies; layers that hurt stay in fp32, worst first,
    until no more than `max_auc_drop` of the fused score's online AUC is lost, and the labelled clips, where
    there are any, must confirm it. An only clip serves for both, so that its judgement is a kind one. A graph
    that loses more all the same is refused, and the bundle goes without it. Every other gets a score
    calibration of its own.

    fine_tune is the checkpoint that the bundle was made from: where INT8 loses too much, it is first fitted
    on for some epochs in INT8's steps, and where that helps the bundle, fp32 graph included, is of the new
    weights, whose checkpoint is left beside it. cache is where decoded clips are kept. Raises DataError for
    footage or a checkpoint that will not do, EngineError where every lowered graph is refused, or the
    fine-tuned fp32 graph loses too much; nothing is written then.
    """
    report = on_progress or (lambda stage, share: None)
    bundle = read_bundle(path)
    dataset = open_dataset(data)
    beside = output.with_suffix(".ckpt")
    if fine_tune is not None:
        _check_place(fine_tune, beside)
        check_checkpoint(fine_tune, bundle, data)
    material = gather(bundle, dataset)
    lowering = Lowering(bundle, material, max_auc_drop, report, fine_tuning=fine_tune is not None)
    tuning = None
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        if fine_tune is not None:
            tuning, lowering, weights = fine_tuned(
                fine_tune,
                lowering,
                material,
                work,
                data=data,
                epochs=epochs,
                max_auc_drop=max_auc_drop,
                report=report,
                cache=cache,
            )
        made, refused = _parted([lowering.half(), *(lowering.int8(backend) for backend in BACKENDS)])
        manifest, members = _lowered_bundle(lowering, made, report)
        lowered = [each.lowered for each in made]
        outcomes: list[Lowered | Refused] = [*lowered]
        full = None
        replaced = tuning is not None and tuning.kept
        if has_labelled_clips(dataset):
            candidate = work / output.name
            write_bundle(candidate, manifest, members)
            origin = path if replaced else None
            full, outcomes = confirm(candidate, data, lowered, max_auc_drop, report, fine_tuned_from=origin)
        graphs, refused = _parted(outcomes, refused)
        write_bundle(output, *_measured_bundle(manifest, members, full, outcomes))
        if replaced:
            shutil.copyfile(weights, beside)
    return QuantizeReport(
        output,
        lowering.judge.auc,
        full,
        graphs,
        refused,
        lowering.sensitivity() if sensitivity else lowering.known_sensitivity,
        tuning,
        beside if replaced else None,
    )


def _check_place(checkpoint: Path, beside: Path) -> None:
    if checkpoint.resolve() == beside.resolve():
        raise ConfigError(
            "the fine-tuned checkpoint would be written over the one that was given",
            where=str(beside),
            fix="give --output another name",
        )


def _parted(
    outcomes: Sequence[_Passed | Refused], before: Sequence[Refused] = ()
) -> tuple[tuple[_Passed, ...], tuple[Refused, ...]]:
    """What passed, and what was refused, now or before. Raises EngineError where nothing passed."""
    passed = tuple(each for each in outcomes if not isinstance(each, Refused))
    refused = (*before, *(each for each in outcomes if isinstance(each, Refused)))
    if not passed:
        raise EngineError(
            f"no graph of lower precision is left: ({'), ('.join(map(str, refused))})",
            fix="do as one of them says, or go on with the bundle as it is, in fp32",
        )
    return passed, refused


def _lowered_bundle(
    lowering: Lowering, made: Sequence[Made], report: Progress
) -> tuple[Manifest, dict[str, bytes]]:
    """The bundle of the fp32 graph and those made from it, each calibrated; others it had are left out."""
    bundle = lowering.bundle
    original = bundle.graph("fp32")
    others = {graph.member for graph in bundle.manifest.graphs} - {original.member}
    members = {name: bundle.member(name) for name in bundle.manifest.members if name not in others}
    graphs = [original.model_copy(update={"backend": "any"})]
    for done, each in enumerate(made):
        report("calibration", done / len(made))
        graphs.append(each.graph.model_copy(update={"calibration": lowering.calibration(each)}))
        members[each.graph.member] = each.contents
    report("calibration", 1.0)
    return bundle.manifest.model_copy(update={"graphs": tuple(graphs)}), members


def _measured_bundle(
    manifest: Manifest,
    members: Mapping[str, bytes],
    full: Mapping[str, float] | None,
    outcomes: Sequence[Lowered | Refused],
) -> tuple[Manifest, dict[str, bytes]]:
    """The bundle with what was measured: full of fp32, outcomes of its lowered graphs; less those refused."""
    original, *lowered = manifest.graphs
    graphs = [original.model_copy(update={"measured": dict(full or {})})]
    left_out = set()
    for graph, outcome in zip(lowered, outcomes, strict=True):
        if isinstance(outcome, Refused):
            left_out.add(graph.member)
        else:
            graphs.append(graph.model_copy(update={"measured": outcome.measured()}))
    kept = {name: contents for name, contents in members.items() if name not in left_out}
    return manifest.model_copy(update={"graphs": tuple(graphs)}), kept
