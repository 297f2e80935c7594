"""Cameras and brokers that are gone, as BACnet shows them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

pytest.importorskip("bacpypes3")

from tests.support.bacnet import IN_ALARM, LEVEL, RISK, Meet, act, holds, meet, until

__all__ = ["meet"]


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
            await until(lambda: holds(station, LEVEL, "status-flags", "out-of-service"), "the flag")
            assert str(await station.read(RISK, "reliability")) == "no-fault-detected"
            speaker.availability("door", "online")
            await until(lambda: len(station.notices) == 2, "the return")
            assert str(station.notices[1].toState) == "normal"

    act(story, speaker)


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

    act(story, speaker)


def test_a_broker_that_is_gone_for_a_moment_is_no_fault(meet: Meet, speaker: Any, mosquitto: Any) -> None:
    async def story() -> None:
        async with meet() as station:
            mosquitto.kill()
            await asyncio.to_thread(mosquitto.start)
            await until(lambda: speaker.client.connected, "the speaker to be back")
            await asyncio.sleep(2.0)
            speaker.state("door", "watch", "i-1")
            await until(lambda: holds(station, LEVEL, "present-value", "2"), "the level")
            assert station.notices == []

    act(story, speaker)
