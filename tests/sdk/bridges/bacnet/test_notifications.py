"""Alarms as a BACnet client is told of them, over loopback, with a real Mosquitto behind the device."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

pytest.importorskip("bacpypes3")

from tests.support.bacnet import IN_ALARM, LEVEL, Meet, act, holds, meet, until

from vad_edge.config.site import CameraConfig, SiteConfig

__all__ = ["meet"]


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

    act(story, speaker)


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

    act(story, speaker)


def test_a_restart_announces_no_alarm_twice_and_still_takes_its_acknowledgement(
    meet: Meet, speaker: Any
) -> None:
    async def story() -> None:
        async with meet() as station:
            speaker.state("door", "alarm", "i-7")
            await until(lambda: station.notices, "the notification")
            stamp = station.notices[0].timeStamp
        async with meet(quiet=False) as station:
            await until(lambda: holds(station, IN_ALARM, "event-state", "offnormal"), "the state")
            await until(lambda: holds(station, LEVEL, "present-value", "4"), "the level")
            await asyncio.sleep(1.0)
            assert station.notices == []
            await station.acknowledge(IN_ALARM, "offnormal", stamp)
            await until(lambda: speaker.on("vad-edge/shop/door/command"), "the command")

    act(story, speaker)


def test_a_disarmed_camera_is_out_of_service_and_its_alarm_is_over(meet: Meet, speaker: Any) -> None:
    async def story() -> None:
        async with meet() as station:
            speaker.state("door", "alarm", "i-7")
            await until(lambda: station.notices, "the alarm")
            speaker.state("door", "normal", armed=False)
            await until(lambda: len(station.notices) == 2, "its end")
            assert str(station.notices[1].toState) == "normal"
            assert str(await station.read(LEVEL, "status-flags")) == "out-of-service"

    act(story, speaker)


def test_a_test_alarm_says_that_it_is_one(meet: Meet, speaker: Any) -> None:
    async def story() -> None:
        async with meet() as station:
            speaker.state("door", "alarm", "i-7", test=True)
            await until(lambda: station.notices, "the alarm")
            assert station.notices[0].messageText.startswith("TEST, door: alarm")

    act(story, speaker)


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

    act(story, speaker)


def test_alarms_may_begin_at_a_lower_level(meet: Meet, speaker: Any) -> None:
    async def story() -> None:
        async with meet(alarm_from="watch") as station:
            speaker.state("door", "watch", "i-1")
            await until(lambda: station.notices, "the notification")
            assert str(station.notices[0].toState) == "offnormal"

    act(story, speaker)
