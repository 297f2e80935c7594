"""A sensor without MQTT: a door that this program opens while the camera of the plug-in is watched.

python door.py BUNDLE
"""

from __future__ import annotations

import sys
import time

import vad_edge

watch = vad_edge.Watch("noise://64x48", bundle=sys.argv[1])
door = watch.sensor("door", kind="binary")
seen: set[str] = set()


@watch.on_event
def tell(event: vad_edge.Event) -> None:
    """Say what changed; called on a thread of its own, and never delays the camera."""
    print(f"{event.kind}: {event.level}, risk {event.risk:.1f}", flush=True)


@watch.on_frame
def look(frame: vad_edge.Frame) -> None:
    """Say once how the door stands."""
    for sensor in frame.sensors:
        state = "unknown" if sensor.value is None else "open" if sensor.value else "closed"
        if state not in seen:
            seen.add(state)
            print(f"{sensor.name} is {state}", flush=True)


with watch.start(duration_s=4.0) as running:
    for is_open in (False, True):
        door.push(is_open)
        time.sleep(1.0)
    summary = running.wait()
if summary is not None:
    print(f"{summary.frames} frames, {summary.events} events")
