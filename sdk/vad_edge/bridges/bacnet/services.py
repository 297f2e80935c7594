"""The alarm services of the BACnet device, which bacpypes3 leaves to its users."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Protocol

from bacpypes3.apdu import (
    AcknowledgeAlarmRequest,
    GetAlarmSummaryACK,
    GetAlarmSummaryRequest,
    GetEventInformationACK,
    GetEventInformationRequest,
    SimpleAckPDU,
)
from bacpypes3.app import Application
from bacpypes3.basetypes import (
    GetAlarmSummaryAlarmSummary,
    GetEventInformationEventSummary,
    ServicesSupported,
)
from bacpypes3.errors import ExecutionError, UnrecognizedService
from bacpypes3.primitivedata import ObjectIdentifier

from vad_edge.bridges.bacnet.alarm import Alarm, EventState
from vad_edge.bridges.bacnet.objects import bacnet_stamp

_log = logging.getLogger(__name__)

# As many summaries as surely fit into one unsegmented answer of 1,024 bytes.
_SUMMARIES = 12
_EXECUTED = (
    "acknowledgeAlarm",
    "getAlarmSummary",
    "getEventInformation",
    "subscribeCOV",
    "readProperty",
    "readPropertyMultiple",
    "readRange",
    "whoHas",
    "whoIs",
)


class AlarmRegister(Protocol):
    """Whoever keeps the alarms of the objects."""

    @property
    def alarms(self) -> Mapping[str, Alarm]:
        """The alarms by camera."""
        ...

    @property
    def by_object(self) -> Mapping[Any, str]:
        """The cameras by the identifiers of their event-initiating objects."""
        ...

    def acknowledge(self, camera: str, state: EventState, by: str) -> None:
        """An operator on the BACnet side has acknowledged."""
        ...


class AlarmApplication(Application):  # type: ignore[misc]
    """A BACnet application that lists the alarms of a register and passes acknowledgements on to it."""

    register: AlarmRegister
    priorities: tuple[int, int, int]

    def get_services_supported(self) -> ServicesSupported:
        """What is really executed; bacpypes3's own answer takes unconfirmed services for confirmed ones."""
        supported = ServicesSupported([])
        for name in _EXECUTED:
            supported[getattr(ServicesSupported, name)] = 1
        return supported

    async def do_WritePropertyMultipleRequest(self, request: Any) -> None:  # noqa: N802
        """Turn it down whole; bacpypes3 would leave the asker without an answer."""
        raise UnrecognizedService

    def cov_confirmation(self, cov: Any, future: asyncio.Future[Any]) -> None:
        """Note what became of a notification; bacpypes3 would raise where nothing catches it."""
        if not future.cancelled() and future.exception() is not None:
            _log.info("%s did not take a change of %s: %s", cov.client_addr, cov.obj_id, future.exception())

    async def do_AcknowledgeAlarmRequest(self, request: AcknowledgeAlarmRequest) -> None:  # noqa: N802
        """Take an acknowledgement of the last transition into a state; any other is refused."""
        camera = self.register.by_object.get(request.eventObjectIdentifier)
        if camera is None:
            if self.get_object_id(request.eventObjectIdentifier) is None:
                raise ExecutionError("object", "unknownObject")
            raise ExecutionError("services", "noAlarmConfigured")
        try:
            state = EventState(int(request.eventStateAcknowledged))
            stamp = self.register.alarms[camera].stamps[state.place]
        except ValueError:
            stamp = None
        if stamp is None:
            raise ExecutionError("services", "invalidEventState")
        if not _same(request.timeStamp, bacnet_stamp(stamp)):
            raise ExecutionError("services", "invalidTimeStamp")
        await self.response(SimpleAckPDU(context=request))
        self.register.acknowledge(camera, state, f"{request.acknowledgmentSource} at {request.pduSource}")

    async def do_GetEventInformationRequest(self, request: GetEventInformationRequest) -> None:  # noqa: N802
        """List what is not normal or not acknowledged, from behind the last object the asker has."""
        last = request.lastReceivedObjectIdentifier
        numbers = [number for number in self._noteworthy() if last is None or number > last]
        summaries = [self._event_summary(number) for number in numbers[:_SUMMARIES]]
        answer = GetEventInformationACK(
            listOfEventSummaries=summaries, moreEvents=len(numbers) > _SUMMARIES, context=request
        )
        await self.response(answer)

    async def do_GetAlarmSummaryRequest(self, request: GetAlarmSummaryRequest) -> None:  # noqa: N802
        """List what is not normal."""
        summaries = [
            GetAlarmSummaryAlarmSummary(
                objectIdentifier=number,
                alarmState=int(alarm.state),
                acknowledgedTransitions=[int(each) for each in alarm.acked],
            )
            for number, alarm in self._by_number()
            if alarm.state is not EventState.NORMAL
        ]
        await self.response(GetAlarmSummaryACK(listOfAlarmSummaries=summaries, context=request))

    def _by_number(self) -> list[tuple[ObjectIdentifier, Alarm]]:
        return [(number, self.register.alarms[camera]) for number, camera in self.register.by_object.items()]

    def _noteworthy(self) -> list[ObjectIdentifier]:
        return sorted(number for number, alarm in self._by_number() if not alarm.settled)

    def _event_summary(self, number: ObjectIdentifier) -> GetEventInformationEventSummary:
        each = self.get_object_id(number)
        return GetEventInformationEventSummary(
            objectIdentifier=number,
            eventState=each.eventState,
            acknowledgedTransitions=each.ackedTransitions,
            eventTimeStamps=list(each.eventTimeStamps),
            notifyType=each.notifyType,
            eventEnable=each.eventEnable,
            eventPriorities=list(self.priorities),
        )


def _same(given: Any, ours: Any) -> bool:
    if given.dateTime is None:
        return False
    return (given.dateTime.date, given.dateTime.time) == (ours.dateTime.date, ours.dateTime.time)
