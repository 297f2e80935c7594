"""One connection to a broker, from the first packet to the last; nothing of it survives into the next."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from vad_edge.config.site import BrokerConfig
from vad_edge.mqtt.address import BrokerAddress
from vad_edge.mqtt.identity import login_of, secure
from vad_edge.mqtt.messages import Label, PublishHandle
from vad_edge.mqtt.paced import PacedClient
from vad_edge.mqtt.problem import BrokerProblem, connect_failure, hung_up, lost, no_answer, refused

_log = logging.getLogger(__name__)

CONNACK_S = 5.0
MAXIMUM_PACKET_BYTES = 262_144
"""More than this we never want from a broker; MQTT 5 lets us say so."""

SESSION_S = 7 * 24 * 3600

_CONNECT_S = 5.0
_QUEUE_MESSAGES = 2000
IN_FLIGHT = 20
"""Messages without acknowledgement at a time, as Mosquitto has it by default."""

_CLOSE_S = 1.0


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker publishes when we vanish without a word."""

    topic: str
    payload: bytes
    retain: bool = True


def stop_network_thread(client: paho.Client) -> None:
    """Stop the thread that `loop_start` started and wait for its end.

    In place of paho's `loop_stop`, which reads the thread several times and raises AttributeError where the
    thread ends by itself in between.
    """
    thread = client._thread
    client._thread_terminate = True
    if thread is not None and thread is not threading.current_thread():
        thread.join()


class Connection:
    """A paho client that is used once, so that nothing old is ever sent on a new connection.

    paho would keep unacknowledged messages and send them again after an outage of any length; what has to
    outlive a connection is the business of the store. The callbacks run on the network thread: on_up when
    the broker has accepted us, on_subscribed with the topic and the broker's reason against it, or "".
    pace_s above 0 reads by `PacedClient`. window is how many messages may be unacknowledged; a broker that
    takes fewer says so when it accepts us, and the next connection has to keep to that (paho cannot change it
    on the way).
    """

    def __init__(
        self,
        broker: BrokerConfig,
        address: BrokerAddress,
        client_id: str,
        protocol: MQTTProtocolVersion,
        *,
        keepalive_s: int,
        window: int,
        will: Will | Callable[[], Will] | None,
        keep_session: bool,
        pace_s: float,
        on_up: Callable[[Connection], None],
        on_message: Callable[[str, bytes, bool], None],
        on_subscribed: Callable[[str, str], None],
    ) -> None:
        self.protocol = protocol
        self.window = window
        self.ended = threading.Event()
        self._address = address
        self._client_id = client_id
        self._certificate = broker.certificate_file is not None
        self._login = login_of(broker, address)
        self._keepalive_s = keepalive_s
        self._keep_session = keep_session
        self._pace_s = pace_s
        self._on_up, self._on_message, self._on_subscribed = on_up, on_message, on_subscribed
        self._answered = threading.Event()
        self._refusals: dict[int, str] = {}
        self._asked: dict[int, str] = {}
        self._problem: BrokerProblem | None = None
        self._last_word = ""
        self.reached = False
        self._up_s: float | None = None
        self._end_reason = ""
        self._will = will
        self._paho = self._new_paho(broker)
        # paho cannot stop its thread between making and starting it.
        self._loop = threading.Lock()
        self._closed = False

    def open(self) -> BrokerProblem | None:
        """Connect and wait for the broker's answer; None once it has accepted us. Blocks for some seconds."""
        will = self._will() if callable(self._will) else self._will
        if will is not None:
            self._paho.will_set(will.topic, will.payload, qos=1, retain=will.retain)
        try:
            self._paho.connect(
                self._address.host, self._address.port, keepalive=self._keepalive_s, **self._options()
            )
        except (OSError, ValueError, UnicodeError) as error:
            self.ended.set()
            self._release()
            return connect_failure(self._address, error)
        self.reached = True
        with self._loop:
            if self._closed:  # from outside, meanwhile
                return no_answer(self._address)
            self._paho.loop_start()
        if not self._answered.wait(CONNACK_S):
            self._problem = no_answer(self._address)
        if self._problem is not None:
            self.close()
        return self._problem

    def _options(self) -> dict[str, Any]:
        if self.protocol != MQTTProtocolVersion.MQTTv5:
            return {}
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.MaximumPacketSize = MAXIMUM_PACKET_BYTES
        if self._keep_session:
            properties.SessionExpiryInterval = SESSION_S
        return {"clean_start": not self._keep_session, "properties": properties}

    @property
    def lasted_s(self) -> float:
        """How long the broker has accepted us; 0 if it never did."""
        return 0.0 if self._up_s is None else time.monotonic() - self._up_s

    def publish(
        self, topic: str, payload: bytes, *, qos: int, retain: bool, label: Label | None
    ) -> PublishHandle:
        """Hand a message to the network thread."""
        five = self.protocol == MQTTProtocolVersion.MQTTv5 and label is not None
        properties = label.properties if five and label is not None else None
        info = self._paho.publish(topic, payload, qos, retain, properties)
        return PublishHandle(info, self._refusals, self.ended)

    def subscribe(self, topic: str, qos: int) -> None:
        """Ask for a topic; the answer goes to on_subscribed."""
        result, mid = self._paho.subscribe(topic, qos)
        if result == MQTTErrorCode.MQTT_ERR_SUCCESS and mid is not None:
            self._asked[mid] = topic

    def why_lost(self, short_lived: int) -> BrokerProblem:
        """Why a connection that stood has ended."""
        return lost(self._address, self._end_reason, client_id=self._client_id, short_lived=short_lived)

    def fall_silent(self) -> None:
        """Stop talking with the connection left open, as a device that hangs would."""
        self._paho.drop_out_messages()
        with self._loop:
            stop_network_thread(self._paho)

    def close(self) -> None:
        """Say goodbye, where that goes through at once, and end."""
        self._paho.disconnect()
        if not self.ended.wait(_CLOSE_S if self._up_s is not None else 0.0):
            sock = self._paho.socket()
            if isinstance(sock, socket.socket):
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
        self._paho.drop_out_messages()
        with self._loop:
            self._closed = True
            stop_network_thread(self._paho)
        self.ended.set()
        self._release()

    def _release(self) -> None:
        """Untie paho from us: it closes its last sockets once nothing refers to it."""
        client = self._paho
        client.on_connect = client.on_disconnect = client.on_message = None
        client.on_publish = client.on_subscribe = client.on_log = None
        if isinstance(client, PacedClient):
            client.on_plain = None

    def _new_paho(self, broker: BrokerConfig) -> paho.Client:
        kind = partial(PacedClient, pace_s=self._pace_s) if self._pace_s > 0 else paho.Client
        client = kind(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            clean_session=None if self.protocol == MQTTProtocolVersion.MQTTv5 else not self._keep_session,
            protocol=self.protocol,
            reconnect_on_failure=False,
        )
        secure(client, broker, self._address)
        client.connect_timeout = _CONNECT_S
        client.max_queued_messages_set(_QUEUE_MESSAGES)
        client.max_inflight_messages_set(self.window)
        client.on_connect = self._connack
        client.on_disconnect = self._disconnected
        client.on_message = self._message
        if isinstance(client, PacedClient):
            client.on_plain = self._plain
        client.on_publish = self._published
        client.on_subscribe = self._subscribed
        client.on_log = self._logged
        return client

    def _connack(
        self, client: paho.Client, userdata: Any, flags: Any, reason: ReasonCode, given: Properties | None
    ) -> None:
        client.on_log = None  # it costs something for every packet
        if reason.is_failure:
            self._problem = refused(self._address, str(reason), client_id=self._client_id, login=self._login)
        else:
            self.window = min(getattr(given, "ReceiveMaximum", self.window), self.window)
            self._up_s = time.monotonic()
            self._on_up(self)
        self._answered.set()

    def _disconnected(
        self, client: paho.Client, userdata: Any, flags: Any, reason: ReasonCode, given: Properties | None
    ) -> None:
        self._end_reason = str(reason)
        if not self._answered.is_set() and self._problem is None:
            self._problem = hung_up(self._address, self._last_word, certificate=self._certificate)
        self.ended.set()
        self._answered.set()

    def _published(
        self, client: paho.Client, userdata: Any, mid: int, reason: ReasonCode, given: Properties | None
    ) -> None:
        if reason.is_failure:
            self._refusals[mid] = str(reason)
        else:
            self._refusals.pop(mid, None)

    def _subscribed(
        self, client: paho.Client, userdata: Any, mid: int, reasons: list[ReasonCode], given: Any
    ) -> None:
        topic = self._asked.pop(mid, "")
        refusal = next((str(reason) for reason in reasons if reason.is_failure), "")
        self._on_subscribed(topic, refusal)

    def _plain(self, topic: str, payload: bytes, retained: bool) -> None:
        try:
            self._on_message(topic, payload, retained)
        except Exception:  # it would end the network thread, and with it everything we hear
            _log.exception("a message could not be dealt with")

    def _message(self, client: paho.Client, userdata: Any, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            return  # a topic that is no UTF-8 has no subscriber here
        self._plain(topic, bytes(message.payload), bool(message.retain))

    def _logged(self, client: paho.Client, userdata: Any, level: int, text: str) -> None:
        if "on socket" in text:
            self._last_word = text
