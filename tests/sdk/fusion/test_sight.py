from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vad_edge.fusion.sight import Hold, Presence, lost_after_s


def test_an_incident_is_held_while_its_camera_sees_nothing_and_then_lost() -> None:
    hold = Hold(300.0)
    hold.see(10.0, "fire")
    assert [hold.judge(time, "fire") for time in (10.1, 100.0, 309.9, 310.0)] == ["held"] * 3 + ["lost"]


def test_an_incident_that_its_sensors_opened_in_the_dark_is_theirs() -> None:
    hold = Hold(300.0)
    hold.see(10.0, None)
    assert hold.judge(20.0, "door") == "free"
    assert Hold(300.0).judge(5.0, "door") == "free"


def test_a_held_incident_ends_when_it_is_acknowledged_and_another_one_does_not() -> None:
    hold = Hold(300.0)
    hold.see(10.0, "fire")
    hold.acknowledge("water")
    assert hold.judge(11.0, "fire") == "held"
    hold.acknowledge("fire")
    assert hold.judge(12.0, "fire") == "acknowledged"


def test_what_was_acknowledged_before_the_camera_saw_again_is_forgotten() -> None:
    hold = Hold(300.0)
    hold.see(10.0, "fire")
    hold.acknowledge("fire")
    hold.see(11.0, "fire")
    assert hold.judge(12.0, "fire") == "held"


class Watched:
    """A camera that is looked at ten times a second."""

    def __init__(self) -> None:
        self.presence = Presence()
        self._now = 0.0
        self._frame: float | None = None

    def follow(self, until: float, *, frames: bool) -> list[float]:
        """The times at which it was lost."""
        lost = []
        while self._now < until - 1e-9:
            self._now = round(self._now + 0.1, 6)
            self._frame = self._now if frames else self._frame
            if self.presence.update(self._now, self._frame, 10.0, failed=False):
                lost.append(self._now)
        return lost


def test_a_camera_whose_frames_stop_is_lost_within_two_seconds_and_back_after_one_of_frames() -> None:
    camera = Watched()
    assert camera.follow(20.0, frames=True) == []
    lost = camera.follow(40.0, frames=False)
    assert lost[0] == pytest.approx(21.1)
    assert lost[-1] == 40.0
    assert camera.follow(50.0, frames=True)[-1] == pytest.approx(41.0)


def test_one_frame_between_two_losses_ends_none() -> None:
    camera = Watched()
    camera.follow(5.0, frames=True)
    camera.follow(10.0, frames=False)
    assert camera.follow(10.1, frames=True) == [10.1]
    assert len(camera.follow(15.1, frames=False)) == 50


def test_a_camera_that_cannot_be_opened_is_lost_at_once_and_a_slow_one_after_a_while() -> None:
    assert Presence().update(0.0, None, 10.0, failed=True)
    presence = Presence()
    assert not presence.update(0.0, None, 10.0, failed=False)
    assert not presence.update(9.9, None, 10.0, failed=False)
    assert presence.update(10.1, None, 10.0, failed=False)


def test_a_camera_that_rests_is_not_lost() -> None:
    presence = Presence()
    presence.update(0.0, 0.0, 10.0, failed=False)
    assert presence.update(10.0, 0.0, 10.0, failed=False)
    presence.rest()
    assert not presence.lost
    assert not presence.update(100.0, None, 10.0, failed=False)


@given(st.floats(0.0, 1000.0))
def test_a_loss_is_told_within_two_seconds_whatever_the_rate(fps: float) -> None:
    assert 1.0 <= lost_after_s(fps) <= 2.0
    assert math.isfinite(lost_after_s(fps))
