"""vad-edge: video anomaly detection on the edge, with an alarm budget instead of a threshold.

The names below are the public API; everything else is internal and may change. They are loaded when they are
first used, so that ``import vad_edge`` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from vad_edge.version import __version__

if TYPE_CHECKING:
    from vad_edge.api import Running, Watch
    from vad_edge.bundle.archive import load_bundle
    from vad_edge.calibration.calibrate import calibrate
    from vad_edge.config.load import load_site
    from vad_edge.errors import (
        BridgeError,
        BrokerError,
        BundleError,
        ConfigError,
        DataError,
        DeviceError,
        EngineError,
        MissingExtraError,
        OutputError,
        PluginError,
        SensorError,
        SourceError,
        StoreError,
        VadEdgeError,
    )
    from vad_edge.events.event import Event
    from vad_edge.events.store import EventStore
    from vad_edge.fusion.machine import Level
    from vad_edge.report.observer import FrameResult as Frame
    from vad_edge.report.observer import Observer
    from vad_edge.runtime.pushed_sensor import PushedSensor
    from vad_edge.runtime.score import score
    from vad_edge.runtime.settings import RunSummary

__all__ = [
    "BridgeError",
    "BrokerError",
    "BundleError",
    "ConfigError",
    "DataError",
    "DeviceError",
    "EngineError",
    "Event",
    "EventStore",
    "Frame",
    "Level",
    "MissingExtraError",
    "Observer",
    "OutputError",
    "PluginError",
    "PushedSensor",
    "RunSummary",
    "Running",
    "SensorError",
    "SourceError",
    "StoreError",
    "VadEdgeError",
    "Watch",
    "__version__",
    "calibrate",
    "load_bundle",
    "load_site",
    "score",
]

_WHERE: Final = {
    "Event": "vad_edge.events.event",
    "EventStore": "vad_edge.events.store",
    "Level": "vad_edge.fusion.machine",
    "Observer": "vad_edge.report.observer",
    "PushedSensor": "vad_edge.runtime.pushed_sensor",
    "RunSummary": "vad_edge.runtime.settings",
    "Running": "vad_edge.api",
    "Watch": "vad_edge.api",
    "calibrate": "vad_edge.calibration.calibrate",
    "load_bundle": "vad_edge.bundle.archive",
    "load_site": "vad_edge.config.load",
    "score": "vad_edge.runtime.score",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "Frame":
        return importlib.import_module("vad_edge.report.observer").FrameResult
    found = getattr(importlib.import_module(_WHERE.get(name, "vad_edge.errors")), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
