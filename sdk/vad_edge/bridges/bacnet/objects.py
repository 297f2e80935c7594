"""The three BACnet objects of a camera: in alarm, risk, level."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from bacpypes3.basetypes import DateTime, ObjectTypesSupported, Reliability, TimeStamp
from bacpypes3.errors import PropertyError
from bacpypes3.local.analog import AnalogValueObject
from bacpypes3.local.binary import BinaryValueObject
from bacpypes3.local.cov import GenericCriteria
from bacpypes3.local.device import DeviceObject
from bacpypes3.local.multistate import MultiStateValueObject
from bacpypes3.local.networkport import NetworkPortObject
from bacpypes3.object import NotificationClassObject

from vad_edge.bridges.bacnet.alarm import ACK_REQUIRED, Alarm
from vad_edge.bridges.camera_view import CameraView
from vad_edge.config.bridges import BacnetConfig
from vad_edge.fusion.machine import Level

_NEVER = DateTime(date=(255, 255, 255, 255), time=(255, 255, 255, 255))


class ReadOnly:
    """Refuses every write from the network: what the cameras see is not for others to set."""

    async def write_property(self, *_: Any, **__: Any) -> None:
        """Refuse."""
        raise PropertyError("writeAccessDenied")


class Device(ReadOnly, DeviceObject):  # type: ignore[misc]
    """The device object."""

    @property
    def protocolObjectTypesSupported(self) -> ObjectTypesSupported:  # noqa: N802
        """The types of the device's own objects; bacpypes3 says none."""
        supported = ObjectTypesSupported([])
        for number in self._app.objectIdentifier:
            supported[int(number[0])] = 1
        return supported

    @protocolObjectTypesSupported.setter
    def protocolObjectTypesSupported(self, value: Any) -> None:  # noqa: N802
        """Ignored: bacpypes3 sets every property once."""


class Port(ReadOnly, NetworkPortObject):  # type: ignore[misc]
    """Where the device listens."""


class NotificationClass(ReadOnly, NotificationClassObject):  # type: ignore[misc]
    """Who hears of transitions, and how urgent they are."""


class InAlarm(ReadOnly, BinaryValueObject):  # type: ignore[misc]
    """Whether a camera is in alarm."""


class CurrentRisk(ReadOnly, AnalogValueObject):  # type: ignore[misc]
    """A camera's risk."""


class CurrentLevel(ReadOnly, MultiStateValueObject):  # type: ignore[misc]
    """A camera's level, from 1 on."""

    _cov_criteria = GenericCriteria  # bacpypes3 asks for a covIncrement here, which this type has not


class CameraObjects:
    """The objects of one camera under one instance number, brought up to date from its view and alarm."""

    def __init__(self, number: int, camera: str, config: BacnetConfig) -> None:
        self.camera = camera
        self._alarm_from = Level[config.alarm_from.upper()]
        common = {"statusFlags": [0, 0, 0, 0], "eventState": "normal", "outOfService": False}
        self.in_alarm = InAlarm(
            objectIdentifier=("binary-value", number),
            objectName=f"{camera} in alarm",
            description=f"{camera}: level at or above {config.alarm_from}",
            presentValue="inactive",
            inactiveText="normal",
            activeText="alarm",
            reliability="communication-failure",
            notificationClass=config.notification_class,
            alarmValue="active",
            timeDelay=0,
            notifyType="alarm",
            eventEnable=[1, 1, 1],
            ackedTransitions=[1, 1, 1],
            eventTimeStamps=[bacnet_stamp(None)] * 3,
            eventMessageTexts=["", "", ""],
            eventDetectionEnable=True,
            **common,
        )
        self.risk = CurrentRisk(
            objectIdentifier=("analog-value", number),
            objectName=f"{camera} risk",
            description=f"{camera}: -log10 of the chance that this is normal",
            presentValue=0.0,
            units="no-units",
            covIncrement=config.risk_increment,
            reliability="communication-failure",
            **common,
        )
        self.level = CurrentLevel(
            objectIdentifier=("multi-state-value", number),
            objectName=f"{camera} level",
            description=f"{camera}: warning level",
            presentValue=1,
            numberOfStates=len(Level),
            stateText=[str(level) for level in Level],
            reliability="communication-failure",
            **common,
        )

    @property
    def all(self) -> list[Any]:
        """The three of them."""
        return [self.in_alarm, self.risk, self.level]

    def is_active(self, view: CameraView) -> bool:
        """Whether a camera with this view is in alarm."""
        return view.level >= self._alarm_from

    def show_view(self, view: CameraView) -> None:
        """Present values and whether they can be relied on."""
        values = ("active" if self.is_active(view) else "inactive", view.risk, view.level + 1)
        faulty = view.availability == "offline"
        for each, value in zip(self.all, values, strict=True):
            with _status(each):
                each.reliability = Reliability("communication-failure" if faulty else "no-fault-detected")
                each.outOfService = view.availability == "stopped" or not view.armed
                each.presentValue = value

    def show_alarm(self, alarm: Alarm) -> None:
        """The event state and what belongs to it."""
        with _status(self.in_alarm):
            self.in_alarm.eventState = int(alarm.state)
            self.in_alarm.ackedTransitions = [int(each) for each in alarm.acked]
            self.in_alarm.eventTimeStamps = [bacnet_stamp(each) for each in alarm.stamps]
            self.in_alarm.eventMessageTexts = list(alarm.texts)


def notification_class(config: BacnetConfig, recipients: list[Any]) -> Any:
    """The notification class object of the device."""
    return NotificationClass(
        objectIdentifier=("notification-class", config.notification_class),
        objectName="camera alarms",
        notificationClass=config.notification_class,
        priority=list(config.priorities),
        ackRequired=[int(each) for each in ACK_REQUIRED],
        recipientList=recipients,
    )


def bacnet_stamp(time: datetime | None) -> Any:
    """A time as BACnet stamps it, in local time to a hundredth of a second; unspecified for None."""
    return TimeStamp(dateTime=_NEVER if time is None else DateTime(time.astimezone()))


@contextmanager
def _status(each: Any) -> Iterator[None]:
    """Tell subscribers of status flags that change: bacpypes3 computes them and does not notify."""
    before = each.statusFlags
    yield
    if (after := each.statusFlags) != before:
        for listener in each._property_monitors["statusFlags"]:
            listener(before, after)
