"""From a bundle with an fp32 graph to one with fp16 and INT8 graphs, each measured and calibrated."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

import onnx

from vad_edge.bundle.archive import Bundle, read_bundle, write_bundle
from vad_edge.bundle.manifest import Graph
from vad_edge.errors import DataError, EngineError
from vad_edge.video.fingerprint import fingerprint
from vad_edge_export.anomalies import MIN_FRAMES
from vad_edge_export.confirm import Lowered, confirm, has_labelled_clips
from vad_edge_export.footage import read_sequences
from vad_edge_export.gate import Cost, Judge, make_trial
from vad_edge_export.half import to_half
from vad_edge_export.int8 import Ranges, to_int8
from vad_edge_export.observe import activation_ranges
from vad_edge_export.package import Progress, calibrate
from vad_edge_export.region import learned_layers
from vad_edge_training.datasets.layouts import open_dataset
from vad_edge_training.split import HELD_OUT

QUANTIZATION_SEQUENCES: Final = 8
QUANTIZATION_FRAMES: Final = 60
TRIAL_SEQUENCES: Final = 6
TRIAL_FRAMES: Final = 100
MAX_AUC_DROP: Final = 0.003


@dataclass(frozen=True, slots=True)
class QuantizeReport:
    """What a quantization gave.

    trial_auc is the fp32 graph's on held-out normal footage with synthetic anomalies, tested its AUC by
    protocol on the labelled clips, None where there are none. sensitivity is each layer's own AUC drop and
    score correlation in INT8, empty where nobody needed to know.
    """

    path: Path
    trial_auc: float
    tested: dict[str, float] | None
    graphs: tuple[Lowered, ...]
    sensitivity: dict[str, Cost]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**asdict(self), "path": str(self.path)}


def quantize_bundle(
    path: Path,
    output: Path,
    *,
    data: Path,
    max_auc_drop: float = MAX_AUC_DROP,
    sensitivity: bool = False,
    on_progress: Progress | None = None,
) -> QuantizeReport:
    """Write `path`'s bundle with an fp16 graph and INT8 graphs for ONNX Runtime and TensorRT to `output`.

    data: a dataset of the bundle's scene. Scales come from sequences of its training clips. A graph is
    judged on held-out normal clips with synthetic anomalies; layers that hurt stay in fp32, worst first,
    until no more than `max_auc_drop` of the fused score's online AUC is lost, and the labelled clips, where
    there are any, must confirm it. An only clip serves for both, so that its judgement is a kind one. Every
    graph gets a score calibration of its own. Raises DataError for footage that will not do, EngineError
    where the loss stays above the gate; nothing is written then.
    """
    report = on_progress or (lambda stage, share: None)
    bundle = read_bundle(path)
    dataset = open_dataset(data)
    work = _Work(bundle, dataset.training, dataset.fps, max_auc_drop, report)
    graphs = [work.half(), *work.int8_graphs()]
    report("calibration", 0.0)
    members = dict(work.members)
    final = [bundle.graph("fp32").model_copy(update={"backend": "any"})]
    for done, (_, graph) in enumerate(graphs):
        draft = work.draft(graph, members[graph.member])
        calibration = calibrate(draft, work.held_out, fps=dataset.fps, skip=work.skip)
        final.append(graph.model_copy(update={"calibration": calibration}))
        report("calibration", (done + 1) / len(graphs))
    tested = [lowered for lowered, _ in graphs]
    original = None
    manifest = bundle.manifest.model_copy(update={"graphs": tuple(final)})
    with tempfile.TemporaryDirectory() as folder:
        candidate = Path(folder) / output.name
        write_bundle(candidate, manifest, members)
        if has_labelled_clips(dataset):
            original, tested = confirm(candidate, data, tested, max_auc_drop, report)
    measured = [original or {}, *(lowered.measured() for lowered in tested)]
    told = tuple(
        graph.model_copy(update={"measured": values})
        for graph, values in zip(manifest.graphs, measured, strict=True)
    )
    write_bundle(output, manifest.model_copy(update={"graphs": told}), members)
    found = work.sensitivity() if sensitivity else work.known_sensitivity
    return QuantizeReport(output, work.judge.auc, original, tuple(tested), found)


class _Work:
    """What is shared by the lowered graphs of one bundle."""

    def __init__(
        self,
        bundle: Bundle,
        clips: Sequence[Path],
        fps: float | None,
        max_auc_drop: float,
        report: Progress,
    ) -> None:
        self._bundle = bundle
        self._max_auc_drop = max_auc_drop
        self._report = report
        original = bundle.graph("fp32")
        self._fp32 = bundle.member(original.member)
        self._layers = learned_layers(onnx.load_model_from_string(self._fp32))
        if not self._layers:
            raise DataError(
                "its graph does not say which layers were learned",
                where=str(bundle.path),
                fix="export it again",
            )
        manifest = bundle.manifest
        kept = {graph.member for graph in manifest.graphs} - {original.member}
        self.members = {name: bundle.member(name) for name in manifest.members if name not in kept}
        prints = set(original.calibration.footage if original.calibration else ())
        self.held_out = [clip for clip in clips if fingerprint(clip) in prints] or list(clips)
        # Of an only clip the export calibrates on the end, which the model was not fitted on.
        self.skip = 1 - HELD_OUT if len(clips) == 1 else 0.0
        seen = [clip for clip in clips if clip not in self.held_out] or list(clips)
        clock, size = manifest.clock, (manifest.height, manifest.width)
        self._sequences = read_sequences(
            seen,
            clock,
            size=size,
            fps=fps,
            shortest=clock.warmup_frames + 10,
            longest=QUANTIZATION_FRAMES,
            most=QUANTIZATION_SEQUENCES,
        )
        trial = read_sequences(
            self.held_out,
            clock,
            size=size,
            fps=fps,
            shortest=clock.warmup_frames + MIN_FRAMES,
            longest=TRIAL_FRAMES,
            most=TRIAL_SEQUENCES,
        )
        report("fp32", 0.0)
        self.judge = Judge(bundle, make_trial(trial))
        report("fp32", 1.0)
        self._ranges: Ranges | None = None
        self.known_sensitivity: dict[str, Cost] = {}

    def half(self) -> tuple[Lowered, Graph]:
        """The fp16 graph. Raises EngineError where it loses more than it may."""
        self._report("fp16", 0.0)
        graph = Graph(member="model.fp16.onnx", precision="fp16", backend="any")
        contents = to_half(self._fp32)
        cost = self._cost(graph, contents)
        if cost.auc_drop > self._max_auc_drop:
            raise EngineError(self._too_much("fp16", cost), fix="raise --max-auc-drop, or ship fp32 alone")
        self.members[graph.member] = contents
        self._report("fp16", 1.0)
        return Lowered("fp16", "any", len(contents), cost, ()), graph

    def int8_graphs(self) -> list[tuple[Lowered, Graph]]:
        """The INT8 graphs for ONNX Runtime and TensorRT. Raises EngineError where they lose too much."""
        self._report("scales", 0.0)
        self._ranges = activation_ranges(
            self._bundle, self._layers, self._sequences, lambda share: self._report("scales", share)
        )
        return [self._int8("onnxruntime"), self._int8("tensorrt")]

    def sensitivity(self) -> dict[str, Cost]:
        """What each layer costs alone in INT8."""
        if not self.known_sensitivity:
            for done, layer in enumerate(self._layers):
                self._report("sensitivity", done / len(self._layers))
                self.known_sensitivity[layer] = self._int8_cost([layer], "onnxruntime")[0]
            self._report("sensitivity", 1.0)
        return self.known_sensitivity

    def draft(self, graph: Graph, contents: bytes) -> Bundle:
        """A bundle of this one graph, to be run by whatever engine is here."""
        member = graph.model_copy(update={"backend": "any"})
        manifest = self._bundle.manifest.model_copy(update={"graphs": (member,)})
        states = {
            state.initial: self._bundle.member(state.initial)
            for state in manifest.states
            if state.initial is not None
        }
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "draft.vadb"
            write_bundle(path, manifest, {**states, graph.member: contents})
            return read_bundle(path)

    def _int8(self, backend: Literal["onnxruntime", "tensorrt"]) -> tuple[Lowered, Graph]:
        stage = f"int8 for {backend}"
        self._report(stage, 0.0)
        layers = list(self._layers)
        cost, contents = self._int8_cost(layers, backend)
        for worst in self._worst_first() if cost.auc_drop > self._max_auc_drop else ():
            layers.remove(worst)
            if not layers:
                raise EngineError(
                    self._too_much(stage, cost), fix="raise --max-auc-drop, or give more quantization data"
                )
            cost, contents = self._int8_cost(layers, backend)
            if cost.auc_drop <= self._max_auc_drop:
                break
        graph = Graph(member=f"model.int8.{backend}.onnx", precision="int8", backend=backend)
        self.members[graph.member] = contents
        self._report(stage, 1.0)
        kept = tuple(layer for layer in self._layers if layer not in layers)
        return Lowered("int8", backend, len(contents), cost, kept), graph

    def _worst_first(self) -> list[str]:
        costs = self.sensitivity()
        return sorted(costs, key=lambda layer: (-costs[layer].auc_drop, costs[layer].score_correlation))

    def _int8_cost(
        self, layers: Sequence[str], backend: Literal["onnxruntime", "tensorrt"]
    ) -> tuple[Cost, bytes]:
        contents = to_int8(self._fp32, layers, self._ranges or {}, backend)
        return self._cost(Graph(member="draft.onnx", precision="int8"), contents), contents

    def _cost(self, graph: Graph, contents: bytes) -> Cost:
        draft = self.draft(graph, contents)
        return self.judge.cost(draft, draft.manifest.graphs[0])

    def _too_much(self, what: str, cost: Cost) -> str:
        return (
            f"{what} loses {cost.auc_drop:.4f} of the AUC {self.judge.auc:.4f} on held-out footage with"
            f" synthetic anomalies, more than {self._max_auc_drop:g}"
        )
