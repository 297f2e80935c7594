"""Why an event came: a code with parameters, so that any language can say it, and the English text."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Reason:
    """One part of why an event came; params are plain JSON values, and depend on the code."""

    code: str
    params: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The reason in English; the code itself where this version does not know it.

        >>> Reason("video_rare", {"one_in": 120, "unit": "frame"}).text
        'video rarer than 1 frame in 120 of normal footage'
        """
        render = _TEXTS.get(self.code)
        if render is None:
            return self.code
        try:
            return render(self.params)
        except (KeyError, TypeError, ValueError):
            return self.code

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"code": self.code, "params": dict(self.params), "text": self.text}


def rarity_reason(surprise: float, footage_frames: int, block_s: float = 0.0) -> Reason:
    """A surprise as a reason, which claims nothing that the normal footage behind it cannot show.

    With block_s it counts stretches of so many seconds, by their highest score, and not frames.
    """
    unit: dict[str, Any] = {"unit": "stretch", "block_s": block_s} if block_s else {"unit": "frame"}
    frames = 10.0 ** min(surprise, 300.0)
    if frames < 2.0:
        return Reason("video_common")
    if frames > footage_frames:
        return Reason("video_beyond_footage", {"count": footage_frames, **unit})
    step = 10.0 ** max(math.floor(math.log10(frames)) - 1, 0)
    return Reason("video_rare", {"one_in": math.floor(frames / step) * int(step), **unit})


def share_reasons(shares: Mapping[str, float]) -> list[Reason]:
    """What the risk is made of, by cue and sensor stream, the largest part first."""
    parts = sorted(((name, share) for name, share in shares.items() if share > 0), key=lambda part: -part[1])
    return [Reason("share", {"source": name, "share": share}) for name, share in parts]


def _unit(params: Mapping[str, Any], *, many: bool) -> str:
    if params["unit"] == "frame":
        return "frames" if many else "frame"
    return f"{'stretches' if many else 'stretch'} of {params['block_s']:.3g} s"


_TEXTS: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    "video_common": lambda p: "video as common as normal footage",
    "video_beyond_footage": lambda p: (
        f"video rarer than anything expected in {p['count']:,} {_unit(p, many=True)} of normal footage"
    ),
    "video_rare": lambda p: f"video rarer than 1 {_unit(p, many=False)} in {p['one_in']:,} of normal footage",
    "share": lambda p: f"{p['source']} adds {p['share']:.2g} to the risk",
    "tamper": lambda p: str(p["detail"]),
    "test": lambda p: "a commissioning test, nothing has happened",
}
