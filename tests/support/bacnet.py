"""A BACnet workstation on loopback, for talking to our device from outside."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from bacpypes3.apdu import (
    AcknowledgeAlarmRequest,
    GetAlarmSummaryRequest,
    GetEventInformationRequest,
    SimpleAckPDU,
)
from bacpypes3.app import Application
from bacpypes3.basetypes import TimeStamp
from bacpypes3.local.device import DeviceObject
from bacpypes3.local.networkport import NetworkPortObject
from bacpypes3.pdu import Address

from vad_edge.bridges.bacnet.bridge import BacnetBridge
from vad_edge.config.bridges import BacnetConfig
from vad_edge.config.site import SiteConfig

IN_ALARM, RISK, LEVEL = "binary-value,1", "analog-value,1", "multi-state-value,1"

Meet = Callable[..., Any]


def free_udp_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Workstation(Application):  # type: ignore[misc]
    """Hears notifications and reads, writes and acknowledges; `device` is whom it talks to."""

    device: Address
    notices: list[Any]

    @classmethod
    def at(cls, port: int, device_port: int) -> Workstation:
        station: Workstation = cls.from_object_list(
            [
                DeviceObject(objectIdentifier=("device", 9), objectName="workstation"),
                NetworkPortObject(
                    f"127.0.0.1/24:{port}", objectIdentifier=("network-port", 1), objectName="port"
                ),
            ]
        )
        station.device = Address(f"127.0.0.1:{device_port}")
        station.notices = []
        return station

    async def do_ConfirmedEventNotificationRequest(self, notice: Any) -> None:  # noqa: N802
        self.notices.append(notice)
        await self.response(SimpleAckPDU(context=notice))

    async def do_UnconfirmedEventNotificationRequest(self, notice: Any) -> None:  # noqa: N802
        self.notices.append(notice)

    async def read(self, number: str, name: str) -> Any:
        return await asyncio.wait_for(self.read_property(self.device, number, name), 5)

    async def send(self, request: Any) -> Any:
        request.pduDestination = self.device
        return await asyncio.wait_for(self.request(request), 5)

    async def acknowledge(self, number: str, state: str, stamp: Any) -> Any:
        return await self.send(
            AcknowledgeAlarmRequest(
                acknowledgingProcessIdentifier=1,
                eventObjectIdentifier=number,
                eventStateAcknowledged=state,
                timeStamp=stamp,
                acknowledgmentSource="night porter",
                timeOfAcknowledgment=TimeStamp.as_dateTime(),
            )
        )

    async def event_information(self, **after: Any) -> Any:
        return await self.send(GetEventInformationRequest(**after))

    async def alarm_summary(self) -> Any:
        return await self.send(GetAlarmSummaryRequest())


async def until(condition: Callable[[], Any], what: str, timeout_s: float = 10.0) -> None:
    """Wait until `condition`, a function or coroutine function, holds."""
    deadline_s = asyncio.get_running_loop().time() + timeout_s
    while True:
        answer = condition()
        if isinstance(answer, Awaitable):
            answer = await answer
        if answer:
            return
        assert asyncio.get_running_loop().time() < deadline_s, f"waited {timeout_s} s for {what}"
        await asyncio.sleep(0.02)


@pytest.fixture
def meet(mosquitto: Any, speaker: Any, site: SiteConfig, tmp_path: Path) -> Meet:
    """A device whose cameras are both online and quiet, and a workstation beside it."""

    @asynccontextmanager
    async def meeting(quiet: bool = True, at: SiteConfig = site, **options: Any) -> Any:
        ours, theirs = free_udp_port(), free_udp_port()
        config = BacnetConfig(
            address=f"127.0.0.1/24:{ours}", instance=1234, recipients=(f"127.0.0.1:{theirs}",), **options
        )
        station = Workstation.at(theirs, ours)
        bridge = BacnetBridge(at, config, mosquitto.broker, tmp_path / "bacnet.json")
        stop = threading.Event()
        if quiet:
            for camera in ("door", "yard"):
                speaker.availability(camera, "online")
                speaker.state(camera, "normal", risk=0.5)
        running = asyncio.create_task(bridge.run(stop))
        try:
            if quiet:
                await until(
                    lambda: holds(station, "binary-value,2", "reliability", "no-fault-detected"), "quiet"
                )
            yield station
        finally:
            stop.set()
            await running
            station.close()

    return meeting


async def holds(station: Workstation, number: str, name: str, value: Any) -> bool:
    """Whether a property of an object has that value, in words."""
    return str(await station.read(number, name)) == value


def act(story: Callable[[], Awaitable[None]], speaker: Any) -> None:
    """Play a story in which `speaker` hears what is asked of the cameras."""
    speaker.connect("vad-edge/+/+/command")
    asyncio.run(story())
