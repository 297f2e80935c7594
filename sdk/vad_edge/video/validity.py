"""Whether a frame may be scored: decided before every score, by what came before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

import cv2
import numpy as np

from vad_edge.video.scene import FrameStatistics, Image, Looker, Scene, brightest

Reason = Literal[
    "", "black", "frozen", "covered", "defocused", "moved", "exposure", "cut", "switch", "new_view"
]
Light = Literal["colour", "grey"]
"""What the picture is made of: colours, or the grey of an infra-red lamp (or of a camera without colours)."""

BLACK_LEVEL: Final = 12.0
"""Grey level that 99 % of a black frame stay below."""
DIM: Final = 0.99 * BLACK_LEVEL + 0.01 * 255.0
"""Mean grey level that a black frame stays below, then."""
FROZEN_FRAMES: Final = 25
"""Identical frames in a row that make a frozen stream: a sensor has noise, so a living one never repeats."""
CUT_DIFFERENCE: Final = 24.0
"""Mean absolute grey level between two small copies, each about its own mean, that a cut exceeds."""
CUT_LIKENESS: Final = 0.4
"""Correlation between them that a cut falls below; light changes and passers-by stay above."""
EXPOSURE_JUMP: Final = 24.0
"""Mean grey level between two frames of one scene that the exposure has jumped by."""
SETTLED: Final = 4.0
"""Mean grey level between two frames, below which the exposure has found its place again."""
SETTLING_S: Final = 2.0
"""What has not settled after so long is scored as it is."""
COLOURED: Final = (2.0, 4.0)
"""Mean distance of the channels, in grey levels: infra-red pictures stay below, coloured ones above."""
SWITCHED_FRAMES: Final = 3
LEARNING_S: Final = 3.0
"""How long a new scene is looked at before it is known."""
LEARNING_LOOKS: Final = 10
"""And how often at least: slow cameras take longer."""
LOOK_EVERY_S: Final = 0.15
FORGETTING_S: Final = 600.0
"""What stays for so long becomes part of the scene."""
ADOPTED_S: Final = 60.0
"""A view that is not the known one, and is seen to stay as it is for so long, is the new one."""

STRANGER_LOOKS: Final = 5
"""Looks at another view, after which one that differs from it is yet another."""


@dataclass(frozen=True, slots=True)
class Validity:
    """Whether a frame may be scored, and if not, why; figures are those in detail.

    With reset the model's state has to be reset with it.
    """

    ok: bool
    reason: Reason = ""
    detail: str = ""
    reset: bool = False
    figures: Mapping[str, float] = field(default_factory=dict)


VALID: Final = Validity(True)


class ValidityCheck:
    """Looks at one camera's frames in order.

    It learns what the camera looks at in its first `LEARNING_S`, by colour and by infra-red, and goes on to
    learn slowly while all is well. views are what a camera pack knows of it already. Set hold while something
    is under way: a view that is known is not learned on then.
    """

    def __init__(self, views: Mapping[Light, Scene] | None = None) -> None:
        self.hold = False
        self._looker = Looker()
        self._views: dict[Light, Scene] = dict(views or {})
        self._learned_s: dict[Light, float] = {}
        self._light: Light | None = None
        self._other_light = 0
        self._before: FrameStatistics | None = None
        self._repeats = 0
        self._standing = VALID
        self._unsettled_s: float | None = None
        self._looked_s = -np.inf
        self._stranger: Scene | None = None
        self._stranger_seen_s = 0.0
        self._reset_due = False

    @property
    def views(self) -> Mapping[Light, Scene]:
        """What has been learned so far, for a camera pack; only what can be known again."""
        return {light: view for light, view in self._views.items() if view.recognisable}

    def check(self, image: Image, time_s: float) -> Validity:
        """The verdict on the next frame, uint8 (H, W, 3), taken at `time_s` of its source."""
        verdict = self._judge(self._looker.look(image), time_s)
        if not verdict.ok:
            self._reset_due = True
        elif self._reset_due:
            self._reset_due = False
            return replace(verdict, reset=True)
        return verdict

    def _judge(self, stats: FrameStatistics, time_s: float) -> Validity:
        before, self._before = self._before, stats
        repeated = before is not None and _identical(before, stats)
        self._repeats = self._repeats + 1 if repeated else 0
        if stats.light < DIM and brightest(stats) < BLACK_LEVEL:
            self._before = None
            text = f"99 % of the picture are darker than {BLACK_LEVEL:.0f}"
            return Validity(False, "black", text, figures={"level": BLACK_LEVEL})
        if self._repeats >= FROZEN_FRAMES:
            text = f"{self._repeats} identical frames"
            return Validity(False, "frozen", text, figures={"frames": self._repeats})
        if repeated:
            return self._standing
        change = VALID if before is None else self._change(before, stats, time_s)
        if self._switched(stats):
            change = Validity(True, "switch", f"the picture is {self._light} now", reset=True)
        if change.reason == "exposure":
            return change
        if change.reset or time_s - self._looked_s >= LOOK_EVERY_S or time_s < self._looked_s:
            sight = self._sight(stats, time_s)
            self._standing = VALID if sight.ok else sight
            if sight.reason == "new_view":
                return sight
        return change if self._standing.ok and change.reason else self._standing

    def _change(self, before: FrameStatistics, stats: FrameStatistics, time_s: float) -> Validity:
        """What happened between two frames that differ."""
        cut = cut_verdict(before, stats)
        if cut.reason:
            self._unsettled_s = None
            return cut
        step = abs(stats.light - before.light)
        if step >= EXPOSURE_JUMP and self._unsettled_s is None:
            self._unsettled_s = time_s
        if self._unsettled_s is None:
            return VALID
        if step < SETTLED or not 0.0 <= time_s - self._unsettled_s < SETTLING_S:
            self._unsettled_s = None
            return VALID
        text = f"the light went by {step:.0f} grey levels from frame to frame"
        return Validity(False, "exposure", text, figures={"grey_levels": step})

    def _switched(self, stats: FrameStatistics) -> bool:
        """Whether colour and infra-red have changed places."""
        lowest, highest = COLOURED
        if self._light is None:
            self._light = "grey" if stats.colour < (lowest + highest) / 2 else "colour"
            return False
        other = stats.colour > highest if self._light == "grey" else stats.colour < lowest
        self._other_light = self._other_light + 1 if other else 0
        if self._other_light < SWITCHED_FRAMES:
            return False
        self._light, self._other_light = "colour" if self._light == "grey" else "grey", 0
        self._stranger = None
        return True

    def _sight(self, stats: FrameStatistics, time_s: float) -> Validity:
        """Whether the camera still sees what it knows; learns from what it sees if it does."""
        assert self._light is not None  # noqa: S101 - decided before
        passed_s = min(max(time_s - self._looked_s, 0.0), 1.0)
        self._looked_s = time_s
        self._looker.finish(stats)
        view = self._views.get(self._light)
        if view is None:
            view = self._views[self._light] = Scene()
        if not view.known:
            view.learn(stats, 1.0 / (view.looks + 1))
            learned_s = self._learned_s[self._light] = self._learned_s.get(self._light, 0.0) + passed_s
            view.known = learned_s >= LEARNING_S and view.looks >= LEARNING_LOOKS
            return VALID
        sight, detail, figures = view.judge(stats)
        if sight == "same":
            self._stranger = None
            if not self.hold:
                view.learn(stats, passed_s / FORGETTING_S)
            return VALID
        if sight == "moved" and self._adopt(stats, passed_s):
            return Validity(True, "new_view", f"it has looked like this for {ADOPTED_S:.0f} s", reset=True)
        if sight != "moved":
            self._stranger = None
        return Validity(False, sight, detail, figures=figures)

    def _adopt(self, stats: FrameStatistics, passed_s: float) -> bool:
        """Learn another view beside the known one; whether it has stayed long enough to take its place."""
        assert self._light is not None  # noqa: S101 - decided before
        stranger = self._stranger
        if stranger is not None and stranger.looks > STRANGER_LOOKS and stranger.judge(stats)[0] != "same":
            stranger = None
        if stranger is None:
            stranger = self._stranger = Scene()
            self._stranger_seen_s = 0.0
        else:
            self._stranger_seen_s += passed_s
        stranger.learn(stats, max(1.0 / (stranger.looks + 1), LOOK_EVERY_S / LEARNING_S))
        if self._stranger_seen_s < ADOPTED_S:
            return False
        stranger.known = True
        self._views[self._light] = stranger
        self._stranger = None
        return True


def cut_verdict(before: FrameStatistics, now: FrameStatistics) -> Validity:
    """Whether the small copies of two frames, each about its own mean, show different scenes."""
    size = now.grey.size
    if 2.0 * cv2.norm(before.grey, now.grey, cv2.NORM_L1) < CUT_DIFFERENCE * size:
        return VALID  # taking the means off at most doubles what lies between them
    earlier, later = (each.grey - np.float32(each.light) for each in (before, now))
    if cv2.norm(earlier, later, cv2.NORM_L1) < CUT_DIFFERENCE * size:
        return VALID
    scale = cv2.norm(earlier) * cv2.norm(later)
    likeness = float(np.vdot(earlier, later)) / scale if scale > 0 else 0.0
    if likeness >= CUT_LIKENESS:
        return VALID
    return Validity(True, "cut", f"correlation {likeness:.2f} with the frame before", reset=True)


def _identical(before: FrameStatistics, now: FrameStatistics) -> bool:
    return before.light == now.light and not cv2.norm(before.sample, now.sample, cv2.NORM_INF)
