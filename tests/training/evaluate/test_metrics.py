from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vad_edge_training.evaluate.metrics import (
    average_precision,
    clip_aucs,
    equal_error_rate,
    frame_auc,
    mixture_auc,
)


def flags(*values: int) -> np.ndarray:
    return np.array(values, np.bool_)


def scores(*values: float) -> np.ndarray:
    return np.array(values, np.float64)


def test_the_protocols_differ_where_clips_have_different_levels() -> None:
    # Each clip is ranked perfectly, but the second one's normal frames score above the first one's abnormal.
    found = frame_auc([scores(1, 2), scores(10, 20)], [flags(0, 1), flags(0, 1)])
    assert found.micro_online == 0.75
    assert found.micro_per_clip == 1.0
    assert found.macro == 1.0


def by_counting(found: np.ndarray, truth: np.ndarray) -> float:
    """The share of pairs of an abnormal and a normal frame that are in order; ties count half."""
    pairs = [(high, low) for high in found[truth] for low in found[~truth]]
    return sum((high > low) + (high == low) / 2 for high, low in pairs) / len(pairs) if pairs else math.nan


_clip = st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=1, max_size=12)


@given(st.lists(_clip, min_size=1, max_size=4))
def test_every_protocol_counts_pairs_in_order(clips: list[list[tuple[int, bool]]]) -> None:
    found = [scores(*(value for value, _ in clip)) for clip in clips]
    truth = [flags(*(int(flag) for _, flag in clip)) for clip in clips]
    scaled = [(clip - clip.min()) / max(np.ptp(clip), 1) for clip in found]
    own = [by_counting(*clip) for clip in zip(found, truth, strict=True)]
    defined = [auc for auc in own if not math.isnan(auc)]
    assert frame_auc(found, truth).to_dict() == pytest.approx(
        {
            "micro_online": by_counting(np.concatenate(found), np.concatenate(truth)),
            "micro_per_clip": by_counting(np.concatenate(scaled), np.concatenate(truth)),
            "macro": np.mean(defined) if defined else math.nan,
        },
        nan_ok=True,
    )


def test_macro_leaves_out_clips_of_one_class() -> None:
    found = frame_auc([scores(1, 2, 3), scores(5, 4)], [flags(0, 1, 0), flags(1, 1)])
    assert clip_aucs([scores(1, 2, 3), scores(5, 4)], [flags(0, 1, 0), flags(1, 1)]) == [0.5, None]
    assert found.macro == 0.5
    assert found.micro_online == pytest.approx(5 / 6)


def test_without_an_abnormal_frame_nothing_is_defined() -> None:
    found = frame_auc([scores(1, 2)], [flags(0, 0)])
    assert all(math.isnan(value) for value in found.to_dict().values())
    assert math.isnan(average_precision([scores(1, 2)], [flags(0, 0)]))


def test_clips_without_a_frame_are_undefined_too() -> None:
    found = frame_auc([scores(), scores()], [flags(), flags()])
    assert all(math.isnan(value) for value in found.to_dict().values())
    assert clip_aucs([scores()], [flags()]) == [None]


def test_a_constant_clip_is_no_division_by_zero() -> None:
    assert frame_auc([scores(3, 3)], [flags(0, 1)]).micro_per_clip == 0.5


def test_average_precision_is_the_mean_precision_at_each_abnormal_frame() -> None:
    # From the highest down: abnormal (1 of 1), normal, abnormal (2 of 3), normal.
    found = average_precision([scores(4, 3), scores(2, 1)], [flags(1, 0), flags(1, 0)])
    assert found == pytest.approx((1 / 1 + 2 / 3) / 2)


def test_average_precision_of_a_perfect_ranking_is_one() -> None:
    assert average_precision([scores(1, 2), scores(3, 4)], [flags(0, 0), flags(1, 1)]) == 1.0


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="2 scores for 3 labels"):
        frame_auc([scores(1, 2)], [flags(0, 1, 1)])


@given(st.lists(st.tuples(st.integers(-50, 50), st.booleans()), min_size=1, max_size=40))
def test_a_rising_change_of_all_scores_changes_no_auc(rows: list[tuple[int, bool]]) -> None:
    truth = [flags(*(int(flag) for _, flag in rows))]
    plain = frame_auc([scores(*(value for value, _ in rows))], truth)
    changed = frame_auc([scores(*(2.0 * value + 7.0 for value, _ in rows))], truth)
    assert plain.to_dict() == pytest.approx(changed.to_dict(), nan_ok=True)


def test_the_equal_error_rate_is_where_both_errors_meet() -> None:
    # Between 3 and 2 one of four normal frames is judged abnormal and one of four abnormal ones is missed.
    found = equal_error_rate(
        [scores(5, 4, 3, 1), scores(3.5, 2, 1.5, 0)], [flags(1, 1, 1, 1), flags(0, 0, 0, 0)]
    )
    assert found == pytest.approx(0.25)


def test_the_equal_error_rate_of_a_perfect_ranking_is_nothing() -> None:
    assert equal_error_rate([scores(1, 2, 3, 4)], [flags(0, 0, 1, 1)]) == pytest.approx(0.0)
    assert math.isnan(equal_error_rate([scores(1, 2)], [flags(0, 0)]))


def test_a_mixture_is_a_weighted_sum_of_cues_between_their_own_bounds() -> None:
    # Cue a is min-max'd to 0, 1, 0.5 and b to 1, 0, 0: their mixture is 0.4, 0.6, 0.3.
    cues = {"a": scores(10, 30, 20), "b": scores(7, 5, 5)}
    assert mixture_auc([cues], {"a": 0.6, "b": 0.4}, [flags(1, 1, 0)]) == 1.0
    assert mixture_auc([cues], {"a": 0.6, "b": 0.4}, [flags(1, 0, 0)]) == 0.5
