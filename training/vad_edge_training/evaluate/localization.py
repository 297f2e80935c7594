"""How well error maps show where the anomaly is: region- and track-based detection criteria."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import auc as area

BoolArray = NDArray[np.bool_]
Map = NDArray[np.float32]

OVERLAP = 0.1
"""Intersection over union at which a region counts as found (Ramachandra and Jones, WACV 2020)."""

TRACK_SHARE = 0.1
"""Share of a track's regions that must be found for the track to be."""

THRESHOLDS = 64


@dataclass(frozen=True, slots=True)
class FrameRegions:
    """A frame's true regions: labels (h, w), 0 for none, n for the n-th; tracks holds each one's track."""

    labels: NDArray[np.int32]
    tracks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Localization:
    """Areas under region- and track-detection rate up to one false region a frame, 0..1."""

    rbdc: float
    tbdc: float


def localization(
    maps: Sequence[Sequence[Map | None]], masks: Sequence[BoolArray], thresholds: int = THRESHOLDS
) -> Localization | None:
    """Compare each frame's error map with its mask, both criteria from one sweep of thresholds.

    maps holds for each clip one (h, w) map a frame, None for a frame left out. masks are (T, H, W) a clip.
    Regions are compared at the maps' resolution, where a cell is abnormal if a pixel in it is. Returns None
    where nothing abnormal is left to find.
    """
    pairs: list[tuple[Map, FrameRegions]] = []
    lengths: dict[int, int] = {}
    for clip_maps, clip_masks in zip(maps, masks, strict=True):
        size = next((found.shape for found in clip_maps if found is not None), None)
        if size is None:
            continue
        truth = track_regions(clip_masks, size, first_track=len(lengths))
        for found, regions in zip(clip_maps, truth, strict=True):
            for track in regions.tracks:
                lengths.setdefault(track, 0)
            if found is not None:
                pairs.append((found, regions))
                for track in regions.tracks:
                    lengths[track] += 1
    lengths = {track: length for track, length in lengths.items() if length}
    if not lengths:
        return None
    peaks = np.array([found.max() for found, _ in pairs])
    curve = [
        _rates(pairs, lengths, float(threshold))
        for threshold in np.unique(np.quantile(peaks, np.linspace(0.0, 1.0, thresholds)))
    ]
    false, of_regions, of_tracks = np.array(curve).T
    return Localization(_area(false, of_regions), _area(false, of_tracks))


def track_regions(masks: BoolArray, size: tuple[int, ...], first_track: int = 0) -> list[FrameRegions]:
    """The connected regions of each mask at another size, (h, w), and which track each belongs to.

    Regions of two frames in a row that share a cell are one track; a region that touches several goes on
    with the first.
    """
    height, width = size
    frames: list[FrameRegions] = []
    before: FrameRegions | None = None
    next_track = first_track
    for mask in masks:
        small = cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA) > 0
        count, labels = cv2.connectedComponents(small.astype(np.uint8), connectivity=8)
        tracks = []
        for region in range(1, count):
            inherited = _touching(before, labels == region) if before else None
            if inherited is None:
                inherited, next_track = next_track, next_track + 1
            tracks.append(inherited)
        before = FrameRegions(np.asarray(labels, np.int32), tuple(tracks))
        frames.append(before)
    return frames


def _touching(before: FrameRegions, region: BoolArray) -> int | None:
    touched = before.labels[region]
    touched = touched[touched > 0]
    return before.tracks[int(touched[0]) - 1] if len(touched) else None


def _rates(
    pairs: Sequence[tuple[Map, FrameRegions]], lengths: dict[int, int], threshold: float
) -> tuple[float, float, float]:
    """False regions a frame, and the shares of regions and of tracks found, at one threshold."""
    false = 0
    found_of = dict.fromkeys(lengths, 0)
    for found, regions in pairs:
        count, labels = cv2.connectedComponents((found >= threshold).astype(np.uint8), connectivity=8)
        hit, missed = _match(regions.labels, len(regions.tracks), np.asarray(labels), count - 1)
        false += missed
        for track, was_found in zip(regions.tracks, hit, strict=True):
            found_of[track] += int(was_found)
    tracks = [found_of[track] >= TRACK_SHARE * length for track, length in lengths.items()]
    return false / len(pairs), sum(found_of.values()) / sum(lengths.values()), float(np.mean(tracks))


def _match(
    truth: NDArray[np.int32], regions: int, labels: NDArray[np.int32], detections: int
) -> tuple[BoolArray, int]:
    """Which true regions a detection overlaps enough, and how many detections overlap none."""
    joint = np.bincount(
        truth.ravel() * (detections + 1) + labels.ravel(), minlength=(regions + 1) * (detections + 1)
    ).reshape(regions + 1, detections + 1)
    areas, found = joint.sum(axis=1)[1:, None], joint.sum(axis=0)[None, 1:]
    both = joint[1:, 1:]
    matches = both >= OVERLAP * (areas + found - both)
    matches &= both > 0
    return np.asarray(matches.any(axis=1)), int((~matches.any(axis=0)).sum())


def _area(false: NDArray[np.float64], rate: NDArray[np.float64]) -> float:
    """Area under rate over false regions a frame, from 0 to 1; the curve holds its last value."""
    order = np.lexsort((rate, false))
    x = np.concatenate(([0.0], false[order]))
    y = np.maximum.accumulate(np.concatenate(([0.0], rate[order])))
    inside = x < 1.0
    edge = float(np.interp(1.0, x, y))
    return float(area(np.append(x[inside], 1.0), np.append(y[inside], edge)))
