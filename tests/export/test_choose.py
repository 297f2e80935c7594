from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from vad_edge.bundle.archive import Bundle
from vad_edge.bundle.calibration import SUM_OF_ALL, Joining
from vad_edge.bundle.manifest import Clock
from vad_edge_export.choose import Choice, choose_cues, choose_joining
from vad_edge_export.footage import read_pieces

CUES = ("sharp", "also", "noise")
FloatArray = NDArray[np.float64]


def sequences(
    lifted: tuple[float, ...],
) -> tuple[list[FloatArray], list[FloatArray], list[NDArray[np.bool_]]]:
    """Normal scores, scores of which the last third rises by `lifted` for each cue, and which those are."""
    random = np.random.default_rng(3)
    normal = [random.exponential(1.0, (200, 3)) for _ in range(4)]
    spoiled = [random.exponential(1.0, (90, 3)) for _ in range(6)]
    flags = np.arange(90) >= 60
    for scores in spoiled:
        scores[flags] += lifted
    return normal, spoiled, [flags] * 6


@pytest.mark.parametrize(
    ("lifted", "counted"), [((2.5, 0.0, 0.0), ("sharp",)), ((2.0, 2.0, 0.0), ("sharp", "also"))]
)
def test_cues_that_say_nothing_do_not_count(lifted: tuple[float, ...], counted: tuple[str, ...]) -> None:
    choice = choose_joining(*sequences(lifted), CUES, fps=10.0)
    assert choice.joining.counted == counted
    assert choice.auc > 0.85


def test_of_choices_that_are_as_good_the_one_with_most_cues_is_taken() -> None:
    choice = choose_joining(*sequences((400.0, 400.0, 400.0)), CUES, fps=10.0)
    assert set(choice.joining.counted) == set(CUES)
    assert choice.auc == 1.0


@pytest.mark.parametrize(
    ("choice", "text"),
    [
        (Choice(SUM_OF_ALL, math.nan), "all cues: too little footage to choose by"),
        (Choice(Joining(counted=("speed",)), 0.9), "speed; synthetic anomalies told at AUC 0.900"),
        (
            Choice(Joining(counted=("speed", "background"), norm="root"), 0.9876),
            "speed and background, joined by root; synthetic anomalies told at AUC 0.988",
        ),
    ],
)
def test_a_choice_reads_as_a_sentence(choice: Choice, text: str) -> None:
    assert str(choice) == text


@pytest.fixture
def numbered(tmp_path: Path) -> list[Path]:
    """Two clips, of 130 and 30 images; the grey level of an image is its number in the clip."""
    clips = [tmp_path / "long", tmp_path / "short"]
    for clip, count in zip(clips, (130, 30), strict=True):
        clip.mkdir()
        for number in range(count):
            cv2.imwrite(str(clip / f"{number:03d}.png"), np.full((32, 48, 3), number, np.uint8))
    return clips


def begins(clips: list[Path], **changes: float) -> list[tuple[int, int]]:
    """The first number and the length of each piece."""
    asked = {"skip": 0.0, "shortest": 20, "longest": 40, "most": 12} | changes
    clock = Clock(fps=10.0, warmup_frames=1)
    pieces = list(read_pieces(clips, clock, size=(16, 24), fps=10.0, **asked))  # type: ignore[arg-type]
    for piece in pieces:
        assert np.array_equal(np.diff(piece[:, 0, 0, 0].astype(int)), np.ones(len(piece) - 1))
    return [(int(piece[0, 0, 0, 0]), len(piece)) for piece in pieces]


def test_pieces_are_spread_over_the_footage_and_never_overlap(numbered: list[Path]) -> None:
    assert begins(numbered) == [(0, 40), (40, 40), (80, 40)]
    assert begins(numbered, most=2) == [(0, 40), (80, 40)]
    assert begins(numbered, longest=30, most=3) == [(0, 30), (60, 30), (0, 30)]


def test_pieces_leave_out_what_a_model_was_fitted_on(numbered: list[Path]) -> None:
    assert begins(numbered[:1], skip=0.8) == [(104, 26)]


def test_no_pieces_come_of_footage_that_is_too_short(numbered: list[Path]) -> None:
    assert begins(numbered[1:], shortest=31) == []


def test_footage_too_short_to_choose_by_leaves_all_cues(bundle: Bundle, numbered: list[Path]) -> None:
    choice = choose_cues(bundle, numbered[1:], fps=10.0)
    assert choice.joining == SUM_OF_ALL
    assert math.isnan(choice.auc)


def test_a_bundle_is_tried_on_its_own_footage(bundle: Bundle, numbered: list[Path]) -> None:
    told: list[float] = []
    choice = choose_cues(bundle, numbered[:1], fps=10.0, report=lambda stage, share: told.append(share))
    assert set(choice.joining.counted) <= {"mean", "peak"}
    assert choice.joining.counted
    assert 0.0 <= choice.auc <= 1.0
    assert (told[0], told[-1]) == (0.0, 1.0)
