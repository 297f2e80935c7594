"""Sparkplug B payloads: protobuf messages made from the specification's field numbers.

What of a payload we neither send nor read (data sets, templates, properties) is left out; protobuf passes
over it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

from vad_edge.bridges.camera_view import CameraView
from vad_edge.fusion.machine import Level
from vad_edge.version import __version__

_PACKAGE = "vad_edge.sparkplug"
_PAYLOAD = (("timestamp", 1, "UINT64"), ("metrics", 2, "MESSAGE"), ("seq", 3, "UINT64"))
_METRIC = (
    ("name", 1, "STRING"),
    ("alias", 2, "UINT64"),
    ("timestamp", 3, "UINT64"),
    ("datatype", 4, "UINT32"),
    ("is_null", 7, "BOOL"),
)
_VALUES = (
    ("int_value", 10, "UINT32"),
    ("long_value", 11, "UINT64"),
    ("float_value", 12, "FLOAT"),
    ("double_value", 13, "DOUBLE"),
    ("boolean_value", 14, "BOOL"),
    ("string_value", 15, "STRING"),
)


class DataType(IntEnum):
    """The data types we use, with Sparkplug's numbers."""

    INT32 = 3
    INT64 = 4
    DOUBLE = 10
    BOOLEAN = 11
    STRING = 12
    DATE_TIME = 13


_FIELD = {
    DataType.INT32: "int_value",
    DataType.INT64: "long_value",
    DataType.DOUBLE: "double_value",
    DataType.BOOLEAN: "boolean_value",
    DataType.STRING: "string_value",
    DataType.DATE_TIME: "long_value",
}


@dataclass(frozen=True, slots=True)
class Metric:
    """One named value; None is sent as null. Integers are not negative, times are milliseconds since 1970."""

    name: str
    datatype: DataType
    value: bool | int | float | str | None


def encode(metrics: Sequence[Metric], *, time_ms: int, seq: int | None) -> bytes:
    """A payload stamped with time_ms; seq is None where there must be none."""
    payload = _messages()["Payload"](timestamp=time_ms)
    if seq is not None:
        payload.seq = seq
    for metric in metrics:
        entry = payload.metrics.add(name=metric.name, timestamp=time_ms, datatype=int(metric.datatype))
        if metric.value is None:
            entry.is_null = True
        else:
            setattr(entry, _FIELD[metric.datatype], metric.value)
    encoded: bytes = payload.SerializeToString()
    return encoded


def commands(data: bytes) -> dict[str, bool]:
    """The boolean metrics of a command payload by name; none for what is no payload."""
    try:
        payload = _messages()["Payload"].FromString(data)
    except DecodeError:
        return {}
    return {
        metric.name: metric.boolean_value
        for metric in payload.metrics
        if metric.WhichOneof("value") == "boolean_value"
    }


@cache
def _messages() -> dict[str, Any]:
    file = FileDescriptorProto(name="vad_edge_sparkplug.proto", package=_PACKAGE, syntax="proto2")
    payload = file.message_type.add(name="Payload")
    metric = file.message_type.add(name="Metric")
    metric.oneof_decl.add(name="value")
    for message, fields in ((payload, _PAYLOAD), (metric, _METRIC), (metric, _VALUES)):
        for name, number, kind in fields:
            field = message.field.add(name=name, number=number, label="LABEL_OPTIONAL", type=f"TYPE_{kind}")
            if kind == "MESSAGE":
                field.label, field.type_name = field.LABEL_REPEATED, f".{_PACKAGE}.Metric"
            if fields is _VALUES:
                field.oneof_index = 0
    pool = DescriptorPool()
    pool.Add(file)
    return {
        name: GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))
        for name in ("Payload", "Metric")
    }


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
