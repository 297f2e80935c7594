"""An output of a camera that is active from an alarm to the end of its incident."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vad_edge.cameras.connect import connector
from vad_edge.cameras.relay import RelayOutput
from vad_edge.fusion.machine import Level
from vad_edge.health.board import HealthBoard
from vad_edge.health.conditions import Condition
from vad_edge.runtime.camera import Camera
from vad_edge.runtime.component import Component


@dataclass(frozen=True, slots=True)
class RelayCause:
    """What an output depends on: the level of the incident under way, and whether alarms are held back."""

    level: Level
    incident: bool
    tamper: bool
    rolled_up: bool


def relay_wanted(state: RelayCause, *, active: bool) -> bool:
    """Whether an output is to be active; `active` is what it was to be so far.

    It becomes so with an alarm or a tamper and stays so until both are over. Alarms that are not published,
    since there are far too many, do not switch it.
    """
    if not state.incident and not state.tamper:
        return False
    return active or state.tamper or (state.level is Level.ALARM and not state.rolled_up)


class RelayControl(Component):
    """Switches outputs by their cameras' levels; one that fails is a condition, and ends nothing."""

    def __init__(self, outputs: Sequence[tuple[Camera, RelayOutput]], health: HealthBoard) -> None:
        self._outputs, self._health = list(outputs), health
        self._active: dict[str, bool] = {}
        self._problems: dict[str, str] = {}

    def on_tick(self, now: float) -> None:
        """Follow the levels, and tell of outputs that are not switched."""
        for camera, output in self._outputs:
            active = relay_wanted(_state_of(camera), active=self._active.get(camera.name, False))
            self._active[camera.name] = active
            output.want(active)
            problem = output.problem
            if problem != self._problems.get(camera.name, ""):
                self._problems[camera.name] = problem
                self._health.set_condition(Condition.RELAY_FAILED, camera.name, bool(problem), problem)

    def close(self) -> None:
        """Make all of them inactive, at once, within a bounded time."""
        for _, output in self._outputs:
            output.stop()
        for _, output in self._outputs:
            output.close()


def outputs_of(cameras: Sequence[Camera]) -> list[tuple[Camera, RelayOutput]]:
    """The output of each camera that has one in the site file; their threads begin at once.

    Raises ConfigError where a password cannot be read, before any thread begins.
    """
    found = [
        (camera, onvif.relay, connector(camera.name, onvif))
        for camera in cameras
        if (onvif := camera.config.onvif) is not None and onvif.relay is not None
    ]
    return [(camera, RelayOutput(camera.name, token, connect)) for camera, token, connect in found]


def _state_of(camera: Camera) -> RelayCause:
    return RelayCause(
        level=camera.machine.level,
        incident=camera.machine.incident is not None,
        tamper=camera.tamper.incident is not None,
        rolled_up=camera.rolled_up,
    )
