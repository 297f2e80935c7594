"""When a run is ready, and whether it still lives: decided by what was really dealt with."""

from __future__ import annotations

from collections.abc import Sequence

from vad_edge.health.notify import ServiceManager
from vad_edge.pipeline import ScoredFrame
from vad_edge.runtime.station import Station


class Heartbeat:
    """Tells the service manager of each turn of the loop."""

    def __init__(self, manager: ServiceManager, stations: Sequence[Station]) -> None:
        self._manager = manager
        self._stations = stations
        self._ready = False

    def turn(self, scored: Sequence[ScoredFrame | None]) -> None:
        """One turn is over; `scored` holds what each camera got in it."""
        cameras = [
            station.reader for station in self._stations if station.reader is not None and not station.shed
        ]
        worked = was_worked_on(scored)
        if not self._ready and (not cameras or worked):
            self._ready = True
            self._manager.ready()
        if worked or all(reader.error is not None for reader in cameras):
            self._manager.alive()


def was_worked_on(scored: Sequence[ScoredFrame | None]) -> bool:
    """Whether any frame was dealt with: scored, or held back for a reason that is reported.

    A frame the model was given and gave no finite score for does not count. Cameras that are silent without
    being known as lost do not either: starting anew is what helps a capture that hangs.
    """
    return any(
        result is not None and (result.scores is not None or not result.validity.ok) for result in scored
    )
