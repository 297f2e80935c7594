"""Events out of the store to the broker; each leaves it with the broker's acknowledgement."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Sequence
from datetime import datetime

from vad_edge.errors import StoreError
from vad_edge.events.event import Event, to_cloudevent
from vad_edge.events.store import EventStore
from vad_edge.mqtt.client import MqttClient
from vad_edge.mqtt.messages import Label, PublishHandle
from vad_edge.mqtt.topics import CameraTopics


def is_fresh(age_s: float, fresh_s: float) -> bool:
    """Whether an event that is so old may still sound an alarm.

    One that lies further in the future than fresh_s comes from before the clock was set back: it is not known
    how old it is, so it counts as history.
    """
    return abs(age_s) <= fresh_s


def fast_lane(
    newest: Sequence[Event], age_s: Callable[[datetime], float], fresh_s: float, *, complete: bool
) -> list[Event]:
    """What must not wait behind a long backlog: fresh events, and before them what their incidents said.

    newest holds the newest pending events, oldest first; complete says that there are no others. An incident
    that may have begun before them keeps its turn, since its order matters more than its haste.
    """
    hasty = {event.incident for event in newest if is_fresh(age_s(event.time), fresh_s)}
    if newest and not complete:
        hasty.discard(newest[0].incident)
    return [event for event in newest if event.incident in hasty]


_log = logging.getLogger(__name__)

CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"

_LATE = Label(CONTENT_TYPE)
_BATCH = 500
_LANE = 100
_BURST_S = 0.25
_ACKNOWLEDGE_S = 0.25
_REFUSED_PAUSE_S = 5.0


class Outbox:
    """The pending events of one camera, in turns that a thread of the publisher makes.

    What is younger than fresh_s, and the end of an incident however old, goes to the topic of events,
    everything else to that of late ones, which is fed no faster than replay_per_s. age_s is the age of a time
    stamp by the run's clock, the one that events are stamped with, so that a step of the wall clock makes no
    event old.
    """

    def __init__(
        self,
        client: MqttClient,
        topics: CameraTopics,
        store: EventStore,
        *,
        age_s: Callable[[datetime], float],
        fresh_s: float,
        replay_per_s: float,
    ) -> None:
        self._client = client
        self._topics = topics
        self._store = store
        self._age_s = age_s
        self._fresh_s = fresh_s
        self._replay_per_s = replay_per_s
        self._batch = min(_BATCH, max(1, math.floor(replay_per_s * _BURST_S)))
        self._replay_due_s = 0.0
        self._paused_until_s = 0.0

    def turn(self, deadline_s: float = math.inf) -> float:
        """Publish one batch and wait for its acknowledgements; the seconds until there may be more to do.

        Waits for as long as the connection stands, at most until deadline_s of the monotonic clock. Infinity
        says that nothing is pending.
        """
        started_s = time.monotonic()
        if not self._client.connected:
            return math.inf
        if started_s < self._paused_until_s:
            return self._paused_until_s - started_s
        try:
            batch = self._next_batch(started_s)
            if not batch:
                return self._replay_due_s - started_s if self._replay_due_s > started_s else math.inf
            progress = self._settle([(event, *self._send(event)) for event in batch], deadline_s)
        except StoreError as error:
            _log.error("%s; its events may be sent twice", error)
            self._paused_until_s = time.monotonic() + _REFUSED_PAUSE_S
            return _REFUSED_PAUSE_S
        return 0.0 if progress else _ACKNOWLEDGE_S

    def _next_batch(self, now_s: float) -> Sequence[Event]:
        newest = self._store.newest_pending(self._topics.camera, _LANE)
        complete = len(newest) < _LANE
        lane = fast_lane(newest, self._age_s, self._fresh_s, complete=complete)
        if lane or not newest:
            return lane
        if now_s < self._replay_due_s:
            return ()
        batch = newest[: self._batch] if complete else self._store.pending(self._topics.camera, self._batch)
        self._replay_due_s = now_s + len(batch) / self._replay_per_s
        return batch

    def _send(self, event: Event) -> tuple[str, PublishHandle]:
        age_s = self._age_s(event.time)
        fresh = is_fresh(age_s, self._fresh_s)
        # An end silences, however late it comes.
        topic = self._topics.event if fresh or event.ends else self._topics.event_replay
        payload = json.dumps(to_cloudevent(event), ensure_ascii=False, allow_nan=False).encode()
        label = event_label(event, self._fresh_s - max(age_s, 0.0)) if fresh else _LATE
        return topic, self._client.publish(topic, payload, qos=1, label=label)

    def _settle(self, sent: Sequence[tuple[Event, str, PublishHandle]], deadline_s: float) -> bool:
        """Mark what the broker has taken, what it lost or refused stays; whether it took anything."""
        taken: list[str] = []
        accepted, refused = set(), {}
        for event, topic, handle in sent:
            while not handle.wait(_ACKNOWLEDGE_S):
                if handle.lost or handle.refusal or time.monotonic() >= deadline_s:
                    break
                self._mark(taken)
            if handle.wait(0.0):
                taken.append(event.id)
                accepted.add(topic)
            elif handle.refusal:
                refused[topic] = handle.refusal
        self._mark(taken)
        for topic in accepted - refused.keys():
            self._client.permitted(topic)
        for topic, reason in refused.items():
            self._client.forbidden("events on", topic, reason)
            self._paused_until_s = time.monotonic() + _REFUSED_PAUSE_S
        return bool(accepted)

    def _mark(self, taken: list[str]) -> None:
        if taken:
            self._store.mark_delivered(*taken)
            taken.clear()


def event_label(event: Event, expiry_s: float) -> Label:
    """What MQTT 5 says beside a fresh event: until when it is good, and enough to route it unread."""
    user = {"incident": event.incident, "kind": event.kind, "level": str(event.level)}
    return Label(CONTENT_TYPE, expiry_s, user)
