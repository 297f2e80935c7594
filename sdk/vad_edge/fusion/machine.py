"""When a risk becomes a warning level: the state machine of one camera."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from vad_edge.common.ids import new_id
from vad_edge.config.site import PolicyConfig
from vad_edge.fusion.fuse import Risk


class Level(IntEnum):
    """How serious a situation is; higher is worse. Its text form is the lower-case name."""

    NORMAL = 0
    WATCH = 1
    WARNING = 2
    ALARM = 3

    def __str__(self) -> str:
        return self.name.lower()


ChangeKind = Literal["opened", "raised", "lowered", "cleared"]

# Frame times are sums of floats: half a second must not become one frame more.
_EPSILON_S = 1e-9


@dataclass(frozen=True, slots=True)
class LevelChange:
    """One announced step of an incident; every incident runs opened, (raised | lowered)*, cleared.

    since_s is when the risk first stood at watch, time_s when the change was decided, both on the run clock.
    peak_risk is the largest since since_s. early_s is how long before its first alarm the incident opened;
    None while there has been no alarm.
    """

    kind: ChangeKind
    level: Level
    previous: Level
    incident: str
    since_s: float
    time_s: float
    peak_risk: float
    early_s: float | None = None


class WarningMachine:
    """Follows one camera's risk and says when its level changes. Knows no clock but the risk's own times.

    A level that was announced and left is not announced again during the cool-down, neither in the same
    incident nor in a new one; a level that was not is announced at once.
    """

    def __init__(self, policy: PolicyConfig, *, new_incident: Callable[[], str] = new_id) -> None:
        self._new_incident = new_incident
        self._above: dict[Level, float] = {}
        self._below: dict[Level, float] = {}
        self.follow(policy)
        self._time_s = -math.inf
        self._changed_s = -math.inf
        self._left: dict[Level, float] = {}
        self._opened_s = self._since_s = 0.0
        self._early_s: float | None = None
        self._peak = 0.0
        self._level = Level.NORMAL
        self._incident: str | None = None

    def follow(self, policy: PolicyConfig) -> None:
        """Go on by another policy: what has built up is forgotten, an incident under way goes on."""
        self._policy = policy
        self._starts = {Level.WATCH: policy.watch, Level.WARNING: policy.warning, Level.ALARM: policy.alarm}
        self._recent: deque[Risk] = deque(maxlen=policy.persistence[1] if policy.persistence else 1)
        self._above.clear()
        self._below.clear()

    @property
    def level(self) -> Level:
        """The level announced last."""
        return self._level

    @property
    def incident(self) -> str | None:
        """The id of the incident under way, None while all is normal."""
        return self._incident

    def update(self, risk: Risk, *, held: bool = False) -> LevelChange | None:
        """The change this risk brings, if any. A time that does not advance is ignored.

        While the level is held it may rise and not fall: a risk without its camera's part is no calm.
        """
        now = risk.time_s
        if now <= self._time_s:
            return None
        self._time_s = now
        reached = self._track(risk)
        if self._incident is None:
            return self._open(reached, now)
        if reached > self._level and not self._cooling(reached, now):
            return self._change("raised", reached, self._incident)
        if held:
            self._below.clear()
            return None
        if not _lasted(self._changed_s, now, self._policy.dwell_s):
            return None
        if _lasted(self._below.get(Level.WATCH), now, self._policy.clear_s):
            return self._clear(self._incident)
        if self._level > Level.WATCH and _lasted(self._below.get(self._level), now, self._policy.dwell_s):
            return self._change("lowered", self._held(), self._incident)
        return None

    def stand_down(self, time_s: float) -> LevelChange | None:
        """Forget what has built up; the change that clears the incident under way, if there is one."""
        self._time_s = max(self._time_s, time_s)
        self._above.clear()
        self._below.clear()
        self._peak = 0.0 if self._incident is None else self._peak
        return None if self._incident is None else self._clear(self._incident)

    def _track(self, risk: Risk) -> Level:
        """Note since when the risk has stood above each level's start, or below its end.

        The highest level it has stood at for the dwell time, or in N of its last M values.
        """
        self._recent.append(risk)
        reached = Level.NORMAL
        for level, start in self._starts.items():
            if risk.value >= start:
                self._above.setdefault(level, risk.time_s)
            else:
                self._above.pop(level, None)
            if self._persists(level, risk.time_s):
                reached = level
                self._below.pop(level, None)
            elif risk.value < start - self._policy.hysteresis:
                self._below.setdefault(level, risk.time_s)
            else:
                self._below.pop(level, None)
        quiet = self._incident is None and Level.WATCH not in self._above
        self._peak = 0.0 if quiet else max(self._peak, risk.value)
        return reached

    def _persists(self, level: Level, now: float) -> bool:
        if self._policy.persistence is None:
            return _lasted(self._above.get(level), now, self._policy.dwell_s)
        wanted, last = self._policy.persistence
        reached = sum(risk.value >= self._starts[level] for risk in self._recent)
        return len(self._recent) == last and reached >= wanted

    def _cooling(self, level: Level, now: float) -> bool:
        """Whether `level`, or a higher one, was announced and left too short a time ago."""
        left = [self._left[other] for other in self._left if other >= level]
        return bool(left) and not _lasted(max(left), now, self._policy.cooldown_s)

    def _held(self) -> Level:
        """The level below the present one that the risk still holds; never below watch."""
        held = (level for level in self._starts if level < self._level and level not in self._below)
        return max(held, default=Level.WATCH)

    def _open(self, reached: Level, now: float) -> LevelChange | None:
        if reached is Level.NORMAL or self._cooling(reached, now):
            return None
        self._incident = self._new_incident()
        suspicious = [risk for risk in self._recent if risk.value >= self._policy.watch]
        self._since_s = min(self._above.get(Level.WATCH, now), *(risk.time_s for risk in suspicious), now)
        self._opened_s = now
        self._peak = max(self._peak, *(risk.value for risk in suspicious), 0.0)
        return self._change("opened", reached, self._incident)

    def _clear(self, incident: str) -> LevelChange:
        change = self._change("cleared", Level.NORMAL, incident)
        self._incident, self._early_s, self._peak = None, None, 0.0
        return change

    def _change(self, kind: ChangeKind, level: Level, incident: str) -> LevelChange:
        previous, self._level, self._changed_s = self._level, level, self._time_s
        for passed in Level:
            if level < passed <= previous:
                self._left[passed] = self._time_s
        if level is Level.ALARM and self._early_s is None:
            self._early_s = self._time_s - self._opened_s
        return LevelChange(
            kind=kind,
            level=level,
            previous=previous,
            incident=incident,
            since_s=self._since_s,
            time_s=self._time_s,
            peak_risk=self._peak,
            early_s=self._early_s,
        )


def _lasted(since_s: float | None, now_s: float, length_s: float) -> bool:
    return since_s is not None and now_s - since_s >= length_s - _EPSILON_S
