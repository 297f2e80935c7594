from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vad_edge.fusion.fuse import Fuser
from vad_edge.scoring.scorer import Surprise
from vad_edge.sensors.stream import SensorSurprise


def seen(total: float, **cues: float) -> Surprise:
    return Surprise(time_s=0.0, total=total, cues=cues or {"motion": total})


def heard(stream: str, surprise: float, weight: float = 1.0) -> tuple[SensorSurprise, float]:
    return SensorSurprise(stream, surprise, 0.0), weight


def test_without_smoothing_the_risk_is_the_weighted_sum() -> None:
    risk = Fuser(0.0).update(0.0, seen(3.0, motion=1.0, appearance=2.0), [heard("door", 2.0, 0.5)])
    assert risk.value == pytest.approx(4.0)
    assert risk.shares == pytest.approx({"motion": 1.0, "appearance": 2.0, "door": 1.0})


@pytest.mark.parametrize("steps", [[0.5] * 4, [0.1, 1.4, 0.5], [2.0]])
def test_smoothing_follows_time_and_not_the_number_of_frames(steps: list[float]) -> None:
    fuser = Fuser(1.0)
    time_s = 10.0
    risk = fuser.update(time_s, seen(4.0))
    assert risk.value == 0.0
    for step in steps:
        time_s += step
        risk = fuser.update(time_s, seen(4.0))
    assert risk.value == pytest.approx(4.0 * (1.0 - math.exp(-2.0)))


surprises = st.none() | st.builds(
    lambda total, a, b: seen(total, a=a, b=b), st.floats(0, 300), st.floats(0, 300), st.floats(0, 300)
)
evidence = st.lists(st.builds(heard, st.sampled_from(["a", "door"]), st.floats(0, 9), st.floats(0, 10)))


@given(
    st.lists(st.tuples(st.floats(0, 3), surprises, evidence), max_size=30),
    st.sampled_from([0.0, 0.3, 5.0]),
)
def test_the_shares_always_add_up_to_the_risk(moments: list, smoothing_s: float) -> None:
    fuser = Fuser(smoothing_s)
    time_s = 0.0
    for step, surprise, streams in moments:
        time_s += step
        risk = fuser.update(time_s, surprise, streams)
        assert abs(sum(risk.shares.values()) - risk.value) < 1e-9 * max(1.0, risk.value)
        assert all(share >= 0.0 for share in risk.shares.values())


def test_without_a_frame_the_video_part_holds_and_then_fades() -> None:
    fuser = Fuser(0.5, hold_s=2.0)
    fuser.update(0.0, seen(4.0))
    before = fuser.update(1.0, seen(4.0)).value
    assert fuser.update(3.0, None).value == before
    assert fuser.update(3.5, None).value == pytest.approx(before * math.exp(-1.0))
    assert fuser.update(60.0, None).shares == {}


def test_sensors_alone_raise_the_risk() -> None:
    fuser = Fuser(0.5)
    fuser.update(0.0, None, [heard("door", 3.0)])
    assert fuser.update(5.0, None, [heard("door", 3.0)]).shares == pytest.approx({"door": 3.0}, rel=1e-3)


def test_time_that_does_not_advance_changes_nothing() -> None:
    fuser = Fuser(0.5)
    fuser.update(1.0, seen(1.0))
    before = fuser.update(2.0, seen(1.0)).value
    assert fuser.update(2.0, seen(9.0)).value == before
    assert fuser.update(1.5, seen(9.0)).value == before


def test_a_stream_with_a_cues_name_keeps_its_own_share() -> None:
    risk = Fuser(0.0).update(0.0, seen(1.0, motion=1.0), [heard("motion", 2.0)])
    assert risk.shares == {"motion": 1.0, "sensor.motion": 2.0}


def test_cues_that_say_nothing_share_the_total_evenly() -> None:
    assert Fuser(0.0).update(0.0, seen(1.0, a=0.0, b=0.0)).shares == {"a": 0.5, "b": 0.5}


def test_evidence_that_is_not_finite_is_refused_and_leaves_no_trace() -> None:
    fuser = Fuser(0.0)
    with pytest.raises(ValueError, match="not finite"):
        fuser.update(0.0, seen(1.0), [heard("door", math.nan)])
    assert fuser.update(1.0, seen(1.0)).value == 1.0


def test_a_reset_forgets() -> None:
    fuser = Fuser(0.0)
    fuser.update(0.0, seen(5.0))
    fuser.reset()
    assert fuser.update(0.1, None).value == 0.0
