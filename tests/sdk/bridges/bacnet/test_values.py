"""What a BACnet client reads and subscribes to, over loopback, with a real Mosquitto behind the device."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

pytest.importorskip("bacpypes3")

from bacpypes3.apdu import ErrorRejectAbortNack, WritePropertyMultipleRequest
from bacpypes3.basetypes import PropertyValue, WriteAccessSpecification
from bacpypes3.constructeddata import Any as AnyValue
from bacpypes3.primitivedata import ObjectIdentifier, Real
from tests.support.bacnet import IN_ALARM, LEVEL, RISK, Meet, act, holds, meet, until

__all__ = ["meet"]


def test_a_camera_is_three_values_that_follow_its_topics(meet: Meet, speaker: Any) -> None:
    async def story() -> None:
        async with meet() as station:
            assert await station.read("device,1234", "object-name") == "vad-edge"
            assert await station.read(LEVEL, "state-text") == ["normal", "watch", "warning", "alarm"]
            speaker.state("door", "warning", "i-1", risk=3.25)
            await until(lambda: holds(station, LEVEL, "present-value", "3"), "the level")
            assert await station.read(RISK, "present-value") == pytest.approx(3.25)
            assert str(await station.read(IN_ALARM, "present-value")) == "inactive"
            speaker.state("door", "alarm", "i-1", risk=4.25)
            await until(lambda: holds(station, IN_ALARM, "present-value", "active"), "the alarm")
            assert str(await station.read(IN_ALARM, "status-flags")) == "in-alarm"
            assert str(await station.read("binary-value,2", "present-value")) == "inactive"

    act(story, speaker)


def test_the_device_says_truly_which_services_and_objects_it_has(meet: Meet, speaker: Any) -> None:
    async def story() -> None:
        async with meet() as station:
            services = str(await station.read("device,1234", "protocol-services-supported"))
            assert {"acknowledge-alarm", "get-event-information", "subscribe-cov"} <= set(services.split(";"))
            assert "write-property" not in services
            assert "add-list-element" not in services
            types = str(await station.read("device,1234", "protocol-object-types-supported"))
            assert "binary-value" in types
            found = await station.who_is(1234, 1234, address=station.device)
            assert str(found[0].iAmDeviceIdentifier) == "device,1234"

    act(story, speaker)


def test_nothing_can_be_written_from_the_network(meet: Meet, speaker: Any) -> None:
    async def story() -> None:
        async with meet() as station:
            for number, name, value in (
                (IN_ALARM, "present-value", "active"),
                (RISK, "present-value", 9.0),
                (LEVEL, "present-value", 4),
                (IN_ALARM, "out-of-service", True),
                ("notification-class,1", "priority", [0, 0, 0]),
                ("device,1234", "object-name", "mine"),
                ("network-port,1", "bacnet-ip-udp-port", 1),
            ):
                with pytest.raises(ErrorRejectAbortNack, match="write-access-denied"):
                    await station.write_property(station.device, number, name, value)
            risk = PropertyValue(propertyIdentifier="present-value", value=AnyValue(Real(9.0)))
            many = WriteAccessSpecification(objectIdentifier=RISK, listOfProperties=[risk])
            with pytest.raises(ErrorRejectAbortNack, match="unrecognized-service"):
                await station.send(WritePropertyMultipleRequest(listOfWriteAccessSpecs=[many]))
            assert await station.read(RISK, "present-value") == pytest.approx(0.5)

    act(story, speaker)


def test_subscribers_hear_of_values_and_of_flags(meet: Meet, speaker: Any) -> None:
    async def story() -> None:
        async with meet(risk_increment=0.5) as station:
            heard: list[tuple[str, str]] = []

            async def listen(number: str) -> None:
                watched = ObjectIdentifier(number)
                async with station.change_of_value(station.device, watched, lifetime=60) as values:
                    while True:
                        name, value = await values.get_value()
                        heard.append((str(name), str(value)))

            listeners = [asyncio.create_task(listen(number)) for number in (RISK, LEVEL)]
            await until(lambda: len(heard) >= 4, "the first values")
            heard.clear()
            speaker.say("door", "risk", b"0.7")  # less than the increment
            speaker.say("door", "risk", b"2.0")
            await until(lambda: ("present-value", "2.0") in heard, "the risk")
            assert ("present-value", "0.7") not in heard
            speaker.state("door", "watch", "i-1")
            await until(lambda: ("present-value", "2") in heard, "the level")
            speaker.availability("door", "offline")
            await until(lambda: ("status-flags", "fault") in heard, "the fault flag")
            for listener in listeners:
                listener.cancel()
            await asyncio.gather(*listeners, return_exceptions=True)

    act(story, speaker)
