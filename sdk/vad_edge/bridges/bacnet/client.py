"""A BACnet client that looks at our device from outside, one blocking question at a time."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from bacpypes3.apdu import AcknowledgeAlarmRequest, ErrorRejectAbortNack
from bacpypes3.app import Application
from bacpypes3.basetypes import TimeStamp
from bacpypes3.local.device import DeviceObject
from bacpypes3.local.networkport import NetworkPortObject
from bacpypes3.pdu import Address

from vad_edge.bridges.bacnet.alarm import EventState
from vad_edge.errors import BridgeError

ANSWER_S: Final = 3.0
_ANYONE: Final = 4194303
"""The instance of a device that is not configured yet: no other device on the network has it."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class AlarmState:
    """What a camera's binary value shows.

    text, stamp and acknowledged are those of the last transition into `state`; stamp is BACnet's own, which
    an acknowledgement has to carry.
    """

    active: bool
    state: EventState
    reliable: bool
    text: str
    stamp: Any
    acknowledged: bool


class BacnetClient:
    """Asks one device; to be closed. Raises BridgeError where the device's address cannot be reached."""

    def __init__(self, device: str) -> None:
        self.address = Address(device)
        self._loop = asyncio.new_event_loop()
        try:
            self._application = self._loop.run_until_complete(_application(_way_to(self.address)))
        except BaseException:
            self._loop.close()
            raise

    def find(self) -> str | None:
        """The device's identifier, such as ``device,1234``; None if none answers."""
        found = self._ask(lambda: self._application.who_is(address=self.address, timeout=ANSWER_S))
        return str(found[0].iAmDeviceIdentifier) if found else None

    def look(self, number: str) -> AlarmState:
        """A camera's binary value, by its identifier. Raises BridgeError if the device does not tell.

        It takes several questions: where the state has changed between them, all are asked again.
        """
        while (seen := self._look(number)).state is not self._state(number):
            pass
        return seen

    def name(self, number: str) -> str:
        """An object's name. Raises BridgeError if the device does not tell."""
        return str(self._read(number, "object-name"))

    def acknowledge(self, number: str, seen: AlarmState, by: str) -> None:
        """Acknowledge the transition that was seen. Raises BridgeError with the device's reason."""
        request = AcknowledgeAlarmRequest(
            acknowledgingProcessIdentifier=1,
            eventObjectIdentifier=number,
            eventStateAcknowledged=int(seen.state),
            timeStamp=seen.stamp,
            acknowledgmentSource=by,
            timeOfAcknowledgment=TimeStamp.as_dateTime(),
        )
        request.pduDestination = self.address
        self._ask(lambda: self._application.request(request))

    def close(self) -> None:
        """Leave the network."""
        self._application.close()
        self._loop.run_until_complete(_last_words())
        self._loop.close()

    def _look(self, number: str) -> AlarmState:
        state = self._state(number)
        return AlarmState(
            active=str(self._read(number, "present-value")) == "active",
            state=state,
            reliable=str(self._read(number, "reliability")) == "no-fault-detected",
            text=str(self._read(number, "event-message-texts")[state.place]),
            stamp=self._read(number, "event-time-stamps")[state.place],
            acknowledged=bool(self._read(number, "acked-transitions")[state.place]),
        )

    def _state(self, number: str) -> EventState:
        return EventState(int(self._read(number, "event-state")))

    def _read(self, number: str, name: str) -> Any:
        return self._ask(lambda: self._application.read_property(self.address, number, name))

    def _ask(self, question: Callable[[], Awaitable[_T]]) -> _T:
        async def asked() -> _T:
            return await asyncio.wait_for(question(), 2 * ANSWER_S)

        try:
            return self._loop.run_until_complete(asked())
        except (ErrorRejectAbortNack, asyncio.TimeoutError) as reason:
            what = str(reason) or "no answer"
            raise BridgeError(what, where=f"BACnet device at {self.address}") from None


async def _application(local: str) -> Any:
    station = DeviceObject(objectIdentifier=("device", _ANYONE), objectName="vad-edge alarm test")
    port = NetworkPortObject(f"{local}/32:0", objectIdentifier=("network-port", 1), objectName="BACnet/IP")
    return Application.from_object_list([station, port])


async def _last_words() -> None:
    """A turn of the loop, in which closed sockets go."""
    await asyncio.sleep(0)


def _way_to(address: Any) -> str:
    """The address of this machine from which packets to `address` go."""
    host, port = address.addrTuple
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((host, port))
        except OSError as error:
            raise BridgeError(
                f"{host} cannot be reached: {error.strerror}",
                where="bacnet.address",
                fix="run this on the bridge's machine, or on its network",
            ) from None
        return str(probe.getsockname()[0])
