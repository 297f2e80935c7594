from __future__ import annotations

from typing import Any, cast

import pytest
from paho.mqtt.enums import MQTTProtocolVersion

from vad_edge.mqtt.client import attempt
from vad_edge.mqtt.connection import Connection
from vad_edge.mqtt.problem import BrokerProblem, Cause

NEW, OLD = MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311


class Answering:
    """A connection to a broker that was reached and answers so."""

    reached = True

    def __init__(self, problem: BrokerProblem | None) -> None:
        self._problem = problem

    def open(self) -> BrokerProblem | None:
        return self._problem


@pytest.mark.parametrize(
    ("to_new", "to_old", "stands", "then"),
    [
        (None, None, True, NEW),
        ("protocol", None, True, OLD),
        ("not_mqtt", None, True, OLD),
        ("silent", None, True, NEW),  # a network that came back in between looks the same
        ("silent", "silent", False, NEW),
        ("protocol", "protocol", False, NEW),
        ("protocol", "credentials", False, OLD),
    ],
)
def test_the_version_to_begin_with_next_time(
    to_new: Cause | None, to_old: Cause | None, stands: bool, then: MQTTProtocolVersion
) -> None:
    answers = {NEW: to_new, OLD: to_old}

    def make(protocol: MQTTProtocolVersion) -> Connection:
        cause = answers[protocol]
        return cast(Any, Answering(BrokerProblem(cause, "text") if cause else None))

    tried = attempt(make, NEW)
    assert (tried.connection is not None, tried.protocol) == (stands, then)
