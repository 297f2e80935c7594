"""The one way to a broker: attempts in MQTT 5 and 3.1.1, and a connection that comes back by itself."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from paho.mqtt.enums import MQTTProtocolVersion

from vad_edge.common.retry import Backoff
from vad_edge.config.site import BrokerConfig
from vad_edge.errors import ConfigError
from vad_edge.mqtt.address import BrokerAddress, parse_broker
from vad_edge.mqtt.connection import IN_FLIGHT, Connection, Will
from vad_edge.mqtt.messages import Label, PublishHandle
from vad_edge.mqtt.problem import BrokerProblem, refused_topic


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


__all__ = ["MessageHandler", "MqttClient", "Will"]

_log = logging.getLogger(__name__)

MessageHandler = Callable[[str, bytes], None]

KEEPALIVE_S = 20
_FAREWELL_S = 2.0
_STOP_S = 3.0
_STEADY_S = 10.0
"""A connection that lasted so long was a good one: the next failure starts with the shortest delay."""


class MqttClient:
    """One connection to a broker at a time: MQTT 5, or 3.1.1 where the broker knows no better.

    Nothing here raises once constructed: what is wrong shows in `problem`, and is tried again, with
    scattered delays, until `stop`; `refused` holds what the broker's ACL forbids, by topic. A message is sent
    on the connection it was published on or not at all. on_message is called on the network thread;
    on_retained, where it is given, instead of it for what the broker had kept from before we subscribed. A
    will that is a function is asked before every connect. With keep_session the broker keeps what we miss
    for a week, under client_id, which must then stay the same. pace_s is how long the network thread may rest
    between two looks, for a client that hears much and says little.
    Raises ConfigError for a bad URL, an unreadable password, certificate, key or CA file.
    """

    def __init__(
        self,
        broker: BrokerConfig,
        *,
        client_id: str,
        will: Will | Callable[[], Will] | None = None,
        on_message: MessageHandler | None = None,
        on_retained: MessageHandler | None = None,
        keep_session: bool = False,
        reconnect_s: tuple[float, float] = (1.0, 60.0),
        keepalive_s: int = KEEPALIVE_S,
        pace_s: float = 0.0,
    ) -> None:
        self.address: BrokerAddress = parse_broker(broker.address)
        self.client_id = client_id
        self.on_message = on_message
        self.on_retained = on_retained
        self.problem: BrokerProblem | None = None
        self.refused: dict[str, BrokerProblem] = {}
        self._broker = broker
        self._will = will
        self._keep_session = keep_session
        self._keepalive_s = keepalive_s
        self._pace_s = pace_s
        self._backoff = Backoff(*reconnect_s)
        self._protocol = (
            MQTTProtocolVersion.MQTTv311 if self.address.old_protocol else MQTTProtocolVersion.MQTTv5
        )
        self._subscriptions: dict[str, int] = {}
        self._retained: dict[str, tuple[bytes, Label | None]] = {}
        self._connect_listeners: list[Callable[[], None]] = []
        self._lock = threading.RLock()
        self._answered = threading.Condition()
        self._unanswered = 0
        self._window = IN_FLIGHT
        self._connection: Connection | None = None
        self._online = threading.Event()
        self._stopping = threading.Event()
        self._silent = threading.Event()
        self._short_lived = 0
        self._logged = ""
        self._new_connection(self._protocol)  # what is wrong with the files shall be known now
        self._thread = threading.Thread(target=self._serve, name=f"mqtt-{client_id}", daemon=True)

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted us and the connection stands."""
        return self._online.is_set()

    @property
    def last_error(self) -> str:
        """`problem` as text, empty if there is none."""
        return str(self.problem or "")

    @property
    def protocol(self) -> MQTTProtocolVersion:
        """The MQTT version spoken, or tried next."""
        connection = self._connection
        return self._protocol if connection is None else connection.protocol

    def start(self) -> None:
        """Begin to connect, in the background."""
        self._thread.start()

    def wait_connected(self, timeout_s: float) -> bool:
        """Wait until connected; False after `timeout_s`, when `problem` says why."""
        return self._online.wait(timeout_s)

    def on_connected(self, listener: Callable[[], None]) -> None:
        """Call `listener` on the network thread after every connect; it must be quick."""
        self._connect_listeners.append(listener)

    def subscribe(self, topic: str, qos: int = 1) -> None:
        """Subscribe now and after every reconnect."""
        with self._lock:
            self._subscriptions[topic] = qos
            if self.connected and self._connection is not None:
                self._ask_for(self._connection, topic, qos)

    def wait_subscribed(self, timeout_s: float) -> bool:
        """Wait until connected and every subscription is answered; what is published then reaches us."""
        with self._answered:
            return self._answered.wait_for(lambda: self.connected and self._unanswered <= 0, timeout_s)

    def publish(
        self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False, label: Label | None = None
    ) -> PublishHandle:
        """Send a message without waiting; without a connection it is lost, as the handle says."""
        connection = self._connection
        if connection is None or not self.connected:
            return PublishHandle()
        return connection.publish(topic, payload, qos=qos, retain=retain, label=label)

    def set_retained(self, topic: str, payload: bytes, label: Label | None = None) -> None:
        """Publish retained, now and again after every reconnect with the newest payload."""
        with self._lock:
            self._retained[topic] = (payload, label)
            self.publish(topic, payload, retain=True, label=label)

    def republish(self) -> None:
        """Publish everything retained again, for someone who has just come."""
        with self._lock:
            for topic, (payload, label) in self._retained.items():
                self.publish(topic, payload, retain=True, label=label)

    def forbidden(self, what: str, topic: str, reason: str) -> None:
        """Note that the broker turned something down on a connection that stands."""
        known = self.refused.get(topic)
        self.refused[topic] = refused_topic(self.address, what, topic, reason)
        if known is None:
            _log.warning("%s", self.refused[topic])

    def permitted(self, topic: str) -> None:
        """Note that what was turned down before goes through now."""
        self.refused.pop(topic, None)

    def stop(self, farewell: Sequence[tuple[str, bytes, bool]] = ()) -> None:
        """Send the farewell messages, wait a bounded time until they arrived, disconnect.

        A clean disconnect keeps the will unsent. Safe to call twice.
        """
        if self._stopping.is_set():
            return
        deadline_s = time.monotonic() + _FAREWELL_S
        with self._lock:
            for topic, _, _ in farewell:
                self._retained.pop(topic, None)
        for handle in [self.publish(topic, load, qos=1, retain=retain) for topic, load, retain in farewell]:
            handle.wait(deadline_s - time.monotonic())
        self._stopping.set()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
        if self._thread.is_alive():
            self._thread.join(_STOP_S)
        self._online.clear()

    def fall_silent(self) -> None:
        """Hang without a word, for a test that a missed heartbeat is noticed; `stop` is all that is left."""
        self._silent.set()
        if self._connection is not None:
            self._connection.fall_silent()

    def _serve(self) -> None:
        """Connect, stay until the connection ends, wait, try again."""
        while not self._stopping.is_set():
            tried = attempt(self._new_connection, self._protocol)
            self._protocol = tried.protocol
            if tried.problem is not None:
                self._failed(tried.problem)
            if tried.connection is not None:
                if self._stopping.is_set():
                    tried.connection.close()
                tried.connection.ended.wait()
                if self._silent.is_set():
                    return
                self._ended(tried.connection)
            self._stopping.wait(self._backoff.next_s())

    def _ended(self, connection: Connection) -> None:
        self._online.clear()
        if connection.lasted_s >= _STEADY_S:
            self._short_lived = 0
            self._backoff.reset()
        else:
            self._short_lived += 1
        connection.close()
        self._connection = None
        if not self._stopping.is_set():
            self._failed(connection.why_lost(self._short_lived))

    def _new_connection(self, protocol: MQTTProtocolVersion) -> Connection:
        """A connection yet to be opened, which `stop` can end while it is."""
        self._connection = Connection(
            self._broker,
            self.address,
            self.client_id,
            protocol,
            keepalive_s=self._keepalive_s,
            window=self._window,
            will=self._will,
            keep_session=self._keep_session,
            pace_s=self._pace_s,
            on_up=self._up,
            on_message=self._message,
            on_subscribed=self._subscribed,
        )
        return self._connection

    def _up(self, connection: Connection) -> None:
        with self._lock:
            self._window = connection.window
            self.problem = None
            if self._short_lived == 0:  # else it would be said again at every turn
                self._logged = ""
            self._unanswered = 0
            self.refused.clear()
            for topic, qos in self._subscriptions.items():
                self._ask_for(connection, topic, qos)
            self._online.set()
            self.republish()
        with self._answered:
            self._answered.notify_all()
        _log.info("connected to broker %s", self.address)
        for listener in self._connect_listeners:
            listener()

    def _ask_for(self, connection: Connection, topic: str, qos: int) -> None:
        with self._answered:
            self._unanswered += 1
        connection.subscribe(topic, qos)

    def _subscribed(self, topic: str, refusal: str) -> None:
        if refusal:
            self.forbidden("the subscription to", topic, refusal)
        with self._answered:
            self._unanswered -= 1
            self._answered.notify_all()

    def _message(self, topic: str, payload: bytes, retained: bool) -> None:
        handler = self.on_retained if retained and self.on_retained is not None else self.on_message
        if handler is not None:
            handler(topic, payload)

    def _failed(self, problem: BrokerProblem) -> None:
        self.problem = problem
        if str(problem) != self._logged:
            self._logged = str(problem)
            _log.warning("%s (trying again until it works)", problem)
