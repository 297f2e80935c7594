"""The examples a student learns from: what it sees of a frame, and what its teachers make of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset as Examples

from vad_edge.bundle.calibration import Tail
from vad_edge.errors import DataError
from vad_edge.scoring.tail import fit_tail, tail_surprise
from vad_edge_training.datasets.anomalies import KINDS, with_anomaly
from vad_edge_training.distill.place_statistics import MOST, PlaceStatistics, statistics_of
from vad_edge_training.distill.teachers import Frames, Inner, Maps, Offer, Places, Teacher
from vad_edge_training.fit.progress import Progress
from vad_edge_training.fit.split import Clips, spread
from vad_edge_training.models.distilled import DistilledStudent

PIECE_FRAMES: Final = 80
EVERY: Final = 2
"""Of a piece every so manyth frame is an example: neighbours show the same."""

SUREST: Final = 6.0
"""Surprise above which a teacher is simply sure; the network need not tell more."""

_SAMPLES: Final = 200_000


@dataclass(frozen=True, slots=True)
class Inward:
    """What is learned of a teacher beside maps, `offer`, and what it makes of places in normal footage."""

    inner: Inner
    statistics: PlaceStatistics
    offer: Offer

    @property
    def prior(self) -> Maps:
        """Logarithms of the usual shares of prototypes, (h, w, M) of its own size."""
        return self.statistics.prior[..., : self.offer.prototypes]

    def told(self, frames: Frames) -> Maps:
        """Standardised features and shares of prototypes, (T, h, w, C + M) of its own size."""
        places = self.inner.places(frames)
        features = self.statistics.standardised(places.features)[..., : self.offer.features]
        shares = self.statistics.told_apart(places.shares)[..., : self.offer.prototypes]
        return np.concatenate((features, shares), axis=-1)


@dataclass(frozen=True, slots=True)
class Listening:
    """A teacher, the tail of its maps in normal footage, and what else is learned of it, if anything."""

    teacher: Teacher
    tail: Tail
    inward: Inward | None

    def surprise(self, frames: Frames) -> Maps:
        """How sure it is that something is unusual, (T, h, w) of its own size."""
        surprise = np.minimum(tail_surprise(self.tail, self.teacher.maps(frames)), SUREST)
        return np.asarray(surprise, np.float32)


def listen(teacher: Teacher, normal: Sequence[Frames], warmup: int, match: Collection[str]) -> Listening:
    """Hear what a teacher says of pieces of normal footage.

    match names what is learned beside maps, where there is some: "features", "prototypes".
    """
    values = np.concatenate([teacher.maps(piece)[warmup:].ravel() for piece in normal])
    tail = fit_tail(values[:: max(len(values) // _SAMPLES, 1)])
    return Listening(teacher, tail, _inward(teacher.inner, normal, warmup, match))


def _inward(
    inner: Inner | None, normal: Sequence[Frames], warmup: int, match: Collection[str]
) -> Inward | None:
    if inner is None or not any(offer := inner.offer.only(match)):
        return None
    told = (inner.places(piece) for piece in normal)
    statistics = statistics_of([Places(places.features[warmup:], places.shares[warmup:]) for places in told])
    return Inward(inner, statistics, offer._replace(prototypes=min(offer.prototypes, MOST)))


class ExampleMaker:
    """Turns pieces of footage into examples: what the network sees, and what the teachers say of it."""

    def __init__(self, net: DistilledStudent, heard: Sequence[Listening], warmup: int) -> None:
        self._net = net
        self._heard = heard
        self._warmup = warmup

    def of(self, pieces: Sequence[Frames], stage: str, report: Progress) -> ExampleSet:
        """Examples of each piece as it is and with a synthetic anomaly, float32 (h, w, channels) tensors.

        The first holds what the network sees and the teachers' mean surprise. One follows for each teacher
        that has more, at its own size: features, shares of prototypes and logarithms of their usual shares.
        """
        inward = [each.inward for each in self._heard if each.inward is not None]
        seen: list[NDArray[np.float16]] = []
        told: list[list[NDArray[np.float16]]] = [[] for _ in inward]
        for done, frames in enumerate(_as_it_is_and_spoiled(pieces)):
            report(stage, done, 2 * len(pieces))
            views = self._net.views(torch.from_numpy(frames)).numpy()
            both = np.concatenate((views, self._said(frames)[..., None]), axis=-1)
            seen.extend(both[self._warmup :: EVERY].astype(np.float16))
            for kept, each in zip(told, inward, strict=True):
                kept.extend(each.told(frames)[self._warmup :: EVERY].astype(np.float16))
        report(stage, 2 * len(pieces), 2 * len(pieces))
        return ExampleSet(seen, told, [each.prior for each in inward])

    def _said(self, frames: Frames) -> Maps:
        """The mean surprise of the teachers, (T, h, w) of the student's map."""
        spec = self._net.spec
        heard = [
            [
                cv2.resize(each, (spec.map_width, spec.map_height), interpolation=cv2.INTER_LINEAR)
                for each in listening.surprise(frames)
            ]
            for listening in self._heard
        ]
        return np.asarray(np.mean(heard, axis=0), np.float32)


class ExampleSet(Examples[list[Tensor]]):
    """Examples as `ExampleMaker.of` describes them, kept at half precision."""

    def __init__(
        self,
        seen: Sequence[NDArray[np.float16]],
        told: Sequence[Sequence[NDArray[np.float16]]],
        priors: Sequence[Maps],
    ) -> None:
        self._seen = seen
        self._told = told
        self._priors = priors

    def __len__(self) -> int:
        return len(self._seen)

    def __getitem__(self, place: int) -> list[Tensor]:
        told = [
            np.concatenate((each[place], prior), axis=-1)
            for each, prior in zip(self._told, self._priors, strict=True)
        ]
        return [torch.from_numpy(part.astype(np.float32)) for part in (self._seen[place], *told)]


def cut_pieces(clips: Clips, most: int, shortest: int) -> list[Frames]:
    """At most `most` pieces, spread evenly over clips; all that there are where they are few."""
    places = [
        frames[start : start + PIECE_FRAMES]
        for _, frames in clips
        for start in range(0, max(len(frames) - shortest + 1, 0), PIECE_FRAMES)
    ]
    if not places:
        raise DataError(f"no clip has {shortest} frames", fix="give longer clips of the scene's normal life")
    return [np.array(places[place]) for place in spread(len(places), most)]


def _as_it_is_and_spoiled(pieces: Sequence[Frames]) -> Iterator[Frames]:
    for kind, piece in enumerate(pieces):
        yield piece
        yield with_anomaly(piece, kind % KINDS)[0]
