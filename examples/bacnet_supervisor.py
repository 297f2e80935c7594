"""A small BACnet workstation: shows what `vad-edge bridge bacnet` says, and acknowledges alarms.

    pip install 'vad-edge[bacnet]'
    python examples/bacnet_supervisor.py --listen 192.0.2.20/24 --device 192.0.2.5

The device must name this station in its table, recipients = ["192.0.2.20"], or no alarm is notified.
"""

from __future__ import annotations

import asyncio
from typing import Any

import click
from bacpypes3.apdu import AcknowledgeAlarmRequest, ErrorRejectAbortNack, SimpleAckPDU
from bacpypes3.app import Application
from bacpypes3.basetypes import TimeStamp
from bacpypes3.local.device import DeviceObject
from bacpypes3.local.networkport import NetworkPortObject
from bacpypes3.pdu import Address

SHOWN = ("binary-value", "analog-value", "multi-state-value")
RENEW_S = 300


class Supervisor(Application):  # type: ignore[misc]
    """Hears of alarms; acknowledges them as `operator` where one is given."""

    device: Address
    operator: str | None

    async def do_ConfirmedEventNotificationRequest(self, notice: Any) -> None:  # noqa: N802
        """An alarm that asks for a receipt."""
        await self.response(SimpleAckPDU(context=notice))
        await self.noticed(notice)

    async def do_UnconfirmedEventNotificationRequest(self, notice: Any) -> None:  # noqa: N802
        """An alarm that asks for none."""
        await self.noticed(notice)

    async def noticed(self, notice: Any) -> None:
        """Show a notification, and acknowledge it where that is asked for and the operator does."""
        click.echo(
            f"{notice.notifyType} {notice.eventObjectIdentifier} to {notice.toState},"
            f" priority {notice.priority}: {notice.messageText}"
        )
        if self.operator is not None and notice.ackRequired:
            request = AcknowledgeAlarmRequest(
                acknowledgingProcessIdentifier=notice.processIdentifier,
                eventObjectIdentifier=notice.eventObjectIdentifier,
                eventStateAcknowledged=notice.toState,
                timeStamp=notice.timeStamp,
                acknowledgmentSource=self.operator,
                timeOfAcknowledgment=TimeStamp.as_dateTime(),
            )
            request.pduDestination = self.device
            await self.request(request)

    async def watch(self, number: Any, name: str) -> None:
        """Show a value now and whenever it changes."""
        async with self.change_of_value(self.device, number, lifetime=RENEW_S) as changes:
            while True:
                what, value = await changes.get_value()
                click.echo(f"{name}: {what} {value}")


async def supervise(listen: str, device: str, operator: str | None) -> None:
    """Find the device's values and follow them until interrupted."""
    port = NetworkPortObject(listen, objectIdentifier=("network-port", 1), objectName="BACnet/IP")
    station = DeviceObject(objectIdentifier=("device", 4194302), objectName="supervisor")
    supervisor = Supervisor.from_object_list([station, port])
    supervisor.device, supervisor.operator = Address(device), operator
    try:
        (found,) = await supervisor.who_is(address=supervisor.device) or [None]
        if found is None:
            raise click.ClickException(f"no BACnet device answers at {device}")
        numbers = await supervisor.read_property(supervisor.device, found.iAmDeviceIdentifier, "object-list")
        watches = []
        for number in numbers:
            if str(number[0]) in SHOWN:
                name = await supervisor.read_property(supervisor.device, number, "object-name")
                watches.append(supervisor.watch(number, str(name)))
        await asyncio.gather(*watches)
    except ErrorRejectAbortNack as reason:
        raise click.ClickException(f"{device} refused: {reason}") from None
    finally:
        supervisor.close()


@click.command()
@click.option(
    "--listen", required=True, help="Our own address, such as 192.0.2.20/24, with :port if not 47808."
)
@click.option("--device", required=True, help="The address of `vad-edge bridge bacnet`.")
@click.option("--acknowledge-as", metavar="NAME", help="Acknowledge every alarm as this person.")
def main(listen: str, device: str, acknowledge_as: str | None) -> None:
    """Show the cameras' values and alarms as they change."""
    asyncio.run(supervise(listen, device, acknowledge_as))


if __name__ == "__main__":
    main()
