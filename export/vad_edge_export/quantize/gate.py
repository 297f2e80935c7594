"""What a lowered graph costs in accuracy, against the graph it was made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vad_edge.bundle.archive import Bundle
from vad_edge.bundle.calibration import SUM_OF_ALL, Joining
from vad_edge.bundle.manifest import Graph
from vad_edge.errors import EngineError
from vad_edge.inference.onnxruntime_engine import OnnxRuntimeEngine
from vad_edge.scoring.tail import fit_calibration, joint_surprise
from vad_edge_training.datasets.anomalies import Flags, Frames, with_anomaly
from vad_edge_training.evaluate.metrics import frame_auc

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Trial:
    """Sequences a graph is judged on: normal ones, and the same with a synthetic anomaly each."""

    normal: Sequence[Frames]
    spoiled: Sequence[Frames]
    truth: Sequence[Flags]


@dataclass(frozen=True, slots=True)
class LoweringLoss:
    """A lowered graph beside its fp32 original, on the same frames.

    auc is the fused score's, online; auc_drop how much lower than the judge's baseline it is, at least 0.
    score_correlation is the lowest of the cues' Pearson correlations, max_abs_diff the largest difference
    of a score.
    """

    auc: float
    auc_drop: float
    score_correlation: float
    max_abs_diff: float


def make_trial(normal: Sequence[Frames]) -> Trial:
    """A trial from normal sequences, the kinds of anomaly in turn. Raises ValueError for short ones."""
    pairs = [with_anomaly(frames, kind) for kind, frames in enumerate(normal)]
    return Trial(normal, [frames for frames, _ in pairs], [flags for _, flags in pairs])


class Judge:
    """Runs graphs of one bundle on a trial; the fp32 graph's answers are kept.

    baseline is the AUC that drops are counted from, the fp32 graph's own where None.
    """

    def __init__(self, bundle: Bundle, trial: Trial, baseline: float | None = None) -> None:
        self._bundle = bundle
        self._trial = trial
        self._joining = joining_of(bundle)
        original = bundle.graph("fp32")
        self._scores, self.auc = self._judge(bundle, original)
        self.baseline = self.auc if baseline is None else baseline

    def cost(self, bundle: Bundle, graph: Graph) -> LoweringLoss:
        """What `graph` of `bundle`, made from the original, costs.

        Raises EngineError for scores that are no numbers.
        """
        scores, auc = self._judge(bundle, graph)
        original = self._scores
        correlations = [
            correlation(original[:, cue], scores[:, cue])
            for cue in range(scores.shape[1])
            if original[:, cue].std() > 0
        ]
        return LoweringLoss(
            auc=auc,
            auc_drop=max(self.baseline - auc, 0.0),
            score_correlation=min(correlations, default=1.0),
            max_abs_diff=float(np.abs(original - scores).max()),
        )

    def _judge(self, bundle: Bundle, graph: Graph) -> tuple[FloatArray, float]:
        """The scores of all spoiled frames that have one, (N, K), and the fused score's AUC."""
        manifest = bundle.manifest
        warmup = manifest.clock.warmup_frames
        normal = np.concatenate([scores_of(bundle, graph, frames)[warmup:] for frames in self._trial.normal])
        tails = fit_calibration(normal, manifest.cues, fps=manifest.clock.fps).cues
        spoiled = [scores_of(bundle, graph, frames)[warmup:] for frames in self._trial.spoiled]
        fused = [joint_surprise(self._joining, tails, rows) for rows in spoiled]
        delay = manifest.clock.delay_frames
        truth = [np.roll(flags, delay)[warmup:] for flags in self._trial.truth]
        return np.concatenate(spoiled), frame_auc(fused, truth).micro_online


def joining_of(bundle: Bundle) -> Joining:
    """How the cues of a bundle are joined."""
    calibration = bundle.graph("fp32").calibration
    return calibration.joining if calibration else SUM_OF_ALL


def correlation(before: FloatArray, after: FloatArray) -> float:
    """Pearson's correlation of two rows of scores; 0 where what was to follow the first does not move."""
    return float(np.corrcoef(before, after)[0, 1]) if after.std() > 0 else 0.0


def scores_of(bundle: Bundle, graph: Graph, frames: Frames) -> FloatArray:
    """The raw scores of one sequence from the initial state: (T, H, W, 3) -> (T, K).

    Raises EngineError for one that is no number.
    """
    engine = OnnxRuntimeEngine(bundle, graph, batch=1)
    try:
        rows = []
        for number, frame in enumerate(frames):
            engine.inputs.frame[0] = frame
            engine.inputs.reset[0] = number == 0
            rows.append(engine.step().score[0].astype(np.float64))
    finally:
        engine.close()
    scores = np.array(rows)
    if not np.isfinite(scores).all():
        first = int(np.flatnonzero(~np.isfinite(scores).all(axis=1))[0])
        raise EngineError(
            f"{graph.precision} gives a score of {scores[first]} at frame {first}: a value inside went out of"
            " range",
            fix="give more quantization data, so that its ranges show where",
        )
    return scores
