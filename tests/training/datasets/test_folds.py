from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from vad_edge.errors import ConfigError, DataError
from vad_edge_training.datasets.folds import (
    AbnormalSpan,
    Fold,
    abnormal_starts,
    evaluated,
    events_of_fold,
    split_events,
)

LABELS = st.lists(
    st.lists(st.booleans(), min_size=1, max_size=40).map(lambda flags: np.array(flags, np.bool_)),
    min_size=1,
    max_size=4,
)


def test_events_are_runs_of_abnormal_frames() -> None:
    labels = [np.array([0, 1, 1, 0, 1], np.bool_), np.zeros(3, np.bool_), np.ones(2, np.bool_)]
    assert split_events(labels) == [AbnormalSpan(0, 1, 3), AbnormalSpan(0, 4, 5), AbnormalSpan(2, 0, 2)]


@given(LABELS, st.integers(2, 4))
def test_every_event_is_trained_on_in_exactly_one_fold(labels: list[NDArray[np.bool_]], count: int) -> None:
    events = split_events(labels)
    if len(events) < count:
        with pytest.raises(
            DataError, match=f"{len(events)} abnormal events cannot be dealt to {count} folds"
        ):
            events_of_fold(events, Fold(1, count))
        return
    dealt = [event for index in range(count) for event in events_of_fold(events, Fold(index + 1, count))]
    assert sorted(dealt, key=str) == sorted(events, key=str)


@given(LABELS, st.integers(0, 9))
def test_no_frame_near_a_trained_event_is_tested(labels: list[NDArray[np.bool_]], margin: int) -> None:
    trained = split_events(labels)[::2]
    remaining = evaluated(labels, trained, margin)
    for clip, flags in enumerate(remaining):
        for frame, kept in enumerate(flags):
            near = any(
                event.clip == clip and event.begin - margin <= frame < event.end + margin for event in trained
            )
            assert kept != near


@given(st.integers(0, 20), st.integers(1, 12), st.integers(2, 6), st.integers(1, 40))
def test_an_abnormal_clip_is_mostly_abnormal_and_within_the_video(
    begin: int, long: int, length: int, frames: int
) -> None:
    event = AbnormalSpan(0, begin, begin + long)
    for start in abnormal_starts(event, frames, length):
        assert 0 <= start <= frames - length
        seen = range(start, start + length - 1)
        assert 2 * sum(event.begin <= frame < event.end for frame in seen) > len(seen)


def test_every_mostly_abnormal_clip_is_found() -> None:
    assert abnormal_starts(AbnormalSpan(0, 4, 6), frames=20, length=4) == [3, 4]


@pytest.mark.parametrize("text", ["", "1", "0/5", "6/5", "1/1", "a/b", "1/5/2"])
def test_what_is_no_fold_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is not a fold; give one such as 1/5"):
        Fold.parse(text)


def test_a_fold_is_written_as_it_is_read() -> None:
    assert str(Fold.parse("2/5")) == "2/5"
