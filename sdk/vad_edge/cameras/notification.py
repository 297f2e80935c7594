"""What a camera noticed: the messages of a pull point, and how things stand by them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element

from vad_edge.cameras.soap import find, find_all, text_of
from vad_edge.config.onvif import EventKind
from vad_edge.sensors.onvif import is_output, kind_of, topic_path, truth_of

MOST_MESSAGES: Final = 1000
MOST_STATES: Final = 256
"""So many sources of one camera are followed, such as rules and inputs."""

_MOST_ITEMS: Final = 32
_LONGEST: Final = 256


@dataclass(frozen=True, slots=True)
class Notification:
    """One message: path is its topic without namespaces, source names what it is about.

    is_state says that it tells how things stand, and not what happened once; deleted that it is no longer so.
    """

    path: str
    source: str
    data: Mapping[str, str]
    is_state: bool = True
    deleted: bool = False


def read_notifications(answer: Element) -> list[Notification]:
    """The messages in an answer to PullMessages; those without a topic are left out."""
    messages = find_all(answer, "NotificationMessage")[:MOST_MESSAGES]
    return [found for each in messages if (found := _notification(each)) is not None]


def _notification(told: Element) -> Notification | None:
    path = topic_path(text_of(told, "Topic", _LONGEST))
    message = find(told, "Message/Message")
    if not path or message is None:
        return None
    operation = message.get("PropertyOperation", "")
    about = {**_items(message, "Source"), **_items(message, "Key")}
    return Notification(
        path=path,
        source=",".join(f"{name}={value}" for name, value in sorted(about.items())),
        data=_items(message, "Data"),
        is_state=bool(operation),
        deleted=operation == "Deleted",
    )


def _items(message: Element, name: str) -> dict[str, str]:
    return {
        each.get("Name", "")[:_LONGEST]: each.get("Value", "")[:_LONGEST]
        for each in find_all(message, f"{name}/SimpleItem")[:_MOST_ITEMS]
    }


class CameraStates:
    """How things stand at one camera by its own word; unknown counts the states that mean nothing to us.

    Of several sources of a kind, such as two inputs, one that is on is enough.
    """

    def __init__(self, kinds: Collection[EventKind]) -> None:
        self._kinds = frozenset(kinds)
        self._states: dict[tuple[EventKind, str, str], bool] = {}
        self._heard: set[EventKind] = set()
        self.unknown = 0

    def take(self, event: Notification) -> list[tuple[EventKind, bool]]:
        """What a message says of the kinds that are followed, in order: nothing, or a state.

        What happened once is on, and off at the same moment.
        """
        kind, truth = kind_of(event.path, event.data), truth_of(event.data)
        if kind is None:
            self.unknown += truth is not None and not is_output(event.path)
            return []
        if kind not in self._kinds:
            return []
        key = (kind, event.path, event.source)
        if event.deleted:
            self._states.pop(key, None)
        elif not event.is_state:
            if truth is False:
                return []
            self._heard.add(kind)
            return [(kind, True), (kind, self._is_on(kind))]
        elif truth is None or (key not in self._states and len(self._states) >= MOST_STATES):
            return []
        else:
            self._states[key] = truth
        self._heard.add(kind)
        return [(kind, self._is_on(kind))]

    def forget(self) -> None:
        """Begin again after a pause: the camera says again what is so now."""
        self._states.clear()

    def standing(self) -> list[tuple[EventKind, bool]]:
        """How each kind stands that was ever heard of."""
        return [(kind, self._is_on(kind)) for kind in sorted(self._heard)]

    def _is_on(self, kind: EventKind) -> bool:
        return any(on for (each, _, _), on in self._states.items() if each == kind)
