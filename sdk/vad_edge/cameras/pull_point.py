"""A camera's event service: a pull point made, asked, renewed and given back."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Final
from xml.etree.ElementTree import Element

from vad_edge.cameras.client import OnvifClient, ServicePort, element
from vad_edge.cameras.notification import Notification, read_notifications
from vad_edge.cameras.soap import ADDRESSING, EVENTS, NOTIFICATION, find_all, tag, text_of
from vad_edge.errors import CameraError

LIFETIME_S: Final = 120.0
PULL_S: Final = 20.0
"""How long a camera holds a question for which it has nothing."""

_MESSAGES: Final = 100
_SHORTEST_S: Final = 1.0
_LONGEST_S: Final = 3600.0
_MOST_PARAMETERS: Final = 16
_MANAGER: Final = "http://docs.oasis-open.org/wsn/bw-2/SubscriptionManager"
_PULL: Final = f"{EVENTS}/PullPointSubscription"


class PullPoint:
    """One subscription to all events of a camera. Raises CameraError in each of its methods.

    lifetime_s is how long it may live without being renewed; a camera may choose otherwise.
    """

    def __init__(
        self,
        client: OnvifClient,
        *,
        lifetime_s: float = LIFETIME_S,
        pull_s: float = PULL_S,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._now = client, now
        self._asked_s, self._pull_s = lifetime_s, pull_s
        body = element(
            EVENTS,
            "CreatePullPointSubscription",
            None,
            element(EVENTS, "InitialTerminationTime", _duration(lifetime_s)),
        )
        action = f"{EVENTS}/EventPortType/CreatePullPointSubscriptionRequest"
        answer = client.tell(client.port(EVENTS), action, body)
        address = text_of(answer, "SubscriptionReference/Address")
        if not address:
            raise CameraError("it names no address for its events", where=client.place)
        parameters = find_all(answer, "SubscriptionReference/ReferenceParameters/*")[:_MOST_PARAMETERS]
        for each in parameters:
            each.set(tag(ADDRESSING, "IsReferenceParameter"), "true")
        self._port = ServicePort(client.at_home(address), address, tuple(parameters))
        self._renew_s = self._half_of(answer)

    def pull(self) -> list[Notification]:
        """What came since the last time; waits until something does, for a bounded time."""
        body = element(
            EVENTS,
            "PullMessages",
            None,
            element(EVENTS, "Timeout", _duration(self._pull_s)),
            element(EVENTS, "MessageLimit", str(_MESSAGES)),
        )
        answer = self._client.tell(self._port, f"{_PULL}/PullMessagesRequest", body, longer_s=self._pull_s)
        return read_notifications(answer)

    def synchronize(self) -> None:
        """Ask the camera to say how everything stands; those that do so by themselves may not know this."""
        self._client.tell(
            self._port, f"{_PULL}/SetSynchronizationPointRequest", element(EVENTS, "SetSynchronizationPoint")
        )

    @property
    def due(self) -> bool:
        """Whether it is time to renew it."""
        return self._now() >= self._renew_s

    def renew(self) -> None:
        """Let it live on."""
        body = element(
            NOTIFICATION, "Renew", None, element(NOTIFICATION, "TerminationTime", _duration(self._asked_s))
        )
        self._renew_s = self._half_of(self._client.tell(self._port, f"{_MANAGER}/RenewRequest", body))

    def unsubscribe(self) -> None:
        """Give it back: cameras have few."""
        self._client.tell(self._port, f"{_MANAGER}/UnsubscribeRequest", element(NOTIFICATION, "Unsubscribe"))

    def _half_of(self, answer: Element) -> float:
        """When half of the life is over that the camera gives it, by our own clock."""
        began, ends = (_moment(text_of(answer, name)) for name in ("CurrentTime", "TerminationTime"))
        lasts_s = self._asked_s if began is None or ends is None else (ends - began).total_seconds()
        return self._now() + min(max(lasts_s, _SHORTEST_S), _LONGEST_S) / 2


def _duration(seconds: float) -> str:
    return f"PT{max(round(seconds), 1)}S"


def _moment(text: str) -> datetime | None:
    """A camera's time stamp without its fraction of a second, which has any number of digits."""
    try:
        return datetime.fromisoformat(text.partition(".")[0].removesuffix("Z")[:19])
    except ValueError:
        return None
