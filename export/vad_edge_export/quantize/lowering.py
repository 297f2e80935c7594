"""The graphs of lower precision of one bundle, each made, judged, and made again with less where it must."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import onnx

from vad_edge.bundle.archive import Bundle, read_bundle, write_bundle
from vad_edge.bundle.calibration import Calibration
from vad_edge.bundle.manifest import Graph
from vad_edge.errors import DataError, EngineError
from vad_edge_export.package import Progress, calibrate
from vad_edge_export.quantize.emulate import emulate_int8
from vad_edge_export.quantize.gate import Judge, LoweringLoss, joining_of
from vad_edge_export.quantize.half import emulate_half, to_half
from vad_edge_export.quantize.int8 import Backend, Ranges, to_int8
from vad_edge_export.quantize.observe import activation_ranges
from vad_edge_export.quantize.outcome import Lowered, Refused, graph_title
from vad_edge_export.quantize.reach import LARGEST_HALF, beyond_half
from vad_edge_export.quantize.region import learned_layers
from vad_edge_export.quantize.trial_footage import Material

BACKENDS: Final[tuple[Backend, ...]] = ("onnxruntime", "tensorrt")


@dataclass(frozen=True, slots=True)
class Made:
    """A lowered graph to ship, its contents, and those it is judged and calibrated by on this machine."""

    lowered: Lowered
    graph: Graph
    contents: bytes
    judged: bytes


class Lowering:
    """Makes the lowered graphs of one bundle.

    baseline is the AUC that losses are counted from, the bundle's own fp32 graph's where None; fine_tuning
    says that one was asked for, so that it is no advice. Raises DataError for a bundle whose graph does not
    say what was learned.
    """

    def __init__(
        self,
        bundle: Bundle,
        material: Material,
        max_auc_drop: float,
        report: Progress,
        baseline: float | None = None,
        *,
        fine_tuning: bool = False,
    ) -> None:
        self.bundle = bundle
        self._material = material
        self._max_auc_drop = max_auc_drop
        self._report = report
        self._fine_tuning = fine_tuning
        self.fp32 = bundle.member(bundle.graph("fp32").member)
        self.layers = learned_layers(onnx.load_model_from_string(self.fp32))
        if not self.layers:
            raise DataError(
                "its graph does not say which layers were learned",
                where=str(bundle.path),
                fix="export it again",
            )
        report("scales", 0.0)
        self.ranges: Ranges = activation_ranges(
            bundle, self.layers, material.sequences, lambda share: report("scales", share)
        )
        report("fp32", 0.0)
        self.judge = Judge(bundle, material.trial, baseline)
        report("fp32", 1.0)
        self._whole: dict[Backend, tuple[LoweringLoss, bytes]] = {}
        self._int8: dict[Backend, Made | Refused] = {}
        self.known_sensitivity: dict[str, LoweringLoss] = {}

    def half(self) -> Made | Refused:
        """The fp16 graph; layers whose values it cannot hold stay in fp32.

        Refused where it loses more than it may, or gives scores that are no numbers, and where it can hold no
        layer.
        """
        self._report("fp16", 0.0)
        beyond = beyond_half(self.fp32, self.layers, self.ranges)
        layers = [layer for layer in self.layers if layer not in beyond]
        found = self._half_of(layers) if layers else _unbearable(beyond)
        self._report("fp16", 1.0)
        return found

    def int8_drop(self) -> float:
        """How much AUC the worse of the INT8 graphs loses with every layer in INT8."""
        return max(self._all_int8(backend)[0].auc_drop for backend in BACKENDS)

    def int8(self, backend: Backend) -> Made | Refused:
        """The INT8 graph; layers that hurt stay in fp32, worst first, until no more is lost than may be.

        Refused where even a single layer loses more.
        """
        if backend not in self._int8:
            stage = graph_title("int8", backend)
            self._report(stage, 0.0)
            self._int8[backend] = self._first_that_passes(backend)
            self._report(stage, 1.0)
        return self._int8[backend]

    def some_int8(self) -> bool:
        """Whether an INT8 graph loses no more than it may, be it with layers in fp32."""
        return any(isinstance(self.int8(backend), Made) for backend in BACKENDS)

    def sensitivity(self) -> dict[str, LoweringLoss]:
        """What each layer costs alone in INT8."""
        if not self.known_sensitivity:
            for done, layer in enumerate(self.layers):
                self._report("sensitivity", done / len(self.layers))
                self.known_sensitivity[layer] = self._int8_cost([layer], "onnxruntime")[0]
            self._report("sensitivity", 1.0)
        return self.known_sensitivity

    def calibration(self, made: Made) -> Calibration:
        """What a lowered graph scores on the held-out clips."""
        material = self._material
        draft = self._draft(made.graph, made.judged)
        return calibrate(
            draft,
            material.held_out,
            fps=material.fps,
            skip=material.skip,
            joining=joining_of(self.bundle),
        )

    def _half_of(self, layers: Sequence[str]) -> Made | Refused:
        graph = Graph(member="model.fp16.onnx", precision="fp16", backend="any")
        judged = emulate_half(self.fp32, layers)
        try:
            cost = self._cost(graph, judged)
        except EngineError as error:
            return Refused("fp16", "any", error.what, error.fix)
        if cost.auc_drop > self._max_auc_drop:
            return self._refused(graph, cost, fix="raise --max-auc-drop")
        contents = to_half(self.fp32, layers)
        lowered = Lowered("fp16", "any", len(contents), cost, self._left_of(layers))
        return Made(lowered, graph, contents, judged)

    def _first_that_passes(self, backend: Backend) -> Made | Refused:
        graph = Graph(member=f"model.int8.{backend}.onnx", precision="int8", backend=backend)
        for layers, cost, contents in self._int8_choices(backend):
            if cost.auc_drop <= self._max_auc_drop:
                lowered = Lowered("int8", backend, len(contents), cost, self._left_of(layers))
                return Made(lowered, graph, contents, _judged(contents, backend))
        tuning = "more --epochs" if self._fine_tuning else "--fine-tune CHECKPOINT"
        fix = f"give more quantization data or {tuning}, or raise --max-auc-drop"
        return self._refused(graph, cost, fix)

    def _int8_choices(self, backend: Backend) -> Iterator[tuple[Sequence[str], LoweringLoss, bytes]]:
        """The INT8 graph of every layer, then those of all but the worst, down to a single one."""
        yield self.layers, *self._all_int8(backend)
        order = self._worst_first()
        for kept in range(1, len(order)):
            layers = [layer for layer in self.layers if layer not in order[:kept]]
            yield layers, *self._int8_cost(layers, backend)

    def _left_of(self, layers: Sequence[str]) -> tuple[str, ...]:
        return tuple(layer for layer in self.layers if layer not in layers)

    def _all_int8(self, backend: Backend) -> tuple[LoweringLoss, bytes]:
        if backend not in self._whole:
            self._whole[backend] = self._int8_cost(self.layers, backend)
        return self._whole[backend]

    def _worst_first(self) -> list[str]:
        costs = self.sensitivity()
        return sorted(costs, key=lambda layer: (-costs[layer].auc_drop, costs[layer].score_correlation))

    def _int8_cost(self, layers: Sequence[str], backend: Backend) -> tuple[LoweringLoss, bytes]:
        contents = to_int8(self.fp32, layers, self.ranges, backend)
        return self._cost(Graph(member="draft.onnx", precision="int8"), _judged(contents, backend)), contents

    def _cost(self, graph: Graph, contents: bytes) -> LoweringLoss:
        draft = self._draft(graph, contents)
        return self.judge.cost(draft, draft.manifest.graphs[0])

    def _draft(self, graph: Graph, contents: bytes) -> Bundle:
        """A bundle of this one graph, to be run by whatever engine is here."""
        member = graph.model_copy(update={"backend": "any"})
        manifest = self.bundle.manifest.model_copy(update={"graphs": (member,)})
        states = {
            state.initial: self.bundle.member(state.initial)
            for state in manifest.states
            if state.initial is not None
        }
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "draft.vadb"
            write_bundle(path, manifest, {**states, graph.member: contents})
            return read_bundle(path)

    def _refused(self, graph: Graph, cost: LoweringLoss, fix: str) -> Refused:
        title = graph_title(graph.precision, graph.backend)
        reason = (
            f"{title} loses {cost.auc_drop:.4f} of the AUC {self.judge.baseline:.4f} on held-out footage with"
            f" synthetic anomalies, more than {self._max_auc_drop:g}"
        )
        return Refused(graph.precision, graph.backend, reason, fix)


def _unbearable(beyond: Mapping[str, float]) -> Refused:
    """What fp16 that can hold no layer is refused with; beyond is how far each one's values reach."""
    furthest = max(beyond, key=lambda layer: beyond[layer])
    return Refused(
        "fp16",
        "any",
        f"fp16 ends at {LARGEST_HALF:.0f}, and the values of every layer go beyond it, those of {furthest} to"
        f" {beyond[furthest]:.3g}",
        fix="train the model with smaller weights",
    )


def _judged(contents: bytes, backend: Backend) -> bytes:
    """What an INT8 graph is judged by: itself where it is for this machine, else what it rounds."""
    return emulate_int8(contents) if backend == "tensorrt" else contents
