"""Normal footage and an alarm budget to a camera pack, and a report of how far the footage backs it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vad_edge.budget import AlarmBudget
from vad_edge.bundle.archive import Bundle
from vad_edge.bundle.calibration import SUM_OF_ALL
from vad_edge.bundle.manifest import Manifest, Precision
from vad_edge.bundle.pack import CameraPack, PackedStream
from vad_edge.calibration.fit import Learned, learn, notes_of
from vad_edge.calibration.recorded_scores import RecordedScores
from vad_edge.calibration.scores import Progress, ScoredFootage, score_footage
from vad_edge.calibration.sensors import Listener
from vad_edge.config.site import Polygon, SensorConfig
from vad_edge.errors import DataError
from vad_edge.pipeline import stored_views
from vad_edge.scoring.regions import ignore_weight


@dataclass(frozen=True, slots=True)
class CalibrationReport:
    """A pack, the life it was made of, and what people should know about it."""

    pack: CameraPack
    learned: Learned
    recorded: RecordedScores
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values for machines."""
        levels = self.learned.levels
        return {
            "camera": self.pack.camera,
            "precision": self.pack.precision,
            "budget_asked": levels.asked,
            "budget_kept": levels.kept,
            "backed": AlarmBudget.parse(levels.kept).per_hour
            <= AlarmBudget.parse(levels.asked).share(levels.cameras).per_hour * (1.0 + 1e-9),
            "cameras": levels.cameras,
            "footage_hours": levels.armed_s / 3600.0,
            "footage_hours_needed": levels.needed_s / 3600.0,
            "block_s": self.learned.calibration.block_s,
            "watch": levels.watch,
            "warning": levels.warning,
            "alarm": levels.alarm,
            "fit_chance": levels.fit_chance,
            "sensors": list(self.pack.sensors),
            "outliers": [outlier.to_dict() for outlier in self.learned.outliers],
            "false_alarm_risks": list(self.learned.false_alarm_risks),
            "notes": list(self.notes),
        }


def calibrate(
    bundle: Bundle,
    sources: Sequence[str],
    budget: AlarmBudget,
    *,
    camera: str = "camera",
    cameras: int = 1,
    engine: str = "auto",
    precision: Precision | None = None,
    fps: float | None = None,
    masks: Sequence[Polygon] = (),
    duration_s: float | None = None,
    stop: threading.Event | None = None,
    all_normal: bool = False,
    false_alarm_risks: Sequence[float] = (),
    sensors: Sequence[SensorConfig] = (),
    latency_s: float = 0.0,
    on_progress: Progress = lambda what, done, total: None,
) -> CalibrationReport:
    """Fit what is normal for one camera from `sources`, which must show its normal life only.

    budget is the site's, of which this camera may spend one part in `cameras`. duration_s is how long a live
    source is watched, unless `stop` ends that before. What lies in masks counts for nothing. Moments that
    look abnormal are named and left out unless all_normal says that there are none. false_alarm_risks are
    those of `false_alarms`. sensors are the site's streams; those whose recordings lie beside the footage
    join the risk that levels are set for. latency_s is the camera's. Raises DataError for footage that will
    not do, SourceError, SensorError, EngineError. Needs scipy.
    """
    weight = _weight(masks, bundle.manifest)
    listener = Listener(sensors, camera, latency_s=latency_s)
    footage = score_footage(
        bundle,
        sources,
        engine=engine,
        precision=precision,
        fps=fps,
        weight=weight,
        duration_s=duration_s,
        stop=stop,
        hear=listener.hear_clip,
        on_progress=on_progress,
    )
    return calibrate_on(
        bundle,
        footage,
        budget,
        camera=camera,
        cameras=cameras,
        masks=masks,
        listener=listener,
        all_normal=all_normal,
        false_alarm_risks=false_alarm_risks,
        on_progress=on_progress,
    )


def calibrate_on(
    bundle: Bundle,
    footage: ScoredFootage,
    budget: AlarmBudget,
    *,
    camera: str = "camera",
    cameras: int = 1,
    masks: Sequence[Polygon] = (),
    listener: Listener | None = None,
    all_normal: bool = False,
    false_alarm_risks: Sequence[float] = (),
    on_progress: Progress = lambda what, done, total: None,
) -> CalibrationReport:
    """The same for footage that is scored already, and `listener` heard; of video alone without one.

    masks are those it was scored with. Raises DataError. Needs scipy.
    """
    manifest, graph = bundle.manifest, footage.graph
    weight = _weight(masks, manifest)
    listener = listener or Listener((), camera)
    learned = learn(
        footage.stretches,
        manifest.cues,
        manifest.clock.fps,
        budget,
        cameras=cameras,
        streams=listener.streams,
        footage=footage.fingerprints,
        joining=graph.calibration.joining if graph.calibration else SUM_OF_ALL,
        all_normal=all_normal,
        false_alarm_risks=false_alarm_risks,
        on_progress=on_progress,
    )
    pack = CameraPack(
        camera=camera,
        graph_sha256=manifest.members[graph.member],
        precision=graph.precision,
        fps=manifest.clock.fps,
        calibration=learned.calibration,
        weight=None if weight is None else weight.tolist(),
        masks=tuple(masks),
        levels=learned.levels,
        partial_levels=dict(learned.partial),
        accumulation=learned.accumulation,
        sensors={name: PackedStream(**kept) for name, kept in listener.kept(learned.streams).items()},
        views=stored_views(footage.views),
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
    )
    about = ", ".join(
        [f"camera {camera} ({manifest.name}), calibrated {pack.created[:10]}", *learned.streams]
    )
    joining = learned.calibration.joining
    recorded = RecordedScores(
        manifest.cues, manifest.clock.fps, learned.stretches, about, listener.streams, joining
    )
    notes = (*footage.notes, *listener.notes(learned.streams), *notes_of(learned))
    return CalibrationReport(pack, learned, recorded, notes)


def _weight(masks: Sequence[Polygon], manifest: Manifest) -> NDArray[np.float32] | None:
    if not masks:
        return None
    weight = ignore_weight(masks, manifest.map_height, manifest.map_width)
    if not weight.any():
        raise DataError("the ignore masks leave nothing of the picture", fix="draw smaller ones")
    return weight
