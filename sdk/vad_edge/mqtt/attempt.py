"""One attempt to reach a broker: in MQTT 5, and in 3.1.1 where that may be what it lacks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from paho.mqtt.enums import MQTTProtocolVersion

from vad_edge.errors import ConfigError
from vad_edge.mqtt.connection import Connection
from vad_edge.mqtt.problem import BrokerProblem


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of it: a connection that stands, or the problem; and the version to begin with next time."""

    connection: Connection | None
    problem: BrokerProblem | None
    protocol: MQTTProtocolVersion


def attempt(make: Callable[[MQTTProtocolVersion], Connection], protocol: MQTTProtocolVersion) -> Attempt:
    """Connect with `protocol`, and with MQTT 3.1.1 after a broker that MQTT 5 does not agree with.

    A broker that answers neither is tried in MQTT 5 again the next time, and so is one that was merely
    silent: it may just have been stuck, or out of reach. Blocks for some seconds.
    """
    newest = MQTTProtocolVersion.MQTTv5
    try:
        connection = make(protocol)
        problem = connection.open()
        if protocol is newest and connection.reached and _another_version_may_help(problem):
            silent = problem is not None and problem.cause == "silent"
            connection = make(MQTTProtocolVersion.MQTTv311)
            problem = connection.open()
            again = silent or _another_version_may_help(problem)
            protocol = newest if again else MQTTProtocolVersion.MQTTv311
    except ConfigError as error:  # a password or key file that has been there before
        return Attempt(None, BrokerProblem("credentials", str(error)), protocol)
    return Attempt(connection if problem is None else None, problem, protocol)


def _another_version_may_help(problem: BrokerProblem | None) -> bool:
    return problem is not None and problem.cause in ("protocol", "not_mqtt", "silent")
