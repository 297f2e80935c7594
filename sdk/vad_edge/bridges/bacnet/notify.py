"""Event notifications to the recipients of the notification class."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime
from typing import Any

from bacpypes3.apdu import (
    ConfirmedEventNotificationRequest,
    ErrorRejectAbortNack,
    UnconfirmedEventNotificationRequest,
)
from bacpypes3.app import Application
from bacpypes3.basetypes import (
    Destination,
    DeviceAddress,
    NotificationParameters,
    NotificationParametersChangeOfReliabilityType,
    NotificationParametersChangeOfState,
    PropertyStates,
    PropertyValue,
    Recipient,
)
from bacpypes3.constructeddata import Any as AnyValue
from bacpypes3.pdu import Address, LocalBroadcast

from vad_edge.bridges.bacnet.alarm import ACK_REQUIRED, EventState
from vad_edge.bridges.bacnet.objects import InAlarm, bacnet_stamp
from vad_edge.config.bridges import BacnetConfig

_log = logging.getLogger(__name__)

_ALWAYS = {
    "validDays": [1] * 7,
    "fromTime": (0, 0, 0, 0),
    "toTime": (23, 59, 59, 99),
    "transitions": [1, 1, 1],
}


def destinations(config: BacnetConfig) -> list[Destination]:
    """The recipients as the notification class lists them."""
    return [
        Destination(
            recipient=Recipient(
                address=DeviceAddress(networkNumber=0, macAddress=b"")
                if recipient == "broadcast"
                else DeviceAddress(Address(recipient))
            ),
            processIdentifier=config.process_id,
            issueConfirmedNotifications=config.confirmed and recipient != "broadcast",
            **_ALWAYS,
        )
        for recipient in config.recipients
    ]


class Notifier:
    """Sends one notification to every recipient, without waiting for them."""

    def __init__(self, application: Application, config: BacnetConfig) -> None:
        self._application = application
        self._config = config
        self._sending: set[asyncio.Task[None]] = set()

    def transition(self, each: InAlarm, before: EventState, state: EventState, time: datetime) -> None:
        """Announce that `each` went from `before` to `state`."""
        fault = EventState.FAULT in (before, state)
        self._send(
            each,
            state,
            time,
            eventType="change-of-reliability" if fault else "change-of-state",
            messageText=each.eventMessageTexts[state.place],
            notifyType="alarm",
            ackRequired=ACK_REQUIRED[state.place],
            fromState=int(before),
            eventValues=_reliability(each) if fault else _state(each),
        )

    def acknowledgement(self, each: InAlarm, state: EventState, time: datetime, by: str) -> None:
        """Announce that the last transition of `each` into `state` was acknowledged."""
        fault = state is EventState.FAULT
        self._send(
            each,
            state,
            time,
            eventType="change-of-reliability" if fault else "change-of-state",
            messageText=by,
            notifyType="ack-notification",
        )

    def _send(self, each: InAlarm, state: EventState, time: datetime, **parameters: Any) -> None:
        for recipient in self._config.recipients:
            broadcast = recipient == "broadcast"
            confirmed = self._config.confirmed and not broadcast
            kind = ConfirmedEventNotificationRequest if confirmed else UnconfirmedEventNotificationRequest
            request = kind(
                processIdentifier=self._config.process_id,
                initiatingDeviceIdentifier=self._application.device_object.objectIdentifier,
                eventObjectIdentifier=each.objectIdentifier,
                timeStamp=bacnet_stamp(time),
                notificationClass=self._config.notification_class,
                priority=self._config.priorities[state.place],
                toState=int(state),
                **parameters,
            )
            request.pduDestination = LocalBroadcast() if broadcast else Address(recipient)
            task = asyncio.ensure_future(self._deliver(request, recipient))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _deliver(self, request: Any, recipient: str) -> None:
        try:
            await self._application.request(request)
        except ErrorRejectAbortNack as reason:
            # It stays in the event information, where an operator's station finds it.
            _log.warning("BACnet recipient %s did not take a notification: %s", recipient, reason)


def _state(each: InAlarm) -> NotificationParameters:
    return NotificationParameters(
        changeOfState=NotificationParametersChangeOfState(
            newState=PropertyStates(binaryValue=each.presentValue), statusFlags=each.statusFlags
        )
    )


def _reliability(each: InAlarm) -> NotificationParameters:
    value = PropertyValue(propertyIdentifier="present-value", value=AnyValue(each.presentValue))
    return NotificationParameters(
        changeOfReliability=NotificationParametersChangeOfReliabilityType(
            reliability=each.reliability, statusFlags=each.statusFlags, propertyValues=[value]
        )
    )
