"""What a camera's footage is like, and whether it will do to learn from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from vad_edge.video.validity import BLACK_LEVEL

Frames = NDArray[np.uint8]
Gray = NDArray[np.float32]

LITTLE_S: Final = 600.0
SLOW_FPS: Final = 5.0
SAMPLES: Final = 400
SEGMENTS: Final = 12
SEGMENT_S: Final = 15.0
"""Shorter than this, the median picture of a segment still shows who passes by."""
COLOURLESS: Final = 2.0
"""Mean absolute difference of the colour channels, in grey levels, that an infra-red picture stays below."""
MOVED: Final = 0.02
"""Share of the picture's width a camera must have turned by to count as moved."""
SURE: Final = 0.15
"""Response of phase correlation above which a shift is believed; unrelated pictures stay below."""


@dataclass(frozen=True, slots=True)
class FootageFacts:
    """What sampled frames of the training clips show.

    seconds is the length of all clips. dark, repeated and infrared are shares of the sampled frames: black
    ones, those identical to the frame before, and those without colour. moved holds, for each place where the
    picture shifted for good, the clip's name, the second in it and how far, as a share of the width.
    """

    seconds: float
    fps: float
    dark: float
    repeated: float
    infrared: float
    moved: tuple[tuple[str, float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class FootageFinding:
    """Something about footage: a ``fault`` makes it useless, a ``warning`` goes into the model's manifest."""

    kind: Literal["fault", "warning"]
    text: str
    fix: str


def measure_footage(names: Sequence[str], clips: Sequence[Frames], fps: float) -> FootageFacts:
    """Look at frames spread over clips, each uint8 (T, H, W, 3) BGR at `fps` frames a second."""
    total = sum(len(clip) for clip in clips)
    every = max(total // SAMPLES, 1)
    dark, repeated, infrared, lit = 0, 0, 0, 0
    for clip in clips:
        for place in range(0, len(clip), every):
            image = clip[place]
            if np.quantile(image[::2, ::2, 1], 0.99) < BLACK_LEVEL:
                dark += 1
                continue
            lit += 1
            infrared += _colour(image) < COLOURLESS
            repeated += place > 0 and np.array_equal(image, clip[place - 1])
    sampled = max(dark + lit, 1)
    return FootageFacts(
        seconds=total / fps,
        fps=fps,
        dark=dark / sampled,
        repeated=repeated / sampled,
        infrared=infrared / max(lit, 1),
        moved=tuple(_moves(names, clips, fps)),
    )


def judge(found: FootageFacts) -> list[FootageFinding]:
    """What is wrong with footage, and what would be enough."""
    findings = []
    if found.seconds < LITTLE_S:
        findings.append(
            FootageFinding(
                "warning",
                f"learned from {found.seconds:.0f} s of footage: much that is normal was not seen",
                "record an hour or more, over all the light the camera will see",
            )
        )
    if found.dark > 0.5:
        findings.append(
            FootageFinding(
                "fault", f"{found.dark:.0%} of the frames are black", "check lens cap, light and exposure"
            )
        )
    elif found.dark > 0.02:
        findings.append(
            FootageFinding("warning", f"{found.dark:.0%} of the frames are black", "leave them out")
        )
    if found.repeated > 0.5:
        findings.append(
            FootageFinding(
                "fault",
                f"{found.repeated:.0%} of the frames are identical to the one before",
                "the stream is frozen: record again, from the camera itself",
            )
        )
    if found.fps < SLOW_FPS:
        findings.append(
            FootageFinding(
                "warning",
                f"{found.fps:g} frames a second: what moves fast is hardly seen",
                f"record at {SLOW_FPS:g} or more",
            )
        )
    if 0.02 < found.infrared < 0.98:
        findings.append(
            FootageFinding(
                "warning",
                f"{found.infrared:.0%} of the footage is infra-red, the rest in colour: both are learned",
                "see that there are hours of each",
            )
        )
    for clip, second, share in found.moved:
        findings.append(
            FootageFinding(
                "warning",
                f"the camera moved by {share:.0%} of the picture in {clip} near {second:.0f} s",
                "leave out what was recorded before",
            )
        )
    return findings


def shift_between(before: Gray, now: Gray) -> tuple[float, float]:
    """How far a picture, (H, W), has shifted as a share of its width, and how sure that is, 0..1."""
    window = cv2.createHanningWindow((before.shape[1], before.shape[0]), cv2.CV_32F)
    (right, down), response = cv2.phaseCorrelate(_edges(before), _edges(now), window)
    return float(np.hypot(right, down)) / before.shape[1], float(response)


def _moves(names: Sequence[str], clips: Sequence[Frames], fps: float) -> list[tuple[str, float, float]]:
    """Where the still part of the picture is elsewhere than in the segment before."""
    length = max(sum(len(clip) for clip in clips) // SEGMENTS, math.ceil(SEGMENT_S * fps))
    found = []
    last: Gray | None = None
    for name, clip in zip(names, clips, strict=True):
        for begin in range(0, len(clip), length):
            segment = clip[begin : begin + length]
            if len(segment) < min(length, SEGMENT_S * fps):
                continue
            still = _still(segment)
            if last is not None:
                share, sure = shift_between(last, still)
                if share > MOVED and sure > SURE:
                    found.append((name, begin / fps, share))
            last = still
    return found


def _still(segment: Frames) -> Gray:
    """The median picture of a segment in grey."""
    sample = segment[:: max(len(segment) // 15, 1)]
    median: Gray = np.median(sample[..., 1], axis=0).astype(np.float32)
    return median


def _edges(picture: Gray) -> Gray:
    """Where the picture changes from place to place: that survives a change of light."""
    across, down = cv2.Sobel(picture, cv2.CV_32F, 1, 0), cv2.Sobel(picture, cv2.CV_32F, 0, 1)
    edges: Gray = np.log1p(np.hypot(across, down)).astype(np.float32)
    return edges


def _colour(image: Frames) -> float:
    sample = image[::2, ::2].astype(np.int16)
    return float(
        np.abs(sample[..., 0] - sample[..., 1]).mean() + np.abs(sample[..., 2] - sample[..., 1]).mean()
    )
