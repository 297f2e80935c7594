"""The graphs of lower precision of one bundle, each made, judged, and made again with less where it must."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import onnx

from vad_edge.bundle.archive import Bundle, read_bundle, write_bundle
from vad_edge.bundle.calibration import Calibration
from vad_edge.bundle.manifest import Graph
from vad_edge.errors import DataError, EngineError
from vad_edge_export.confirm import Lowered
from vad_edge_export.emulate import emulate_int8
from vad_edge_export.gate import Cost, Judge, joining_of
from vad_edge_export.half import emulate_half, to_half
from vad_edge_export.int8 import Backend, Ranges, to_int8
from vad_edge_export.material import Material
from vad_edge_export.observe import activation_ranges
from vad_edge_export.package import Progress, calibrate
from vad_edge_export.reach import LARGEST_HALF, beyond_half
from vad_edge_export.region import learned_layers

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

    baseline is the AUC that losses are counted from, the bundle's own fp32 graph's where None. Raises
    DataError for a bundle whose graph does not say what was learned.
    """

    def __init__(
        self,
        bundle: Bundle,
        material: Material,
        max_auc_drop: float,
        report: Progress,
        baseline: float | None = None,
    ) -> None:
        self.bundle = bundle
        self._material = material
        self._max_auc_drop = max_auc_drop
        self._report = report
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
        self._whole: dict[Backend, tuple[Cost, bytes]] = {}
        self.known_sensitivity: dict[str, Cost] = {}

    def half(self) -> Made:
        """The fp16 graph; layers whose values it cannot hold stay in fp32.

        Raises EngineError where it loses more than it may, and where it can hold no layer.
        """
        self._report("fp16", 0.0)
        beyond = beyond_half(self.fp32, self.layers, self.ranges)
        layers = [layer for layer in self.layers if layer not in beyond]
        if not layers:
            furthest = max(beyond, key=lambda layer: beyond[layer])
            raise EngineError(
                f"fp16 ends at {LARGEST_HALF:.0f}, and the values of every layer go beyond it, those of"
                f" {furthest} to {beyond[furthest]:.3g}",
                fix="ship fp32 alone, or train the model with smaller weights",
            )
        graph = Graph(member="model.fp16.onnx", precision="fp16", backend="any")
        judged = emulate_half(self.fp32, layers)
        cost = self._cost(graph, judged)
        if cost.auc_drop > self._max_auc_drop:
            raise EngineError(self._too_much("fp16", cost), fix="raise --max-auc-drop, or ship fp32 alone")
        contents = to_half(self.fp32, layers)
        self._report("fp16", 1.0)
        kept = tuple(layer for layer in self.layers if layer in beyond)
        return Made(Lowered("fp16", "any", len(contents), cost, kept), graph, contents, judged)

    def int8_drop(self) -> float:
        """How much AUC the worse of the INT8 graphs loses with every layer in INT8."""
        return max(self._all_int8(backend)[0].auc_drop for backend in BACKENDS)

    def int8(self, backend: Backend) -> Made:
        """The INT8 graph; layers that hurt stay in fp32, worst first, until no more is lost than may be.

        Raises EngineError where even a single layer loses more.
        """
        stage = f"int8 for {backend}"
        self._report(stage, 0.0)
        layers = list(self.layers)
        cost, contents = self._all_int8(backend)
        for worst in self._worst_first() if cost.auc_drop > self._max_auc_drop else ():
            layers.remove(worst)
            if not layers:
                raise EngineError(
                    self._too_much(stage, cost),
                    fix="give more quantization data or --fine-tune CHECKPOINT, or raise --max-auc-drop",
                )
            cost, contents = self._int8_cost(layers, backend)
            if cost.auc_drop <= self._max_auc_drop:
                break
        graph = Graph(member=f"model.int8.{backend}.onnx", precision="int8", backend=backend)
        self._report(stage, 1.0)
        kept = tuple(layer for layer in self.layers if layer not in layers)
        lowered = Lowered("int8", backend, len(contents), cost, kept)
        return Made(lowered, graph, contents, _judged(contents, backend))

    def sensitivity(self) -> dict[str, Cost]:
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

    def _all_int8(self, backend: Backend) -> tuple[Cost, bytes]:
        if backend not in self._whole:
            self._whole[backend] = self._int8_cost(self.layers, backend)
        return self._whole[backend]

    def _worst_first(self) -> list[str]:
        costs = self.sensitivity()
        return sorted(costs, key=lambda layer: (-costs[layer].auc_drop, costs[layer].score_correlation))

    def _int8_cost(self, layers: Sequence[str], backend: Backend) -> tuple[Cost, bytes]:
        contents = to_int8(self.fp32, layers, self.ranges, backend)
        return self._cost(Graph(member="draft.onnx", precision="int8"), _judged(contents, backend)), contents

    def _cost(self, graph: Graph, contents: bytes) -> Cost:
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

    def _too_much(self, what: str, cost: Cost) -> str:
        return (
            f"{what} loses {cost.auc_drop:.4f} of the AUC {self.judge.baseline:.4f} on held-out footage with"
            f" synthetic anomalies, more than {self._max_auc_drop:g}"
        )


def _judged(contents: bytes, backend: Backend) -> bytes:
    """What an INT8 graph is judged by: itself where it is for this machine, else what it rounds."""
    return emulate_int8(contents) if backend == "tensorrt" else contents
