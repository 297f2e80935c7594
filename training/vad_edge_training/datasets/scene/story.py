"""What happens in a clip: who walks where, which incidents there are, what the sensors hear of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

Kind = Literal["cyclist", "vehicle", "running", "wrong_way", "loitering", "thrown_object", "fall"]
KINDS: tuple[Kind, ...] = (
    "cyclist", "vehicle", "running", "wrong_way", "loitering", "thrown_object", "fall",
)  # fmt: skip

Figure = Literal["person", "cyclist", "vehicle", "object"]
Sensor = Literal["door", "sound", "vibration"]

DOOR = (2.0, 18.6)
"""Where the building's door is, metres across and away from the camera."""
OUTSIDE_M = 16.0
"""How far from the middle of the picture people are out of sight."""
NEAR_LANE = (8.8, 11.2)
FAR_LANE = (12.0, 14.6)
"""Metres from the camera: people walk to the right in the near lane, to the left in the far one."""

WALKERS_PER_S = 0.3
VISITORS_PER_S = 0.03
TRUCKS_PER_S = 0.01
QUIET_S = 8.0
"""Nothing happens before."""
SHORTEST_S = 12.0
"""What one incident needs."""
LOITERING_AFTER_S = 5.0


@dataclass(frozen=True, slots=True)
class Waypoint:
    """A place and when it is reached: seconds, metres across, away from the camera and above ground."""

    time_s: float
    x: float
    z: float
    up: float = 0.0


@dataclass(frozen=True, slots=True)
class Actor:
    """Something that moves along its waypoints; height in metres, colours as BGR of upper and lower half.

    falls_s and rises_s say when a person lies down and gets up again.
    """

    figure: Figure
    path: tuple[Waypoint, ...]
    height: float
    colours: tuple[tuple[int, int, int], tuple[int, int, int]]
    falls_s: float | None = None
    rises_s: float | None = None

    def at(self, time_s: float) -> Waypoint | None:
        """Where it is, None before it comes and after it has gone."""
        if not self.path[0].time_s <= time_s <= self.path[-1].time_s:
            return None
        times = [point.time_s for point in self.path]
        x, z, up = (
            float(np.interp(time_s, times, [getattr(point, axis) for point in self.path]))
            for axis in ("x", "z", "up")
        )
        return Waypoint(time_s, x, z, up)

    def travelled(self, time_s: float) -> float:
        """Metres along the path so far."""
        times = [point.time_s for point in self.path]
        ground = np.array([(point.x, point.z) for point in self.path])
        legs = np.hypot(*np.diff(ground, axis=0).T)
        return float(np.interp(time_s, times, np.concatenate(([0.0], np.cumsum(legs)))))

    def heading(self, time_s: float) -> float:
        """1 when it moves to the right, -1 to the left."""
        times = [point.time_s for point in self.path]
        before, after = np.interp([time_s - 0.1, time_s + 0.1], times, [point.x for point in self.path])
        return 1.0 if after >= before else -1.0


@dataclass(frozen=True, slots=True)
class Cue:
    """Something a sensor notices: decibels above the calm, mm/s of vibration, or 1 for an open door."""

    sensor: Sensor
    time_s: float
    duration_s: float
    strength: float


@dataclass(frozen=True, slots=True)
class StagedIncident:
    """One labelled anomaly: abnormal while its actor is in the picture between the two times."""

    kind: Kind
    actor: int
    first_s: float
    last_s: float
    lead_s: float
    """How long before first_s a sensor notices; 0 if none does."""


@dataclass
class Story:
    """Everything that happens in one clip of length_s seconds."""

    length_s: float
    actors: list[Actor] = field(default_factory=list)
    incidents: list[StagedIncident] = field(default_factory=list)
    cues: list[Cue] = field(default_factory=list)

    def is_abnormal(self, actor: int, time_s: float) -> bool:
        """Whether this actor is an anomaly now."""
        return any(
            incident.actor == actor and incident.first_s <= time_s <= incident.last_s
            for incident in self.incidents
        )


def tell_story(length_s: float, seed: int, incidents: Sequence[Kind] = ()) -> Story:
    """A clip's story: people walking all along, and the given incidents spread over it in their order.

    The same arguments tell the same story. Raises ValueError where the incidents do not fit into the length.
    """
    random = np.random.default_rng(seed)
    story = Story(length_s)
    _add_walkers(story, random)
    _add_visitors(story, random)
    _add_trucks(story, random)
    each_s = (length_s - QUIET_S) / max(len(incidents), 1)
    if incidents and each_s < SHORTEST_S:
        raise ValueError(f"{len(incidents)} incidents do not fit into {length_s:g} s")
    for place, kind in enumerate(incidents):
        start_s = QUIET_S + place * each_s + float(random.uniform(0, 0.3 * each_s))
        _add_incident(story, kind, _PLOTS[kind](random), start_s)
    return story


def _add_walkers(story: Story, random: np.random.Generator) -> None:
    """Arrivals at random; they began before the clip, so that its first frame is already peopled."""
    time_s = -2 * OUTSIDE_M
    while time_s < story.length_s:
        time_s += float(random.exponential(1 / WALKERS_PER_S))
        story.actors.append(_walker(random, time_s, _either(random)))


def _add_visitors(story: Story, random: np.random.Generator) -> None:
    time_s = 0.0
    while (time_s := time_s + float(random.exponential(1 / VISITORS_PER_S))) < story.length_s - 5:
        heading = _either(random)
        path = _from_the_door(time_s, heading, _lane(random, heading), _walking_speed(random))
        story.actors.append(_person(random, path))
        story.cues += [
            Cue("door", time_s - 0.8, 3.0, 1.0),
            Cue("vibration", time_s - 0.8, 0.4, 0.5),
            Cue("sound", time_s - 0.8, 0.6, 4.0),
        ]


def _add_trucks(story: Story, random: np.random.Generator) -> None:
    """Heard, never seen: loud moments that mean nothing."""
    time_s = 0.0
    while (time_s := time_s + float(random.exponential(1 / TRUCKS_PER_S))) < story.length_s:
        story.cues.append(Cue("sound", time_s, float(random.uniform(2, 4)), float(random.uniform(6, 9))))


@dataclass(frozen=True, slots=True)
class _Plot:
    """An incident on a time axis of its own."""

    actor: Actor
    first_s: float
    last_s: float
    cues: tuple[Cue, ...] = ()


def _add_incident(story: Story, kind: Kind, plot: _Plot, start_s: float) -> None:
    """Let a plot happen so that it becomes abnormal at start_s."""
    later = start_s - plot.first_s
    cues = [replace(cue, time_s=cue.time_s + later) for cue in plot.cues]
    lead_s = max((start_s - cue.time_s for cue in cues), default=0.0)
    story.incidents.append(
        StagedIncident(kind, len(story.actors), start_s, plot.last_s + later, lead_s=max(lead_s, 0.0))
    )
    story.cues += cues
    story.actors.append(_delayed(plot.actor, later))


def _delayed(actor: Actor, later: float) -> Actor:
    return replace(
        actor,
        path=tuple(replace(point, time_s=point.time_s + later) for point in actor.path),
        falls_s=None if actor.falls_s is None else actor.falls_s + later,
        rises_s=None if actor.rises_s is None else actor.rises_s + later,
    )


def _cyclist(random: np.random.Generator) -> _Plot:
    path = _straight(0.0, _either(random), random.uniform(9.5, 14.0), random.uniform(4.5, 5.5))
    seen_s = _enters_picture_s(path)
    bell = Cue("sound", seen_s - 2.0, 0.5, 11.0)
    return _Plot(Actor("cyclist", path, 1.8, _colours(random)), seen_s, path[-1].time_s, (bell,))


def _vehicle(random: np.random.Generator) -> _Plot:
    path = _straight(0.0, _either(random), random.uniform(10.0, 13.0), random.uniform(2.8, 3.6))
    seen_s, gone_s = _enters_picture_s(path), path[-1].time_s
    colours = ((205, 205, 200), (60, 60, 60)) if random.random() < 0.5 else ((70, 150, 210), (50, 50, 50))
    engine = Cue("sound", seen_s - 4.0, gone_s - seen_s + 4.0, 14.0)
    rumble = Cue("vibration", seen_s - 2.0, gone_s - seen_s + 1.0, 2.5)
    return _Plot(Actor("vehicle", path, 1.9, colours), seen_s, gone_s, (engine, rumble))


def _running(random: np.random.Generator) -> _Plot:
    """The door bangs open, and a little later a person bursts out and runs away."""
    path = _from_the_door(0.0, _either(random), random.uniform(9.5, 14.0), random.uniform(3.8, 4.6))
    cues = (Cue("door", -2.0, 6.0, 1.0), Cue("vibration", -2.0, 0.6, 4.0), Cue("sound", -2.0, 1.2, 16.0))
    return _Plot(_person(random, path), 0.0, path[-1].time_s, cues)


def _wrong_way(random: np.random.Generator) -> _Plot:
    heading = _either(random)
    path = _straight(0.0, heading, _lane(random, -heading), _walking_speed(random))
    return _Plot(_person(random, path), _enters_picture_s(path), path[-1].time_s)


def _loitering(random: np.random.Generator) -> _Plot:
    """A person comes, stands about and shifts from place to place, and goes on at last."""
    heading, speed = _either(random), _walking_speed(random)
    lane, spot = _lane(random, heading), float(random.uniform(-3.0, 3.0))
    time_s = (OUTSIDE_M + heading * spot) / speed
    arrived_s = time_s
    points = [Waypoint(0.0, -heading * OUTSIDE_M, lane), Waypoint(time_s, spot, lane)]
    for _ in range(4):
        time_s += float(random.uniform(1.5, 2.5))
        points.append(Waypoint(time_s, spot, lane))
        time_s += 1.0
        spot += float(random.uniform(-0.7, 0.7))
        points.append(Waypoint(time_s, spot, lane))
    points.append(Waypoint(time_s + (OUTSIDE_M - heading * spot) / speed, heading * OUTSIDE_M, lane))
    return _Plot(_person(random, tuple(points)), arrived_s + LOITERING_AFTER_S, time_s)


def _thrown_object(random: np.random.Generator) -> _Plot:
    """Something flies in from the side, bounces and rolls on."""
    heading = _either(random)
    begin, landing = -heading * 8.5, heading * float(random.uniform(-1.0, 1.0))
    lane = float(random.uniform(9.5, 13.0))
    points = []
    for share in np.linspace(0.0, 1.0, 9).tolist():
        up = 1.5 * (1 - share) + 8 * share * (1 - share)
        points.append(Waypoint(1.3 * share, begin + share * (landing - begin), lane, up))
    points += [
        Waypoint(1.5, landing + heading * 0.6, lane, 0.5),
        Waypoint(1.7, landing + heading * 1.2, lane),
        Waypoint(4.0, landing + heading * 4.0, lane),
        Waypoint(8.0, landing + heading * 12.0, lane),
    ]
    colours = ((40, 90, 220), (40, 90, 220))
    impact = (Cue("sound", 1.3, 0.6, 15.0), Cue("vibration", 1.3, 0.6, 2.0))
    return _Plot(Actor("object", tuple(points), 0.45, colours), 0.0, 8.0, impact)


def _fall(random: np.random.Generator) -> _Plot:
    heading, speed = _either(random), _walking_speed(random)
    lane, spot = _lane(random, heading), float(random.uniform(-3.0, 3.0))
    falls_s = (OUTSIDE_M + heading * spot) / speed
    rises_s = falls_s + float(random.uniform(5.0, 7.0))
    path = (
        Waypoint(0.0, -heading * OUTSIDE_M, lane),
        Waypoint(falls_s, spot, lane),
        Waypoint(rises_s + 1.5, spot, lane),
        Waypoint(rises_s + 1.5 + (OUTSIDE_M - heading * spot) / speed, heading * OUTSIDE_M, lane),
    )
    thud = (Cue("vibration", falls_s + 0.5, 0.6, 2.2), Cue("sound", falls_s + 0.5, 0.6, 9.0))
    return _Plot(_person(random, path, falls_s=falls_s, rises_s=rises_s), falls_s, rises_s + 1.0, thud)


_PLOTS: dict[Kind, Callable[[np.random.Generator], _Plot]] = {
    "cyclist": _cyclist,
    "vehicle": _vehicle,
    "running": _running,
    "wrong_way": _wrong_way,
    "loitering": _loitering,
    "thrown_object": _thrown_object,
    "fall": _fall,
}


def _walker(random: np.random.Generator, time_s: float, heading: int) -> Actor:
    return _person(random, _straight(time_s, heading, _lane(random, heading), _walking_speed(random)))


def _person(
    random: np.random.Generator,
    path: tuple[Waypoint, ...],
    *,
    falls_s: float | None = None,
    rises_s: float | None = None,
) -> Actor:
    return Actor("person", path, float(random.uniform(1.6, 1.9)), _colours(random), falls_s, rises_s)


def _straight(time_s: float, heading: int, lane: float, speed: float) -> tuple[Waypoint, ...]:
    start = Waypoint(time_s, -heading * OUTSIDE_M, lane)
    return start, Waypoint(time_s + 2 * OUTSIDE_M / speed, heading * OUTSIDE_M, lane)


def _from_the_door(time_s: float, heading: int, lane: float, speed: float) -> tuple[Waypoint, ...]:
    x, z = DOOR
    turn = Waypoint(time_s + math.hypot(heading, z - lane) / speed, x + heading, lane)
    away_s = turn.time_s + (OUTSIDE_M - heading * turn.x) / speed
    return Waypoint(time_s, x, z), turn, Waypoint(away_s, heading * OUTSIDE_M, lane)


def _enters_picture_s(path: tuple[Waypoint, ...]) -> float:
    """When something on a straight path is about to be seen: the picture is as wide as its distance."""
    start, end = path
    edge = start.x * min(0.75 * start.z / OUTSIDE_M, 1.0)
    return start.time_s + (edge - start.x) / (end.x - start.x) * (end.time_s - start.time_s)


def _walking_speed(random: np.random.Generator) -> float:
    return float(np.clip(random.normal(1.35, 0.15), 1.0, 1.7))


def _lane(random: np.random.Generator, heading: int) -> float:
    """Where those walk who go that way."""
    return float(random.uniform(*(NEAR_LANE if heading > 0 else FAR_LANE)))


def _either(random: np.random.Generator) -> int:
    return 1 if random.random() < 0.5 else -1


def _colours(random: np.random.Generator) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    upper = tuple(int(value) for value in random.integers(30, 220, 3))
    lower = tuple(int(value) for value in random.integers(25, 110, 3))
    return (upper[0], upper[1], upper[2]), (lower[0], lower[1], lower[2])
