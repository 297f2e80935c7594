"""The sensor streams that an alarm budget was calibrated with: no other may add to the risk of its camera."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from vad_edge.runtime.pace import Pace
from vad_edge.sensors.hub import SensorHub


def with_streams(pace: Pace, hub: SensorHub) -> Pace:
    """The pace with the streams that are declared as they were; they go on from what they had learned."""
    if pace.weights is None:
        return pace
    taken = hub.take_up({name: stream.learned for name, stream in pace.streams.items()})
    return replace(pace, weights={name: pace.streams[name].weight for name in taken})


def left_out(weights: Mapping[str, float] | None, streams: Sequence[str], fps: float) -> str:
    """Which of a camera's streams its budget at this rate leaves out and why; "" where it leaves out none.

    weights are those of the streams that count, None where no budget says which may.
    """
    if weights is None:
        return ""
    missing = [name for name in streams if name not in weights]
    if not missing:
        return ""
    return (
        f"{', '.join(missing)} add nothing to the risk: the alarm budget at {fps:g} frames a second was"
        " calibrated without them, or they were declared otherwise; record them with the camera and"
        " calibrate it again"
    )
