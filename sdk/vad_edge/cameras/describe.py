"""A camera described by what it says of itself, and the table of a site file that fits it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element

import tomlkit

from vad_edge.cameras.client import OnvifClient, element
from vad_edge.cameras.profile import MediaProfile, detect_profile, read_profiles, record_profile
from vad_edge.cameras.soap import DEVICE, EVENTS, find_all, local, text_of
from vad_edge.common.escape import plain
from vad_edge.common.secret import redacted
from vad_edge.config.onvif import EventKind
from vad_edge.errors import CameraError
from vad_edge.sensors.onvif import kind_of

LARGE_OFFSET_S: Final = 5.0
"""A camera's clock that is off by more is named."""

_TOPIC: Final = "{http://docs.oasis-open.org/wsn/t-1}topic"
_DEEPEST: Final = 10
_MOST_TOPICS: Final = 500
_MOST_RELAYS: Final = 32


@dataclass(frozen=True, slots=True)
class CameraDescription:
    """What a camera says of itself; texts are empty where it says nothing.

    offset_s is how far its clock is ahead of ours, None where it does not say. kinds are the events of its
    own that can be sensor streams, topics how many it has in all. relays are the tokens of its outputs.
    notes say what a user has to know.
    """

    url: str
    manufacturer: str
    model: str
    firmware: str
    serial: str
    offset_s: float | None
    profiles: tuple[MediaProfile, ...]
    kinds: tuple[EventKind, ...] = ()
    topics: int = 0
    relays: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; credentials in URIs are hidden."""
        return {
            "address": self.url,
            "manufacturer": self.manufacturer,
            "model": self.model,
            "firmware": self.firmware,
            "serial": self.serial,
            "clock_offset_s": None if self.offset_s is None else round(self.offset_s, 1),
            "profiles": [
                {
                    "token": each.token,
                    "name": each.name,
                    "codec": each.codec,
                    "width": each.width,
                    "height": each.height,
                    "fps": each.fps,
                    "uri": redacted(each.uri),
                    "snapshot": redacted(each.snapshot),
                }
                for each in self.profiles
            ],
            "events": list(self.kinds),
            "topics": self.topics,
            "relays": list(self.relays),
            "notes": list(self.notes),
        }


def describe(client: OnvifClient) -> CameraDescription:
    """Ask a camera for all of it. Raises CameraError where it does not answer, or refuses us."""
    offset_s = client.clock_offset_s()
    told = client.ask(DEVICE, "GetDeviceInformation")
    profiles = tuple(read_profiles(client))
    notes = [*_clock_notes(offset_s), *_uri_notes(client.url, profiles)]
    topics = list(_event_topics(_optional(lambda: _event_properties(client), "events", notes)))
    kinds = dict.fromkeys(kind for path, items in topics if (kind := kind_of(path, dict.fromkeys(items))))
    relays = find_all(
        _optional(lambda: client.ask(DEVICE, "GetRelayOutputs"), "outputs", notes), "RelayOutputs"
    )
    return CameraDescription(
        url=client.url,
        manufacturer=text_of(told, "Manufacturer")[:64],
        model=text_of(told, "Model")[:64],
        firmware=text_of(told, "FirmwareVersion")[:64],
        serial=text_of(told, "SerialNumber")[:64],
        offset_s=offset_s,
        profiles=profiles,
        kinds=tuple(kinds),
        topics=len(topics),
        relays=tuple(token for each in relays if (token := each.get("token", "")[:64]))[:_MOST_RELAYS],
        notes=tuple(notes),
    )


def site_block(
    camera: CameraDescription, *, name: str = "", user: str | None = None, password_file: str | None = None
) -> str:
    """A ``[[camera]]`` table for the site file, without any password."""
    detect = detect_profile(camera.profiles)
    document = tomlkit.document()
    tables = tomlkit.aot()
    table = tomlkit.table()
    table.add("name", name or _slug(camera))
    if detect is not None:
        if user is not None and "@" not in detect.uri:
            table.add(
                tomlkit.comment("write the user and the password into it: rtsp://USER:PASSWORD@HOST/...")
            )
        table.add("source", _safe(detect.uri))
    record = record_profile(camera.profiles, detect)
    if record is not None:
        table.add("record_source", _safe(record.uri))
    onvif = tomlkit.table()
    onvif.add("address", camera.url)
    if user is not None:
        onvif.add("user", _safe(user))
        if password_file is None:
            onvif.add(tomlkit.comment('password_file = "/etc/vad-edge/camera-password"'))
        else:
            onvif.add("password_file", password_file)
    onvif.add("events", bool(camera.kinds))
    if camera.kinds:
        onvif.add("kinds", list(camera.kinds))
    if camera.relays:
        onvif.add(tomlkit.comment(f"relay = {tomlkit.string(_safe(camera.relays[0])).as_string()}"))
    table.add("onvif", onvif)
    tables.append(table)
    document.add("camera", tables)
    return str(tomlkit.dumps(document)).strip() + "\n"


def _optional(ask: Callable[[], Element], what: str, notes: list[str]) -> Element | None:
    """The answer about what a camera need not have."""
    try:
        return ask()
    except CameraError as error:
        if error.refused:
            raise
        notes.append(f"{what}: {error.what}")
        return None


def _event_properties(client: OnvifClient) -> Element:
    action = f"{EVENTS}/EventPortType/GetEventPropertiesRequest"
    return client.tell(client.port(EVENTS), action, element(EVENTS, "GetEventProperties"))


def _event_topics(answer: Element | None) -> Iterator[tuple[str, list[str]]]:
    """The topics of a topic set with the names of their data items, at most so many."""
    waiting = [(each, local(each)) for each in find_all(answer, "TopicSet/*")]
    found = 0
    while waiting and found < _MOST_TOPICS:
        node, path = waiting.pop(0)
        if node.get(_TOPIC, "").lower() in ("true", "1"):
            found += 1
            items = find_all(node, "MessageDescription/Data/SimpleItemDescription")
            yield path, [each.get("Name", "") for each in items]
        if path.count("/") < _DEEPEST:
            waiting += [
                (each, f"{path}/{local(each)}") for each in node if local(each) != "MessageDescription"
            ]


def _clock_notes(offset_s: float | None) -> list[str]:
    if offset_s is None:
        return ["it does not say its time"]
    if abs(offset_s) <= LARGE_OFFSET_S:
        return []
    way = "ahead of" if offset_s > 0 else "behind"
    return [f"its clock is {abs(offset_s):,.0f} s {way} this machine's: set NTP on both"]


def _uri_notes(url: str, profiles: Sequence[MediaProfile]) -> list[str]:
    notes = []
    hosts = {host for each in profiles if (host := _host(each.uri))}
    others = hosts - {urlsplit(url).hostname}
    if others:
        notes.append(f"its streams are at another address than it was asked at: {', '.join(sorted(others))}")
    if any(redacted(each.uri) != each.uri for each in profiles):
        notes.append("it writes credentials into its stream URIs; they are hidden here")
    if not any(each.uri for each in profiles):
        notes.append("it names no stream")
    return notes


def _host(uri: str) -> str | None:
    try:
        return urlsplit(uri).hostname
    except ValueError:
        return None


def _slug(camera: CameraDescription) -> str:
    words = re.sub(r"[^A-Za-z0-9]+", "-", f"{camera.manufacturer} {camera.model}").strip("-").lower()
    return words[:40].strip("-") or "camera"


def _safe(text: str) -> str:
    return plain(redacted(text))
