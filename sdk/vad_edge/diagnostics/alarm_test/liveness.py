"""A client hangs, and whoever watches has to miss it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from vad_edge.bridges.webhook.queue import look_up
from vad_edge.common.ids import new_id
from vad_edge.config.bridges import WebhookConfig
from vad_edge.diagnostics.alarm_test.bacnet import BacnetStation
from vad_edge.diagnostics.alarm_test.context import CHECK, Rehearsal
from vad_edge.diagnostics.finding import Finding
from vad_edge.errors import StoreError
from vad_edge.events.event import Event
from vad_edge.mqtt.client import MqttClient, Will
from vad_edge.mqtt.identity import client_id
from vad_edge.mqtt.publisher import OFFLINE, ONLINE, STOPPED

KEEPALIVE_S: Final = 2


def heartbeat(test: Rehearsal, bacnet: BacnetStation) -> Iterator[Finding]:
    """Have a client fall silent, and wait for the broker to tell of it.

    Where no run is online the client is the camera itself, so that all who watch its availability have to
    miss it, BACnet too. Beside a run it is not used, since the camera is well.
    """
    if test.running:
        word = f"missed {new_id()}".encode()
        yield _missed(test, Will(test.topics.check, word, retain=False))[0]
        return
    _say(test, ONLINE)
    try:
        finding, silent_s = _missed(test, Will(test.topics.availability, OFFLINE))
        yield finding
        if finding.state == "ok":
            yield from bacnet.fault(silent_s)
            said_s = _say(test, ONLINE)
            yield from bacnet.normal(said_s)
    finally:
        _say(test, STOPPED)


def _say(test: Rehearsal, word: bytes) -> float:
    """The availability of the camera, retained; the monotonic time of it."""
    said_s = time.monotonic()
    test.listener.client.publish(test.topics.availability, word, qos=1, retain=True).wait(test.arrive_s)
    return said_s


def _missed(test: Rehearsal, will: Will) -> tuple[Finding, float]:
    """Whether the will of a client that hangs is heard, and when the client fell silent."""
    site = test.site
    client = MqttClient(
        site.broker,
        client_id=client_id(site.broker, site.site, "hang"),
        will=will,
        keepalive_s=KEEPALIVE_S,
    )
    client.start()
    try:
        if not client.wait_connected(test.arrive_s):
            return Finding("heartbeat", "fail", client.last_error or "no answer", CHECK), 0.0
        silent_s = time.monotonic()
        client.fall_silent()
        missed_s = test.listener.when(
            will.topic, lambda heard: heard == will.payload, test.arrive_s, since_s=silent_s
        )
    finally:
        client.stop()
    if missed_s is None:
        text = f"a client that fell silent was not missed within {test.arrive_s:g} s"
        return Finding("heartbeat", "fail", text, "use a broker that watches the keepalive"), silent_s
    took = f"{missed_s - silent_s:.1f} s (its keepalive: {KEEPALIVE_S} s)"
    return Finding("heartbeat", "ok", f"a client that fell silent was missed after {took}"), silent_s


POLL_S: Final = 0.05


def webhook(
    test: Rehearsal, config: WebhookConfig | None, line: Path, events: Sequence[Event]
) -> Iterator[Finding]:
    """Read in `line`, the bridge's file, what became of the events; nothing without a table or events."""
    if config is None or not events:
        return
    where = config.place
    deadline_s = time.monotonic() + test.arrive_s
    try:
        while (states := [look_up(line, event.id) for event in events]).count("taken") < len(events):
            if time.monotonic() > deadline_s:
                yield _missing(where, line, states)
                return
            time.sleep(POLL_S)
    except StoreError as error:
        yield Finding("webhook", "fail", f"{error.where}: {error.what}", error.fix)
        return
    yield Finding("webhook", "ok", f"{where} has taken all {len(events)} events")


def _missing(where: str, line: Path, states: Sequence[str | None]) -> Finding:
    if None in states:
        text = f"the bridge has not had {states.count(None)} of {len(states)} events, says {line}"
        fix = "start `vad-edge bridge webhook` on this machine, give its --state, and test again"
        return Finding("webhook", "fail", text, fix)
    text = f"{where} has not taken {len(states) - states.count('taken')} of {len(states)} events"
    return Finding("webhook", "fail", text, "look at the bridge's log: it says what the endpoint answers")
