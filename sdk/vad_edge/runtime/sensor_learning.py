"""Keeps what the sensors learn, now and then and at the end."""

from __future__ import annotations

from vad_edge.runtime.component import Component
from vad_edge.runtime.sensor_memory import SensorMemory
from vad_edge.sensors.hub import SensorHub


class SensorLearning(Component):
    """Writes what the streams have learned beside the event store."""

    def __init__(self, memory: SensorMemory, hub: SensorHub) -> None:
        self._memory, self._hub = memory, hub

    def on_tick(self, now: float) -> None:
        """Keep it if it is time to."""
        self._memory.turn(now, self._hub.learned)

    def close(self) -> None:
        """Keep it for the next run."""
        self._memory.close(self._hub.learned())
