"""What a warning tells the outside world about one step of an incident, as CloudEvents 1.0 JSON."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from importlib.resources import files
from typing import Any

from vad_edge.fusion.machine import ChangeKind, Level
from vad_edge.fusion.tamper import TamperKind
from vad_edge.scoring.regions import Region

_TYPE_PREFIX = "io.vad-edge.incident."
_TAMPER_TYPES = {"tampered": "io.vad-edge.tamper.raised", "restored": "io.vad-edge.tamper.cleared"}
_SCHEMA = "urn:vad-edge:schema:event:1"


@dataclass(frozen=True, slots=True)
class Event:
    """One change of the warning level, or a tamper that begins or ends, and why it came.

    time and since are UTC: when the change was decided, and when the risk first stood at watch; time_s is
    `time` on the run clock (media time for recordings). risk, peak_risk and the shares are on the scale of a
    surprise (-log10 of a chance); shares says what the risk is made of, by cue and stream. surprise and cues
    are this frame's own, None and empty without a valid frame. regions are boxes in source pixels. early_s is
    how long before its first alarm the incident opened. time_synced is whether time and since are true: false
    where no time service keeps the clock they come from, or it was set since, None where that cannot be told,
    as for a recording. evidence maps a kind of evidence to the ``sha256:...`` of its file. durable is false
    where the disk would not take the event, so that it may be lost with the process. test marks what a
    commissioning test made up. tamper says what is or was wrong with the picture, empty for changes of the
    level; a tamper is an alarm of its own, and leaves the level as it is.
    """

    id: str
    incident: str
    site: str
    camera: str
    kind: ChangeKind | TamperKind
    level: Level
    previous: Level
    time: datetime
    time_s: float
    since: datetime
    risk: float
    peak_risk: float
    surprise: float | None
    cues: Mapping[str, float]
    shares: Mapping[str, float]
    regions: tuple[Region, ...]
    rarity: str
    early_s: float | None
    time_synced: bool | None
    evidence: Mapping[str, str]
    durable: bool = True
    test: bool = False
    tamper: str = ""


def to_cloudevent(event: Event) -> dict[str, Any]:
    """`event` as plain values that `json.dumps` takes; `event_schema` describes them."""
    return {
        "specversion": "1.0",
        "id": event.id,
        "source": f"/vad-edge/{event.site}/{event.camera}",
        "type": _TAMPER_TYPES.get(event.kind, _TYPE_PREFIX + event.kind),
        "time": stamp(event.time),
        "subject": event.incident,
        "datacontenttype": "application/json",
        "dataschema": f"{_SCHEMA}#/properties/data",
        "data": {
            "incident": event.incident,
            "site": event.site,
            "camera": event.camera,
            "kind": event.kind,
            "level": str(event.level),
            "previous": str(event.previous),
            "time_s": event.time_s,
            "since": stamp(event.since),
            "risk": event.risk,
            "peak_risk": event.peak_risk,
            "surprise": event.surprise,
            "cues": dict(event.cues),
            "shares": dict(event.shares),
            "regions": [{**asdict(box), "zones": list(box.zones)} for box in event.regions],
            "rarity": event.rarity,
            "early_s": event.early_s,
            "time_synced": event.time_synced,
            "evidence": dict(event.evidence),
            "durable": event.durable,
            "test": event.test,
            "tamper": event.tamper,
        },
    }


def from_cloudevent(envelope: Mapping[str, Any]) -> Event:
    """The event that `to_cloudevent` made `envelope` from. Raises ValueError if it is none of ours."""
    try:
        data = dict(envelope["data"])
        data["level"] = Level[data["level"].upper()]
        data["previous"] = Level[data["previous"].upper()]
        data["since"] = time_of(data["since"])
        data["regions"] = tuple(
            Region(**{**box, "zones": tuple(box.get("zones", ()))}) for box in data["regions"]
        )
        return Event(id=envelope["id"], time=time_of(envelope["time"]), **data)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"not an event of this program: {error!r}") from error


def event_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of what `to_cloudevent` gives."""
    text = (files("vad_edge.events") / "schema" / "event.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def stamp(time: datetime) -> str:
    """A time as events carry it: UTC, microseconds, ``Z``; stamps sort as their times do."""
    return time.astimezone(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")


def time_of(text: str) -> datetime:
    """The time that `stamp` wrote. Raises ValueError for anything that is no time."""
    # Python 3.10 reads an offset but no "Z".
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def pack(event: Event) -> bytes:
    """Its CloudEvent, compressed: a third of the text. Raises ValueError for a number JSON does not know."""
    return compressed(json.dumps(to_cloudevent(event), allow_nan=False))


def compressed(text: str) -> bytes:
    """JSON as the column of bodies holds it."""
    return zlib.compress(text.encode(), 6)


def unpack(body: bytes) -> Event:
    """The event in a body. Raises ValueError if it is damaged or not one of ours."""
    try:
        return from_cloudevent(json.loads(zlib.decompress(body)))
    except (TypeError, zlib.error) as error:
        raise ValueError(f"its body is damaged: {error}") from error
