"""What a node and a device say of themselves, as metrics."""

from __future__ import annotations

from collections.abc import Iterable

from vad_edge import __version__
from vad_edge.bridges.sparkplug.payload import DataType, Metric
from vad_edge.bridges.view import CameraView
from vad_edge.fusion.level import Level

BD_SEQ, REBIRTH = "bdSeq", "Node Control/Rebirth"


def death_metrics(bd_seq: int) -> list[Metric]:
    """What tells which birth a death belongs to."""
    return [Metric(BD_SEQ, DataType.INT64, bd_seq)]


def node_metrics(views: Iterable[CameraView]) -> list[Metric]:
    """What a site says of itself and may change."""
    online = sum(view.availability == "online" for view in views)
    return [Metric("Cameras Online", DataType.INT32, online)]


def birth_metrics(bd_seq: int, views: Iterable[CameraView]) -> list[Metric]:
    """Everything a site has to say."""
    return [
        *death_metrics(bd_seq),
        Metric(REBIRTH, DataType.BOOLEAN, False),
        Metric("Properties/Software", DataType.STRING, f"vad-edge {__version__}"),
        *node_metrics(views),
    ]


def device_metrics(view: CameraView) -> list[Metric]:
    """Everything a camera has to say."""
    since_ms = None if view.since is None else int(view.since.timestamp() * 1000)
    return [
        Metric("Level", DataType.STRING, str(view.level)),
        Metric("In Alarm", DataType.BOOLEAN, view.level is Level.ALARM),
        Metric("Risk", DataType.DOUBLE, view.risk),
        Metric("Armed", DataType.BOOLEAN, view.armed),
        Metric("Test", DataType.BOOLEAN, view.test),
        Metric("Incident", DataType.STRING, view.incident),
        Metric("Since", DataType.DATE_TIME, since_ms),
    ]


def changed(before: Iterable[Metric], after: Iterable[Metric]) -> list[Metric]:
    """Those of `after` that `before` does not have like that."""
    known = set(before)
    return [metric for metric in after if metric not in known]
