"""The sensor streams that an alarm budget was calibrated with: no other may add to the risk of its camera."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vad_edge.config.site import CameraConfig, SensorConfig
from vad_edge.health.board import HealthBoard
from vad_edge.runtime.pace import Pace
from vad_edge.sensors.hub import SensorHub


def with_streams(pace: Pace, hub: SensorHub) -> Pace:
    """The pace with the streams that are declared as they were; they go on from what they had learned."""
    if pace.weights is None:
        return pace
    taken = hub.take_up({name: stream.learned for name, stream in pace.streams.items()})
    return replace(pace, weights={name: pace.streams[name].weight for name in taken})


def say_uncalibrated(
    pace: Pace, camera: CameraConfig, sensors: Sequence[SensorConfig], health: HealthBoard
) -> None:
    """Raise the condition for sensors of the camera that its budget leaves out."""
    if pace.weights is None:
        return
    left = [
        sensor.name
        for sensor in sensors
        if sensor.role == "evidence" and sensor.is_for(camera.name) and sensor.name not in pace.weights
    ]
    if left:
        health.raise_condition(
            "sensors_uncalibrated",
            camera.name,
            f"{', '.join(left)} add nothing to the risk: the alarm budget was calibrated without"
            " them, or they were declared otherwise; record them with the camera and calibrate it again",
        )
