"""A real BACnet client talks to the device over loopback, a real Mosquitto stands behind it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("bacpypes3")

from bacpypes3.apdu import ErrorRejectAbortNack, WritePropertyMultipleRequest
from bacpypes3.basetypes import PropertyValue, WriteAccessSpecification
from bacpypes3.constructeddata import Any as AnyValue
from bacpypes3.primitivedata import ObjectIdentifier, Real
from tests.support.bacnet import Workstation, free_udp_port, until

from vad_edge.bridges.bacnet.bridge import BacnetBridge
from vad_edge.config.bridges import BacnetConfig
from vad_edge.config.site import CameraConfig, SiteConfig
from vad_edge.errors import ConfigError

IN_ALARM, RISK, LEVEL = "binary-value,1", "analog-value,1", "multi-state-value,1"

Meet = Callable[..., Any]


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
                    lambda: _is(station, "binary-value,2", "reliability", "no-fault-detected"), "quiet"
                )
            yield station
        finally:
            stop.set()
            await running
            station.close()

    return meeting


async def _is(station: Workstation, number: str, name: str, value: Any) -> bool:
    return str(await station.read(number, name)) == value


def _act(story: Callable[[], Awaitable[None]], speaker: Any) -> None:
    speaker.connect("vad-edge/+/+/command")
    asyncio.run(story())


def test_a_camera_is_three_values_that_follow_its_topics(meet: Meet, speaker: Any) -> None:
    async def story() -> None:
        async with meet() as station:
            assert await station.read("device,1234", "object-name") == "vad-edge"
            assert await station.read(LEVEL, "state-text") == ["normal", "watch", "warning", "alarm"]
            speaker.state("door", "warning", "i-1", risk=3.25)
            await until(lambda: _is(station, LEVEL, "present-value", "3"), "the level")
            assert await station.read(RISK, "present-value") == pytest.approx(3.25)
            assert str(await station.read(IN_ALARM, "present-value")) == "inactive"
            speaker.state("door", "alarm", "i-1", risk=4.25)
            await until(lambda: _is(station, IN_ALARM, "present-value", "active"), "the alarm")
            assert str(await station.read(IN_ALARM, "status-flags")) == "in-alarm"
            assert str(await station.read("binary-value,2", "present-value")) == "inactive"

    _act(story, speaker)


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

    _act(story, speaker)


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

    _act(story, speaker)


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

    _act(story, speaker)


def test_an_alarm_is_notified_listed_and_acknowledged_in_both_worlds(meet: Meet, speaker: Any) -> None:
    async def story() -> None:
        async with meet() as station:
            speaker.state("door", "alarm", "i-7", risk=4.0)
            await until(lambda: station.notices, "the notification")
            (notice,) = station.notices
            assert (str(notice.fromState), str(notice.toState)) == ("normal", "offnormal")
            assert notice.messageText == "door: alarm, risk 4.0, incident i-7"
            assert (notice.priority, bool(notice.ackRequired)) == (96, True)
            (summary,) = (await station.event_information()).listOfEventSummaries
            assert str(summary.objectIdentifier) == IN_ALARM
            assert str(summary.acknowledgedTransitions) == "to-fault;to-normal"
            await station.acknowledge(IN_ALARM, "offnormal", notice.timeStamp)
            topic = "vad-edge/shop/door/command"
            await until(lambda: speaker.on(topic), "the command")
            command = json.loads(speaker.on(topic)[0])
            assert (command["command"], command["incident"]) == ("acknowledge", "i-7")
            assert command["by"].startswith("bacnet: night porter at 127.0.0.1:")
            await until(lambda: len(station.notices) == 2, "the acknowledgement's notification")
            assert str(station.notices[1].notifyType) == "ack-notification"
            assert str(await station.read(IN_ALARM, "acked-transitions")) == "to-offnormal;to-fault;to-normal"
            (alarm,) = (await station.alarm_summary()).listOfAlarmSummaries
            assert str(alarm.alarmState) == "offnormal"
            speaker.state("door", "normal", risk=0.1)
            await until(lambda: len(station.notices) == 3, "the return to normal")
            assert not (await station.event_information()).listOfEventSummaries

    _act(story, speaker)


def test_an_acknowledgement_over_mqtt_is_one_in_bacnet(meet: Meet, speaker: Any) -> None:
    async def story() -> None:
        async with meet() as station:
            speaker.state("door", "alarm", "i-7", risk=4.0)
            await until(lambda: station.notices, "the notification")
            for incident in ("i-6", "i-7"):
                result = {"command": "acknowledge", "ok": True, "incident": incident}
                speaker.say("door", "command/result", json.dumps(result).encode())
            await until(lambda: len(station.notices) == 2, "the acknowledgement's notification")
            assert str(await station.read(IN_ALARM, "acked-transitions")) == "to-offnormal;to-fault;to-normal"
            assert speaker.on("vad-edge/shop/door/command") == []

    _act(story, speaker)


@pytest.mark.parametrize(
    ("number", "state", "reason"),
    [
        (IN_ALARM, "offnormal", "invalid-time-stamp"),
        (IN_ALARM, "high-limit", "invalid-event-state"),
        (IN_ALARM, "fault", "invalid-event-state"),
        (RISK, "offnormal", "no-alarm-configured"),
        ("binary-value,77", "offnormal", "unknown-object"),
    ],
)
def test_a_wrong_acknowledgement_is_refused_with_its_reason(
    meet: Meet, speaker: Any, number: str, state: str, reason: str
) -> None:
    async def story() -> None:
        async with meet() as station:
            speaker.state("door", "alarm", "i-7")
            await until(lambda: station.notices, "the notification")
            stamp = station.notices[0].timeStamp
            stamp.dateTime.time = (0, 0, 0, 0)
            with pytest.raises(ErrorRejectAbortNack, match=reason):
                await station.acknowledge(number, state, stamp)
            assert speaker.on("vad-edge/shop/door/command") == []

    _act(story, speaker)


def test_a_camera_that_dies_is_a_fault_and_one_that_is_stopped_is_out_of_service(
    meet: Meet, speaker: Any
) -> None:
    async def story() -> None:
        async with meet() as station:
            speaker.availability("door", "offline")
            await until(lambda: station.notices, "the fault")
            assert str(station.notices[0].toState) == "fault"
            assert str(station.notices[0].eventType) == "change-of-reliability"
            for number in (IN_ALARM, RISK, LEVEL):
                assert str(await station.read(number, "reliability")) == "communication-failure"
            speaker.availability("door", "stopped")
            await until(lambda: _is(station, LEVEL, "status-flags", "out-of-service"), "the flag")
            assert str(await station.read(RISK, "reliability")) == "no-fault-detected"
            speaker.availability("door", "online")
            await until(lambda: len(station.notices) == 2, "the return")
            assert str(station.notices[1].toState) == "normal"

    _act(story, speaker)


def test_a_broker_that_is_gone_makes_every_camera_a_fault_and_back_it_heals(
    meet: Meet, speaker: Any, mosquitto: Any
) -> None:
    async def story() -> None:
        async with meet() as station:
            mosquitto.kill()
            await until(lambda: len(station.notices) == 2, "two faults")
            assert {str(notice.toState) for notice in station.notices} == {"fault"}
            await asyncio.to_thread(mosquitto.start)
            await until(lambda: len(station.notices) == 4, "both back", timeout_s=20)
            assert {str(notice.toState) for notice in station.notices[2:]} == {"normal"}

    _act(story, speaker)


def test_a_broker_that_is_gone_for_a_moment_is_no_fault(meet: Meet, speaker: Any, mosquitto: Any) -> None:
    async def story() -> None:
        async with meet() as station:
            mosquitto.kill()
            await asyncio.to_thread(mosquitto.start)
            await until(lambda: speaker.client.connected, "the speaker to be back")
            await asyncio.sleep(2.0)
            speaker.state("door", "watch", "i-1")
            await until(lambda: _is(station, LEVEL, "present-value", "2"), "the level")
            assert station.notices == []

    _act(story, speaker)


def test_the_next_incident_is_announced_though_the_end_of_the_last_was_not_heard(
    meet: Meet, speaker: Any
) -> None:
    async def story() -> None:
        async with meet() as station:
            speaker.state("door", "alarm", "i-1")
            await until(lambda: station.notices, "the first")
            speaker.state("door", "alarm", "i-2")
            await until(lambda: len(station.notices) == 3, "the second")
            assert [str(notice.toState) for notice in station.notices] == ["offnormal", "normal", "offnormal"]
            assert station.notices[2].messageText.endswith("incident i-2")

    _act(story, speaker)


def test_a_restart_announces_no_alarm_twice_and_still_takes_its_acknowledgement(
    meet: Meet, speaker: Any
) -> None:
    async def story() -> None:
        async with meet() as station:
            speaker.state("door", "alarm", "i-7")
            await until(lambda: station.notices, "the notification")
            stamp = station.notices[0].timeStamp
        async with meet(quiet=False) as station:
            await until(lambda: _is(station, IN_ALARM, "event-state", "offnormal"), "the state")
            await until(lambda: _is(station, LEVEL, "present-value", "4"), "the level")
            await asyncio.sleep(1.0)
            assert station.notices == []
            await station.acknowledge(IN_ALARM, "offnormal", stamp)
            await until(lambda: speaker.on("vad-edge/shop/door/command"), "the command")

    _act(story, speaker)


def test_a_disarmed_camera_is_out_of_service_and_its_alarm_is_over(meet: Meet, speaker: Any) -> None:
    async def story() -> None:
        async with meet() as station:
            speaker.state("door", "alarm", "i-7")
            await until(lambda: station.notices, "the alarm")
            speaker.state("door", "normal", armed=False)
            await until(lambda: len(station.notices) == 2, "its end")
            assert str(station.notices[1].toState) == "normal"
            assert str(await station.read(LEVEL, "status-flags")) == "out-of-service"

    _act(story, speaker)


def test_a_test_alarm_says_that_it_is_one(meet: Meet, speaker: Any) -> None:
    async def story() -> None:
        async with meet() as station:
            speaker.state("door", "alarm", "i-7", test=True)
            await until(lambda: station.notices, "the alarm")
            assert station.notices[0].messageText.startswith("TEST, door: alarm")

    _act(story, speaker)


def test_many_alarms_are_listed_in_pages(meet: Meet, speaker: Any) -> None:
    cameras = SiteConfig(site="shop", camera=tuple(CameraConfig(name=f"c{number}") for number in range(30)))

    async def story() -> None:
        async with meet(quiet=False, at=cameras) as station:  # never heard of: thirty faults
            await until(lambda: len(station.notices) == 30, "thirty faults")
            listed: list[str] = []
            page = await station.event_information()
            while True:
                listed += [str(summary.objectIdentifier) for summary in page.listOfEventSummaries]
                if not page.moreEvents:
                    break
                page = await station.event_information(
                    lastReceivedObjectIdentifier=page.listOfEventSummaries[-1].objectIdentifier
                )
            assert listed == [f"binary-value,{number}" for number in range(1, 31)]

    _act(story, speaker)


def test_alarms_may_begin_at_a_lower_level(meet: Meet, speaker: Any) -> None:
    async def story() -> None:
        async with meet(alarm_from="watch") as station:
            speaker.state("door", "watch", "i-1")
            await until(lambda: station.notices, "the notification")
            assert str(station.notices[0].toState) == "offnormal"

    _act(story, speaker)


def test_a_foreign_device_registers_with_its_bbmd(meet: Meet, speaker: Any) -> None:
    from bacpypes3.app import Application
    from bacpypes3.basetypes import BDTEntry, IPMode
    from bacpypes3.local.device import DeviceObject
    from bacpypes3.local.networkport import NetworkPortObject

    async def story() -> None:
        place = f"127.0.0.1/24:{free_udp_port()}"
        port = NetworkPortObject(place, objectIdentifier=("network-port", 1), objectName="port")
        port.bacnetIPMode = IPMode.bbmd
        port.bbmdAcceptFDRegistrations = True
        port.bbmdForeignDeviceTable = []
        port.bbmdBroadcastDistributionTable = [BDTEntry(place)]
        device = DeviceObject(objectIdentifier=("device", 8), objectName="bbmd")
        bbmd = Application.from_object_list([device, port])
        link = next(iter(bbmd.link_layers.values()))
        async with meet(bbmd=place.replace("/24", ""), bbmd_ttl_s=60):
            await until(lambda: link.bbmdFDT, "the registration")
        assert int(link.bbmdFDT[0].fdTTL) == 60
        bbmd.close()

    _act(story, speaker)


def test_an_address_that_is_taken_is_said_at_once(site: SiteConfig, mosquitto: Any, tmp_path: Path) -> None:
    async def story() -> None:
        port = free_udp_port()
        station = Workstation.at(port, port)
        await asyncio.sleep(0.1)
        with pytest.raises(ConfigError, match=f"cannot listen on 127.0.0.1:{port}: Address already in use"):
            BacnetBridge(
                site,
                BacnetConfig(address=f"127.0.0.1/24:{port}", instance=1),
                mosquitto.broker,
                tmp_path / "bacnet.json",
            )
        station.close()

    asyncio.run(story())
