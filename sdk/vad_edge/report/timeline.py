"""`timeline.png`: surprise, risk and sensors of a run over one time axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vad_edge.config.site import PolicyConfig
from vad_edge.events.event import Event
from vad_edge.fusion.machine import Level
from vad_edge.report.observer import FrameResult, Observer
from vad_edge.report.scores import per_camera
from vad_edge.sensors.stream import StreamView

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS: Mapping[Level, str] = {
    Level.NORMAL: "#ffffff",
    Level.WATCH: "#f7e3a1",
    Level.WARNING: "#f6bb7a",
    Level.ALARM: "#ee8b80",
}
TIMELINE = "timeline.png"
MOST_POINTS = 20_000
"""A camera's rows are thinned to this many, so that a run of months does not grow without bound."""


@dataclass
class _Track:
    """The rows of one camera that the picture needs."""

    times: list[float] = field(default_factory=list)
    cues: list[Mapping[str, float]] = field(default_factory=list)
    risk: list[float] = field(default_factory=list)
    level: list[Level] = field(default_factory=list)
    sensors: list[Sequence[StreamView]] = field(default_factory=list)
    every: int = 1
    seen: int = 0

    def add(self, result: FrameResult) -> None:
        """Take up a result, or every second one, fourth one, ... of a long run."""
        self.seen += 1
        if self.seen % self.every:
            return
        surprise = result.scored.surprise if result.scored is not None else None
        self.times.append(result.frame.time_s)
        self.cues.append(surprise.cues if surprise is not None else {})
        self.risk.append(result.risk if result.risk is not None else np.nan)
        self.level.append(result.level)
        self.sensors.append(result.sensors)
        if len(self.times) > MOST_POINTS:
            self.every *= 2
            for rows in (self.times, self.cues, self.risk, self.level, self.sensors):
                del rows[::2]


class Timeline(Observer):
    """Collects a run and draws it when it ends, a picture for each camera.

    policies gives each camera's levels. truth lists (first, last) seconds that are known to be abnormal, with
    a name; title stands above the picture.
    """

    def __init__(
        self,
        folder: Path,
        policies: Mapping[str, PolicyConfig],
        *,
        title: str = "",
        truth: Sequence[tuple[float, float, str]] = (),
    ) -> None:
        self._folder = folder
        self._policies = policies
        self._title = title
        self._truth = truth
        self._tracks = {camera: _Track() for camera in policies}
        self._events: list[Event] = []

    def on_frame(self, result: FrameResult) -> None:
        """Remember one frame's figures."""
        self._tracks[result.camera].add(result)

    def on_event(self, event: Event) -> None:
        """Remember an event."""
        self._events.append(event)

    def close(self) -> None:
        """Draw."""
        for camera, track in self._tracks.items():
            if not track.times:
                continue
            path = self._folder / per_camera(TIMELINE, camera, list(self._tracks))
            events = [event for event in self._events if event.camera == camera]
            _draw(path, track, events, self._policies[camera], self._title or camera, self._truth)


def _draw(
    path: Path,
    track: _Track,
    events: Sequence[Event],
    policy: PolicyConfig,
    title: str,
    truth: Sequence[tuple[float, float, str]],
) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    sensors = track.sensors[-1]
    figure = Figure(figsize=(12, 4.6 + 0.55 * len(sensors)), layout="constrained", dpi=110)
    FigureCanvasAgg(figure)
    heights = [2.0, 2.4, *([0.6] * len(sensors))]
    axes = figure.subplots(
        len(heights), 1, sharex=True, gridspec_kw={"height_ratios": heights}, squeeze=False
    )
    column: list[Axes] = list(axes[:, 0])
    column[0].set_title(title, loc="left", fontsize=12, fontweight="bold")
    _draw_cues(column[0], track)
    _draw_risk(column[1], track, events, policy)
    for place, (axis, sensor) in enumerate(zip(column[2:], sensors, strict=True)):
        _draw_sensor(axis, track, place, sensor)
    for axis in column:
        for first_s, last_s, _ in truth:
            axis.axvspan(first_s, last_s, color="#4c78a8", alpha=0.13, lw=0)
        axis.spines[["top", "right"]].set_visible(False)
        axis.margins(x=0)
    top = column[0].get_ylim()[1]
    for first_s, _, name in truth:
        column[0].text(first_s, top, f" {name}", va="top", fontsize=8, color="#2c5886")
    column[-1].set_xlabel("time in s")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def _draw_cues(axis: Axes, track: _Track) -> None:
    names = list(dict.fromkeys(name for cues in track.cues for name in cues))
    for name in names:
        values = [cues.get(name, np.nan) for cues in track.cues]
        axis.plot(track.times, values, lw=1.0, label=name)
    axis.set_ylabel("surprise")
    if names:
        axis.legend(loc="upper left", fontsize=8, ncols=len(names), frameon=False, bbox_to_anchor=(0.3, 1.18))


def _draw_risk(axis: Axes, track: _Track, events: Sequence[Event], policy: PolicyConfig) -> None:
    axis.plot(track.times, track.risk, color="black", lw=1.2)
    highest = np.nanmax([*np.asarray(track.risk, float), policy.alarm]) * 1.12
    for first_s, last_s, level in _runs(track):
        axis.axvspan(first_s, last_s, color=COLOURS[level], lw=0, zorder=0)
    for place, level in enumerate((Level.WATCH, Level.WARNING, Level.ALARM)):
        start = getattr(policy, str(level))
        axis.axhline(start, color="#777777", lw=0.7, ls=":")
        aside = axis.get_yaxis_transform()
        axis.text(0.005 + 0.05 * place, start, str(level), fontsize=8, color="#555555", transform=aside)
    for event in events:
        if event.kind in ("opened", "raised"):
            axis.plot(event.time_s, event.risk, marker="v", color="#b2182b", ms=6, clip_on=False)
    axis.set_ylim(0, highest)
    axis.set_ylabel("risk")


def _runs(track: _Track) -> list[tuple[float, float, Level]]:
    """Stretches of time at one level above normal."""
    stretches: list[tuple[float, float, Level]] = []
    for time_s, level in zip(track.times, track.level, strict=True):
        if stretches and stretches[-1][2] is level:
            stretches[-1] = (stretches[-1][0], time_s, level)
        else:
            stretches.append((time_s, time_s, level))
    return [stretch for stretch in stretches if stretch[2] > Level.NORMAL]


def _draw_sensor(axis: Axes, track: _Track, place: int, sensor: StreamView) -> None:
    values: Any = [views[place].value for views in track.sensors]
    values = np.array([np.nan if value is None else value for value in values], float)
    if sensor.kind == "binary":
        axis.fill_between(track.times, 0, values, step="post", color="#59a14f", alpha=0.7, lw=0)
        axis.set_ylim(0, 1.15)
        axis.set_yticks([])
    else:
        axis.plot(track.times, values, color="#59a14f", lw=1.0)
        axis.tick_params(axis="y", labelsize=7)
    unit = f"\n{sensor.unit}" if sensor.unit else ""
    axis.set_ylabel(f"{sensor.name}{unit}", rotation=0, ha="right", va="center", fontsize=8)
