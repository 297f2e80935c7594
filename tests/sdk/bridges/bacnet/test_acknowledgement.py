"""Acknowledgements that come from elsewhere, or are wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytest.importorskip("bacpypes3")

from bacpypes3.apdu import ErrorRejectAbortNack
from tests.support.bacnet import IN_ALARM, RISK, Meet, act, meet, until

__all__ = ["meet"]


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

    act(story, speaker)


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

    act(story, speaker)
