"""What a BACnet client sees of the test, and what becomes of its acknowledgement."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from vad_edge.bridges.bacnet.alarm import EventState
from vad_edge.bridges.feed import camera_names
from vad_edge.config.bridges import BacnetConfig
from vad_edge.diagnostics.alarm_test.context import BY, Rehearsal, content, ms
from vad_edge.diagnostics.finding import Finding
from vad_edge.errors import BridgeError

if TYPE_CHECKING:
    from vad_edge.bridges.bacnet.client import AlarmState, BacnetClient

POLL_S: Final = 0.02
_START: Final = "start `vad-edge bridge bacnet` with this site file"
_LOG: Final = "look at the bridge's log"
_NOT_SHOWN: Final = "the device took the acknowledgement and does not show it"


class BacnetStation:
    """Looks at a camera's binary value from outside; to be closed.

    After a failure, without a table, or for a camera that the device does not show, there is no more.
    """

    def __init__(self, test: Rehearsal, config: BacnetConfig | None) -> None:
        self._test = test
        self._config = config
        numbers = {camera: number for number, camera in enumerate(camera_names(test.site), start=1)}
        self._number = f"binary-value,{numbers.get(test.topics.camera)}"
        self._client: BacnetClient | None = None
        self._over = test.topics.camera not in numbers

    def close(self) -> None:
        """Leave the network."""
        if self._client is not None:
            self._client.close()

    def meet(self) -> Iterator[Finding]:
        """Find the device, and wait until the camera's value is quiet."""
        return self._step(self._meet)

    def alarm(self, incident: str, said_s: float) -> Iterator[Finding]:
        """Wait for the test's alarm, acknowledge it, and wait for the word on MQTT."""
        return self._step(lambda client: self._alarm(client, incident, said_s))

    def normal(self, said_s: float) -> Iterator[Finding]:
        """Wait for the return to normal."""
        return self._step(lambda client: self._normal(client, said_s))

    def fault(self, silent_s: float) -> Iterator[Finding]:
        """Wait until the device says that the camera cannot be heard, and acknowledge that."""
        return self._step(lambda client: self._fault(client, silent_s))

    def _step(self, look: Callable[[BacnetClient], Iterator[Finding]]) -> Iterator[Finding]:
        if self._over or self._config is None:
            return
        try:
            if self._client is None:
                from vad_edge.bridges.bacnet.client import BacnetClient

                self._client = BacnetClient(self._config.address)
            for finding in look(self._client):
                self._over = finding.state == "fail"
                yield finding
        except ImportError:
            self._over = True
            yield _failed("bacpypes3 is not installed here", "pip install 'vad-edge[bacnet]'")
        except BridgeError as error:
            self._over = True
            yield _failed(f"{error.where}: {error.what}", error.fix or _LOG)

    def _meet(self, client: BacnetClient) -> Iterator[Finding]:
        device = client.find()
        if device is None:
            yield _failed(f"no device answers at {client.address}", _START)
            return
        name, wanted = client.name(self._number), f"{self._test.topics.camera} in alarm"
        if name != wanted:
            yield _failed(f"{self._number} of {device} is {name!r}, and not {wanted!r}", _START)
            return
        seen, _ = self._wait(client, lambda seen: seen.reliable and not seen.active)
        if seen is None:
            text = f"{self._number} of {device} stays in fault or alarm: {client.look(self._number).text}"
            yield _failed(text, "give device and bridge the same broker")
            return
        yield _found(f"{device} answers at {client.address}, {self._number} is quiet")

    def _alarm(self, client: BacnetClient, incident: str, said_s: float) -> Iterator[Finding]:
        seen, seen_s = self._wait(client, lambda seen: seen.active and incident in seen.text)
        if seen is None:
            yield _failed(f"{self._number} did not go into alarm within {self._test.arrive_s:g} s", _LOG)
            return
        yield _found(f"{self._number} is in alarm after {ms(seen_s - said_s)}: {seen.text}{self._told()}")
        asked_s = time.monotonic()
        shown_s = self._acknowledge(client, seen)
        if shown_s is None:
            yield _failed(_NOT_SHOWN, _LOG)
            return
        yield _found(f"acknowledged over BACnet after {ms(shown_s - asked_s)}")
        yield from self._passed_on(incident, asked_s)

    def _normal(self, client: BacnetClient, said_s: float) -> Iterator[Finding]:
        seen, seen_s = self._wait(client, lambda seen: not seen.active and seen.reliable)
        if seen is None:
            yield _failed(f"{self._number} is not normal again within {self._test.arrive_s:g} s", _LOG)
            return
        yield _found(f"{self._number} is normal again after {ms(seen_s - said_s)}")

    def _fault(self, client: BacnetClient, silent_s: float) -> Iterator[Finding]:
        seen, seen_s = self._wait(client, lambda seen: seen.state is EventState.FAULT)
        if seen is None:
            yield _failed(f"{self._number} shows no fault within {self._test.arrive_s:g} s", _LOG)
            return
        if self._acknowledge(client, seen) is None:
            yield _failed(_NOT_SHOWN, _LOG)
            return
        yield _found(f"{self._number} is in fault after {seen_s - silent_s:.1f} s: {seen.text}; acknowledged")

    def _told(self) -> str:
        recipients = ", ".join(self._config.recipients) if self._config is not None else ""
        return f"; told to {recipients}: look there" if recipients else "; it has no recipients"

    def _passed_on(self, incident: str, asked_s: float) -> Iterator[Finding]:
        """The acknowledgement as a command to the camera, and the camera's answer if it is running."""
        topics, listener = self._test.topics, self._test.listener

        def about_it(payload: bytes) -> bool:
            said = content(payload)
            return (said.get("command"), said.get("incident")) == ("acknowledge", incident)

        heard_s = listener.when(topics.command, about_it, self._test.arrive_s)
        if heard_s is None:
            fix = "allow the bridge's user to write it in the broker's ACL"
            yield _failed(f"the acknowledgement is not on {topics.command}", fix)
            return
        yield _found(f"the bridge has passed it on after {ms(heard_s - asked_s)}")
        if not (self._test.running and self._test.site.broker.commands):
            return
        answered_s = listener.when(
            topics.command_result,
            lambda payload: about_it(payload) and content(payload).get("ok") is True,
            self._test.arrive_s,
        )
        if answered_s is None:
            yield _failed(f"the device does not confirm it on {topics.command_result}", "look at its log")
            return
        yield _found(f"the device has confirmed it after {ms(answered_s - asked_s)}")

    def _acknowledge(self, client: BacnetClient, seen: AlarmState) -> float | None:
        """Acknowledge what was seen; when the device shows that of the same transition, None if never."""
        client.acknowledge(self._number, seen, BY)
        after, after_s = self._wait(
            client, lambda now: now.acknowledged and (now.state, now.stamp) == (seen.state, seen.stamp)
        )
        return None if after is None else after_s

    def _wait(
        self, client: BacnetClient, holds: Callable[[AlarmState], bool]
    ) -> tuple[AlarmState | None, float]:
        """What is seen once it `holds`, and when; None if it never does."""
        deadline_s = time.monotonic() + self._test.arrive_s
        while time.monotonic() < deadline_s:
            seen = client.look(self._number)
            if holds(seen):
                return seen, time.monotonic()
            time.sleep(POLL_S)
        return None, deadline_s


def _found(text: str) -> Finding:
    return Finding("bacnet", "ok", text)


def _failed(text: str, fix: str) -> Finding:
    return Finding("bacnet", "fail", text, fix)
