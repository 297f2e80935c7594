"""The validity check on real footage: as it is, and edited into what must not be scored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.support.room import blurred, covered, shifted

from vad_edge.clock import LiveClock
from vad_edge.video.open import open_source
from vad_edge.video.validity import FROZEN_FRAMES, Validity, ValidityCheck

DATA = Path(__file__).parents[3] / "shared" / "data"
CLIPS = {
    "ped2": DATA / "ped2" / "training" / "01.mkv",
    "day": DATA / "upcam" / "normal" / "00" / "00-08.mp4",
    "night": DATA / "upcam" / "normal" / "00" / "00-02.mp4",
}
LABELLED = DATA / "upcam" / "labelled" / "00.mp4"
Image = NDArray[np.uint8]
Edit = Callable[[Image], Image]

pytestmark = [
    pytest.mark.footage,
    pytest.mark.skipif(not DATA.exists(), reason="the real footage is not there"),
]


def frames(clip: Path, last: int) -> tuple[list[Image], float]:
    source = open_source(str(clip), LiveClock())
    found = []
    while len(found) < last and (frame := source.read()) is not None:
        found.append(frame.image)
    source.close()
    assert source.info.fps is not None
    return found, source.info.fps


def watch(images: list[Image], fps: float, edit: Edit, first: int) -> list[Validity]:
    """The verdicts on a clip whose pictures are edited from `first` on."""
    check = ValidityCheck()
    edited = (image if number < first else edit(image) for number, image in enumerate(images))
    return [check.check(image, number / fps) for number, image in enumerate(edited)]


def dimmer(image: Image) -> Image:
    return (image * 0.55).astype(np.uint8)


def frozen(images: list[Image]) -> Edit:
    return lambda image: images[60]


@pytest.mark.parametrize("name", CLIPS)
@pytest.mark.parametrize(
    ("reason", "edit"),
    [
        ("black", lambda image: image // 30),
        ("covered", covered),
        ("defocused", blurred),
        ("moved", lambda image: shifted(image, 0.0, 0.1)),
    ],
)
def test_edited_footage_is_named(name: str, reason: str, edit: Edit) -> None:
    images, fps = frames(CLIPS[name], 100)
    verdicts = watch(images, fps, edit, 60)
    assert {verdict.reason for verdict in verdicts[:60]} == {""}
    assert {(verdict.reason, verdict.ok) for verdict in verdicts[62:]} == {(reason, False)}


@pytest.mark.parametrize("name", CLIPS)
def test_a_stream_that_freezes_is_named(name: str) -> None:
    images, fps = frames(CLIPS[name], 100)
    verdicts = watch(images, fps, frozen(images), 60)
    assert {verdict.reason for verdict in verdicts[: 60 + FROZEN_FRAMES]} == {""}
    assert {verdict.reason for verdict in verdicts[61 + FROZEN_FRAMES :]} == {"frozen"}


@pytest.mark.parametrize("name", CLIPS)
def test_a_jump_of_the_exposure_lasts_a_moment(name: str) -> None:
    images, fps = frames(CLIPS[name], 100)
    verdicts = watch(images, fps, dimmer, 60)
    assert verdicts[60].reason == "exposure"
    assert {verdict.reason for verdict in verdicts[62:]} == {""}


@pytest.mark.parametrize(("name", "other"), [("ped2", "night"), ("night", "ped2")])
def test_a_stream_that_is_spliced_into_another_is_not_scored(name: str, other: str) -> None:
    images, fps = frames(CLIPS[name], 60)
    height, width = images[0].shape[:2]
    strangers = [
        np.asarray(cv2.resize(image, (width, height)), np.uint8) for image in frames(CLIPS[other], 60)[0]
    ]
    verdicts = watch(images + strangers, fps, lambda image: image, 0)
    assert {verdict.reason for verdict in verdicts[:60]} == {""}
    assert {(verdict.reason, verdict.ok) for verdict in verdicts[60:]} == {("moved", False)}


def test_normal_life_by_day_and_night_is_valid() -> None:
    for clip in CLIPS.values():
        images, fps = frames(clip, 1500)
        assert {verdict.reason for verdict in watch(images, fps, lambda image: image, 0)} == {""}


def test_lights_that_go_on_and_off_by_night_are_no_tamper() -> None:
    """Twenty minutes in which the lights are turned off and on four times."""
    images, fps = frames(LABELLED, 12300)
    verdicts = watch(images, fps, lambda image: image, 0)
    lights = [verdict.reason for verdict in verdicts if verdict.reason == "switch"]
    assert len(lights) == 4
    longest = max(len(run) for run in "".join(" x"[not verdict.ok] for verdict in verdicts).split())
    assert longest / fps < 4.0
    assert sum(not verdict.ok for verdict in verdicts) < 100
