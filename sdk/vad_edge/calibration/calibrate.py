"""Normal footage and an alarm budget to a camera pack, and a report of how far the footage backs it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vad_edge.budget import AlarmBudget
from vad_edge.bundle.archive import Bundle, load_bundle
from vad_edge.bundle.calibration import SUM_OF_ALL
from vad_edge.bundle.manifest import Manifest, Precision
from vad_edge.bundle.pack import CameraPack, PackedStream, write_pack
from vad_edge.calibration.fit import Learned, learn, notes_of
from vad_edge.calibration.recorded_scores import RecordedScores
from vad_edge.calibration.scores import Progress, ScoredFootage, kept_footage, score_footage
from vad_edge.calibration.sensors import Listener
from vad_edge.cameras.decoding import stream_options
from vad_edge.cameras.streams import with_camera_streams
from vad_edge.config.load import checked, load_site
from vad_edge.config.site import CameraConfig, Polygon, SiteConfig
from vad_edge.errors import ConfigError, DataError
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
            "outliers": [asdict(outlier) for outlier in self.learned.outliers],
            "false_alarm_risks": list(self.learned.false_alarm_risks),
            "notes": list(self.notes),
        }


def calibrate(
    sources: str | int | Path | Sequence[str] = (),
    *,
    bundle: Bundle | Path | str,
    budget: AlarmBudget | str = "1/week",
    site: SiteConfig | Path | str | None = None,
    camera: str | None = None,
    cameras: int | None = None,
    scores: Path | str | None = None,
    engine: str = "auto",
    precision: Precision | None = None,
    fps: float | None = None,
    model_fps: float | None = None,
    duration_s: float | None = None,
    output: Path | str | None = None,
    stop: threading.Event | None = None,
    all_normal: bool = False,
    false_alarm_risks: Sequence[float] = (),
    on_progress: Progress = lambda what, done, total: None,
) -> CalibrationReport:
    """Learn one camera's normal life and the levels that keep an alarm budget. Provisional.

    >>> import vad_edge
    >>> report = vad_edge.calibrate("normal/", bundle="my.vadb", output="door.vadc")  # doctest: +SKIP

    sources show the camera's normal life only: videos, folders of clips, a camera for duration_s or until
    `stop` is set; or else scores is what a run with ``[learning]`` has kept. site brings the camera's masks,
    the sensors recorded beside the footage, and how many cameras share the budget. model_fps runs the model
    at a lower rate than its own. false_alarm_risks are the risks of false alarms, which count as normal.
    output is where the camera's pack is written, NAME.vadc.
    Needs the extra ``calibrate``. Raises DataError for footage that will not do, ConfigError, SourceError,
    SensorError, EngineError.
    """
    clips = [str(sources)] if isinstance(sources, (str, int, Path)) else list(sources)
    if bool(clips) == (scores is not None):
        raise ConfigError("there is nothing to learn from", where="sources", fix="give sources, or scores")
    budget = AlarmBudget.parse(budget) if isinstance(budget, str) else budget
    site = load_site(site) if isinstance(site, (str, Path)) else site
    bundle, own = load_bundle(bundle), camera_to_calibrate(site, camera)
    if model_fps is not None:
        full = bundle.manifest.clock.fps
        if model_fps >= full:
            raise ConfigError(
                f"{model_fps:g} is no lower rate: the model's own is {full:g}", where="--model-fps"
            )
        bundle = bundle.at_rate(model_fps)
    masks: Sequence[Polygon] = own.ignored
    sensors = () if site is None else with_camera_streams(site).sensor
    listener = Listener(sensors, own.name, latency_s=own.latency_s)
    if scores is not None:
        footage, masks = kept_footage(bundle, Path(scores))
        listener = Listener((), own.name)
    else:
        footage = score_footage(
            bundle,
            clips,
            engine=engine,
            precision=precision,
            fps=fps,
            options=stream_options(own),
            weight=_weight(masks, bundle.manifest),
            duration_s=duration_s,
            stop=stop,
            hear=listener.hear_clip,
            on_progress=on_progress,
        )
    manifest, defaults = bundle.manifest, footage.graph.calibration
    learned = learn(
        footage.stretches,
        manifest.cues,
        manifest.clock.fps,
        budget,
        cameras=cameras or max(len(site.camera) if site is not None else 0, 1),
        streams=listener.streams,
        footage=footage.fingerprints,
        joining=defaults.joining if defaults else SUM_OF_ALL,
        all_normal=all_normal,
        false_alarm_risks=false_alarm_risks,
        on_progress=on_progress,
    )
    report = _report(own, manifest, footage, masks, listener, learned)
    if output is not None:
        write_pack(Path(output), report.pack)
    return report


def _report(
    camera: CameraConfig,
    manifest: Manifest,
    footage: ScoredFootage,
    masks: Sequence[Polygon],
    listener: Listener,
    learned: Learned,
) -> CalibrationReport:
    graph, weight = footage.graph, _weight(masks, manifest)
    pack = CameraPack(
        camera=camera.name,
        decode_width=camera.decode_width,
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
        [f"camera {camera.name} ({manifest.name}), calibrated {pack.created[:10]}", *learned.streams]
    )
    joining = learned.calibration.joining
    recorded = RecordedScores(
        manifest.cues, manifest.clock.fps, learned.stretches, about, listener.streams, joining
    )
    notes = (*footage.notes, *listener.notes(learned.streams), *notes_of(learned))
    return CalibrationReport(pack, learned, recorded, notes)


def camera_to_calibrate(site: SiteConfig | None, name: str | None) -> CameraConfig:
    """The camera of that name in the site, or its only one; without a site, one of which nothing is known.

    Raises ConfigError where the site has no such camera, and for a name that no camera can have.
    """
    if site is None:
        return checked(CameraConfig, name="camera" if name is None else name)
    return site.camera_named(name)


def _weight(masks: Sequence[Polygon], manifest: Manifest) -> NDArray[np.float32] | None:
    if not masks:
        return None
    weight = ignore_weight(masks, manifest.map_height, manifest.map_width)
    if not weight.any():
        raise DataError("the ignore masks leave nothing of the picture", fix="draw smaller ones")
    return weight
