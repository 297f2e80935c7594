from __future__ import annotations

import math

import numpy as np
import pytest

from vad_edge_training.evaluate.incidents import Announced, labelled_incidents, match


def alarm(time_s: float, until_s: float = math.inf, early_s: float = 0.0) -> Announced:
    return Announced(time_s, until_s, early_s)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ("0000", []),
        ("0110", [(1.0, 2.0)]),
        ("1101100001", [(0.0, 4.0), (9.0, 9.0)]),
        ("1111", [(0.0, 3.0)]),
    ],
)
def test_abnormal_frames_are_incidents_and_short_breaks_do_not_part_them(
    labels: str, expected: list[tuple[float, float]]
) -> None:
    abnormal = np.array([label == "1" for label in labels])
    assert labelled_incidents(np.arange(len(labels), dtype=float), abnormal) == expected


INCIDENTS = [(10.0, 20.0), (40.0, 50.0)]


@pytest.mark.parametrize(
    ("alarms", "delays", "false"),
    [
        ([], (None, None), 0),
        ([alarm(12, 15)], (2.0, None), 0),
        ([alarm(5, 8)], (None, None), 1),
        ([alarm(9, 30)], (None, None), 1),  # announced too early to be about the incident
        ([alarm(21.5, 25)], (11.5, None), 0),
        ([alarm(23, 25)], (None, None), 1),
        ([alarm(12, 45)], (2.0, 0.0), 0),  # still standing when the next one begins
        ([alarm(12, 13), alarm(18, 19), alarm(44, 60)], (2.0, 4.0), 0),
    ],
)
def test_alarms_are_told_apart_by_when_they_were_announced(
    alarms: list[Announced], delays: tuple[float | None, ...], false: int
) -> None:
    matched = match(INCIDENTS, alarms)
    assert matched.delays_s == delays
    assert len(matched.false) == false
    assert len(matched.true) + len(matched.false) == len(alarms)


def test_on_normal_footage_every_alarm_is_false() -> None:
    assert len(match([], [alarm(1, 2), alarm(5, 6)]).false) == 2
