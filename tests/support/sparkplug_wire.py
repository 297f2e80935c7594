"""Sparkplug payloads read off the wire byte by byte, without any protobuf library."""

from __future__ import annotations

import struct
from typing import Any


def fields(data: bytes) -> list[tuple[int, int, Any]]:
    """Every field as (number, wire type, value), in order."""
    found, place = [], 0
    while place < len(data):
        tag, place = _varint(data, place)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, place = _varint(data, place)
        elif wire == 1:
            value, place = struct.unpack_from("<d", data, place)[0], place + 8
        elif wire == 2:
            length, place = _varint(data, place)
            value, place = data[place : place + length], place + length
        elif wire == 5:
            value, place = struct.unpack_from("<f", data, place)[0], place + 4
        else:
            raise AssertionError(f"wire type {wire}")
        found.append((number, wire, value))
    assert place == len(data)
    return found


def decode(data: bytes) -> dict[str, Any]:
    """timestamp, seq (None where there is none) and metrics: name to (datatype, value or None)."""
    payload: dict[str, Any] = {"timestamp": None, "seq": None, "metrics": {}}
    for number, _, value in fields(data):
        if number == 2:
            metric = {key: entry for key, _, entry in fields(value)}
            name = metric[1].decode()
            assert metric[3] > 1_600_000_000_000, "milliseconds"
            given = [metric[key] for key in (10, 11, 12, 13, 14, 15) if key in metric]
            assert len(given) == (0 if metric.get(7) else 1), "one value, or null"
            text = [entry.decode() if isinstance(entry, bytes) else entry for entry in given]
            payload["metrics"][name] = (metric[4], text[0] if text else None)
        else:
            payload[{1: "timestamp", 3: "seq"}[number]] = value
    return payload


def rebirth_command(value: bool = True) -> bytes:
    """An NCMD payload as a host would send it."""
    name = b"Node Control/Rebirth"
    metric = b"\x0a" + bytes([len(name)]) + name + b"\x20\x0b" + b"\x70" + bytes([value])
    return b"\x08\x01\x12" + bytes([len(metric)]) + metric


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, place
