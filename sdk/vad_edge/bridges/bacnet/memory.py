"""What the BACnet device remembers over a restart, so that no transition is announced twice."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from vad_edge.bridges.bacnet.alarm import Alarm, EventState
from vad_edge.bundle.atomic import write_atomically

_log = logging.getLogger(__name__)


def recall(path: Path) -> dict[str, Alarm]:
    """The alarms by camera as `remember` left them; a file that is missing or damaged holds none."""
    try:
        entries = json.loads(path.read_bytes())
        return {camera: _alarm(entry) for camera, entry in entries.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        _log.warning("%s cannot be read, alarms begin anew: %r", path, error)
        return {}


def remember(path: Path, alarms: Mapping[str, Alarm]) -> None:
    """Keep the alarms; a disk that fails is logged, since the alarms themselves must go on."""
    entries = {camera: _entry(alarm) for camera, alarm in alarms.items()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(entries).encode())
    except OSError as error:
        _log.error("%s cannot be written, a restart will announce alarms again: %s", path, error)


def _entry(alarm: Alarm) -> dict[str, Any]:
    return {
        "state": alarm.state.name,
        "acked": alarm.acked,
        "stamps": [stamp and stamp.isoformat() for stamp in alarm.stamps],
        "texts": alarm.texts,
        "incident": alarm.incident,
    }


def _alarm(entry: Mapping[str, Any]) -> Alarm:
    acked, texts = tuple(map(bool, entry["acked"])), tuple(map(str, entry["texts"]))
    stamps = tuple(stamp and datetime.fromisoformat(stamp) for stamp in entry["stamps"])
    if not len(acked) == len(texts) == len(stamps) == len(EventState):
        raise ValueError("three transitions are needed")
    return Alarm(EventState[entry["state"]], acked, stamps, texts, entry["incident"])
