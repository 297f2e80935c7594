"""What a warning tells the outside world about one step of an incident, as CloudEvents 1.0 JSON."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timezone
from importlib.resources import files
from typing import Any, Final, Literal

from vad_edge.events.reason import Reason
from vad_edge.fusion.machine import ChangeKind, Level
from vad_edge.fusion.tamper import TamperKind
from vad_edge.scoring.regions import Region

_TYPE_PREFIX = "io.vad-edge.incident."
_TAMPER_TYPES = {"tampered": "io.vad-edge.tamper.raised", "restored": "io.vad-edge.tamper.cleared"}
_SCHEMA = "urn:vad-edge:schema:event:1"
_ADDED = "vadedgeadded"


Ending = Literal[
    "", "calm", "disarmed", "gate_closed", "maintenance", "camera_lost", "run_stopped", "process_died",
    "acknowledged",
]  # fmt: skip
"""Why an incident or a tamper is over; empty while it goes on, and where an earlier release wrote it."""


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
    level; a tamper is an alarm of its own, and leaves the level as it is. sequence counts the events of an
    incident from 1, 0 where it is not known. ending says why the incident is over, empty while it goes on. An
    alarm sounds before fresh_until (UTC) and not after it. reasons say why the event came, as codes with
    parameters. labels and note are what people added. unknown holds what a later version wrote and this one
    does not know; it is kept as it is.
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
    sequence: int = 0
    ending: Ending = ""
    fresh_until: datetime | None = None
    reasons: tuple[Reason, ...] = ()
    labels: tuple[str, ...] = ()
    note: str = ""
    unknown: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ends(self) -> bool:
        """Whether its incident or tamper is over."""
        return self.kind in ("cleared", "restored")


_NAMES: Final = [each.name for each in fields(Event) if each.name not in ("id", "time", "unknown")]
_FIELDS: Final = set(_NAMES)
_FIRST_FIELDS: Final = _NAMES[: _NAMES.index("sequence")]
"""Those of the first release."""
_BOX: Final = {each.name for each in fields(Region)}


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
            **{name: getattr(event, name) for name in _FIRST_FIELDS},
            "level": str(event.level),
            "previous": str(event.previous),
            "since": stamp(event.since),
            "cues": dict(event.cues),
            "shares": dict(event.shares),
            "regions": [{**asdict(box), "zones": list(box.zones)} for box in event.regions],
            "evidence": dict(event.evidence),
            **_added(event),
        },
    }


def _added(event: Event) -> dict[str, Any]:
    """What events have beyond those of the first release."""
    return {
        "sequence": event.sequence,
        "ending": event.ending,
        "fresh_until": None if event.fresh_until is None else stamp(event.fresh_until),
        "reasons": [reason.to_dict() for reason in event.reasons],
        "labels": list(event.labels),
        "note": event.note,
        **event.unknown,
    }


def from_cloudevent(envelope: Mapping[str, Any]) -> Event:
    """The event that `to_cloudevent` made `envelope` from, by this version or another one.

    Fields that are not known are kept in `unknown`. Raises ValueError if it is none of ours.
    """
    try:
        data = dict(envelope["data"])
        unknown = {key: data.pop(key) for key in data.keys() - _FIELDS}
        data["level"] = Level[data["level"].upper()]
        data["previous"] = Level[data["previous"].upper()]
        data["since"] = time_of(data["since"])
        data["regions"] = tuple(
            Region(**{**{key: box[key] for key in box.keys() & _BOX}, "zones": tuple(box.get("zones", ()))})
            for box in data["regions"]
        )
        data["reasons"] = tuple(
            Reason(str(each["code"]), dict(each["params"])) for each in data.get("reasons", ())
        )
        data["labels"] = tuple(str(label) for label in data.get("labels", ()))
        fresh_until = data.get("fresh_until")
        data["fresh_until"] = None if fresh_until is None else time_of(fresh_until)
        return Event(id=envelope["id"], time=time_of(envelope["time"]), unknown=unknown, **data)
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
    """Its CloudEvent, compressed: a third of the text. Raises ValueError for a number JSON does not know.

    The first release reads only the fields it knows under ``data``: what came later lies beside them.
    """
    envelope = to_cloudevent(event)
    added = _added(event)
    envelope["data"] = {key: value for key, value in envelope["data"].items() if key not in added}
    return compressed(json.dumps({**envelope, _ADDED: added}, allow_nan=False))


def compressed(text: str) -> bytes:
    """JSON as the column of bodies holds it."""
    return zlib.compress(text.encode(), 6)


def unpack(body: bytes) -> Event:
    """The event in a body. Raises ValueError if it is damaged or not one of ours."""
    try:
        envelope = json.loads(zlib.decompress(body))
        return from_cloudevent({**envelope, "data": {**envelope["data"], **envelope.get(_ADDED, {})}})
    except (TypeError, KeyError, AttributeError, zlib.error) as error:
        raise ValueError(f"its body is damaged: {error}") from error
