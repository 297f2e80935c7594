from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vad_edge.config.site import PolicyConfig
from vad_edge.fusion.policy import RETURN_S, Standing

WHOLE, NO_DOOR, ALONE = (PolicyConfig(alarm=level) for level in (9.0, 7.0, 5.0))


def standing() -> Standing:
    return Standing(["door", "sound"], WHOLE, {"door": NO_DOOR, "": ALONE})


def test_a_stream_that_drops_out_lowers_the_levels_at_once_and_lifts_them_later() -> None:
    found = standing()
    assert found.update(["door", "sound"], 0.0) == (WHOLE, {"door", "sound"})
    assert found.update(["sound"], 1.0) == (NO_DOOR, {"sound"})
    assert found.update(["door", "sound"], 30.0)[0] == NO_DOOR
    assert found.update(["door", "sound"], 1.0 + RETURN_S)[0] == WHOLE


def test_without_levels_for_what_is_left_video_stands_alone() -> None:
    found = standing()
    assert found.update(["door"], 0.0) == (ALONE, frozenset())
    assert found.update([], 1.0) == (ALONE, frozenset())


def test_a_pack_without_other_levels_keeps_its_own() -> None:
    assert Standing(["door"], WHOLE, {}).update([], 0.0) == (WHOLE, {"door"})


@given(st.lists(st.tuples(st.sets(st.sampled_from(["door", "sound", "other"])), st.floats(-1e6, 1e6))))
def test_a_stream_that_is_missing_now_never_lifts_a_level(moments: list[tuple[set[str], float]]) -> None:
    found = standing()
    for believed, time_s in moments:
        policy, counted = found.update(believed, time_s)
        if not {"door", "sound"} <= believed:
            assert policy is not WHOLE
            assert counted <= believed
