from __future__ import annotations

from itertools import count

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vad_edge.calibration.policy_replay import PolicyReplay, incidents_at
from vad_edge.config.site import PolicyConfig
from vad_edge.fusion.fuse import Risk
from vad_edge.fusion.machine import Level, WarningMachine

FPS = 5.0


def replay(*values: float) -> PolicyReplay:
    return PolicyReplay(np.arange(len(values)) / FPS, np.array(values), len(values) / FPS)


def announced(replay: PolicyReplay, policy: PolicyConfig) -> list[int]:
    """The frames at which the machine itself goes to alarm."""
    numbers = count()
    machine = WarningMachine(policy, new_incident=lambda: str(next(numbers)))
    found = []
    for frame, (time_s, value) in enumerate(zip(replay.time_s, replay.risk, strict=True)):
        change = machine.update(Risk(float(time_s), float(value), {}))
        if change is not None and change.previous < Level.ALARM <= change.level:
            found.append(frame)
    return found


@given(
    st.lists(st.sampled_from([0.0, 2.0, 2.9, 3.2, 5.0]), min_size=6, max_size=200),
    st.sampled_from([0.0, 0.2, 0.6]),
    st.sampled_from([0.0, 1.0, 3.0]),
    st.sampled_from([(1, 1), (2, 3), (3, 4), (4, 4)]),
)
def test_the_whole_recording_at_once_finds_what_the_machine_announces(
    values: list[float], dwell_s: float, cooldown_s: float, persistence: tuple[int, int]
) -> None:
    policy = PolicyConfig(
        watch=1.0,
        warning=1.5,
        alarm=3.0,
        hysteresis=0.3,
        dwell_s=dwell_s,
        cooldown_s=cooldown_s,
        persistence=persistence,
    )
    life = replay(*values)
    found = incidents_at(life, life.persistent(policy), policy.alarm, policy)
    assert found.begins.tolist() == announced(life, policy)


POLICY = PolicyConfig(persistence=(2, 3), dwell_s=0.2, cooldown_s=1.0)


def test_the_peak_of_an_incident_is_what_it_would_have_reached() -> None:
    life = replay(0, 0, 4, 5, 6, 0, 0, 0)
    found = incidents_at(life, life.persistent(POLICY), 3.0, POLICY)
    assert found.peaks.tolist() == [5.0]


def test_a_cut_ends_an_incident_and_no_window_reaches_over_it() -> None:
    life = replay(0, 0, 4, 4, 4, 4, 4, 4)
    life.time_s[5:] += 1e4
    assert incidents_at(life, life.persistent(POLICY), 3.0, POLICY).begins.tolist() == [3, 7]


@pytest.mark.parametrize("values", [[], [5.0], [0.0] * 20])
def test_quiet_life_has_no_incidents(values: list[float]) -> None:
    life = replay(*values)
    assert len(incidents_at(life, life.persistent(POLICY), 3.0, POLICY).begins) == 0
