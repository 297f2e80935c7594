"""The one wrapper around paho: a connection that keeps coming back by itself."""

from __future__ import annotations

import contextlib
import logging
import random
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from vad_edge.config.site import BrokerConfig
from vad_edge.mqtt.address import BrokerAddress, parse_broker
from vad_edge.mqtt.failure import connect_failure
from vad_edge.mqtt.handle import PublishHandle
from vad_edge.mqtt.identity import secure

_log = logging.getLogger(__name__)

MessageHandler = Callable[[str, bytes], None]

_KEEPALIVE_S = 20
_CONNACK_S = 5.0
_QUEUE_MESSAGES = 1000
_FAREWELL_S = 2.0
_SESSION_S = 7 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker publishes when we vanish without a word."""

    topic: str
    payload: bytes
    retain: bool = True


class MqttClient:
    """One connection to a broker: MQTT 5, or 3.1.1 where the broker knows no better.

    Nothing here raises once constructed: an unreachable broker shows in `connected` and `last_error`, and
    is tried again, with random delays, until `stop`. on_message is called on the network thread; a QoS 1
    message is acknowledged when it returns. A will that is a function is asked before every connect. With
    keep_session the broker keeps what we miss for a week, under client_id, which must then stay the same.
    Raises ConfigError for a bad URL, an unreadable password or CA file.
    """

    def __init__(
        self,
        broker: BrokerConfig,
        *,
        client_id: str,
        will: Will | Callable[[], Will] | None = None,
        on_message: MessageHandler | None = None,
        keep_session: bool = False,
        reconnect_s: tuple[float, float] = (1.0, 60.0),
    ) -> None:
        self.address: BrokerAddress = parse_broker(broker.url)
        self.last_error = ""
        self._broker = broker
        self._client_id = client_id
        self._will = will
        self._keep_session = keep_session
        self.on_message = on_message
        self._delays_s = (reconnect_s[0] * random.uniform(0.5, 1.5), reconnect_s[1] * random.uniform(0.5, 1))
        self._subscriptions: dict[str, int] = {}
        self._retained: dict[str, bytes] = {}
        self._connect_listeners: list[Callable[[], None]] = []
        self._refusals: dict[int, str] = {}
        self._unanswered = 0
        self._ever_connected = False
        self._connack_came = False
        self._lock = threading.RLock()
        self._answered = threading.Condition()
        self._online = threading.Event()
        self._stopping = threading.Event()
        self._connack_timer: threading.Timer | None = None
        self._logged_error = ""
        self._paho = self._new_paho(
            MQTTProtocolVersion.MQTTv311 if self.address.old_protocol else MQTTProtocolVersion.MQTTv5
        )

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted us and the connection stands."""
        return self._online.is_set()

    @property
    def protocol(self) -> MQTTProtocolVersion:
        """The MQTT version spoken, or tried."""
        return self._paho.protocol

    def start(self) -> None:
        """Begin to connect, in the background."""
        session: dict[str, Any] = {}
        if self._keep_session and self.protocol == MQTTProtocolVersion.MQTTv5:
            kept = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            kept.SessionExpiryInterval = _SESSION_S
            session = {"clean_start": False, "properties": kept}
        self._paho.connect_async(self.address.host, self.address.port, keepalive=_KEEPALIVE_S, **session)
        self._paho.loop_start()

    def wait_connected(self, timeout_s: float) -> bool:
        """Wait until connected; False after `timeout_s`, when `last_error` says why."""
        return self._online.wait(timeout_s)

    def on_connected(self, listener: Callable[[], None]) -> None:
        """Call `listener` on the network thread after every connect; it must be quick."""
        self._connect_listeners.append(listener)

    def subscribe(self, topic: str, qos: int = 1) -> None:
        """Subscribe now and after every reconnect."""
        with self._lock:
            self._subscriptions[topic] = qos
            if self.connected:
                self._ask_for(self._paho, topic, qos)

    def wait_subscribed(self, timeout_s: float) -> bool:
        """Wait until connected and every subscription is answered; what is published then reaches us."""
        with self._answered:
            return self._answered.wait_for(lambda: self.connected and self._unanswered <= 0, timeout_s)

    def publish(self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False) -> PublishHandle:
        """Send a message without waiting; while there is no connection it is lost, as the handle says.

        A QoS 1 message whose connection breaks before the acknowledgement is sent again by itself.
        """
        if not self.connected:
            return PublishHandle(None, self._refusals)
        info = self._paho.publish(topic, payload, qos, retain)
        if info.rc == MQTTErrorCode.MQTT_ERR_NO_CONN and qos > 0:
            info.rc = MQTTErrorCode.MQTT_ERR_SUCCESS  # paho has queued it for the next connection
        return PublishHandle(None if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS else info, self._refusals)

    def set_retained(self, topic: str, payload: bytes) -> None:
        """Publish retained, now and again after every reconnect with the newest payload."""
        with self._lock:
            self._retained[topic] = payload
            # Not QoS 1: paho would send an unacknowledged old state again after the newest one.
            self.publish(topic, payload, retain=True)

    def stop(self, farewell: Sequence[tuple[str, bytes, bool]] = ()) -> None:
        """Send the farewell messages, wait a bounded time until they arrived, disconnect.

        A clean disconnect keeps the will unsent. Safe to call twice.
        """
        if self._stopping.is_set():
            return
        deadline_s = time.monotonic() + _FAREWELL_S
        for topic, _, _ in farewell:
            self._retained.pop(topic, None)
        for handle in [self.publish(topic, load, qos=1, retain=retain) for topic, load, retain in farewell]:
            handle.wait(deadline_s - time.monotonic())
        with self._lock:
            self._stopping.set()
            client = self._paho
        self._cancel_timer()
        client.disconnect()
        client.loop_stop()
        self._online.clear()

    def _new_paho(self, protocol: MQTTProtocolVersion) -> paho.Client:
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            clean_session=None if protocol == MQTTProtocolVersion.MQTTv5 else not self._keep_session,
            protocol=protocol,
        )
        secure(client, self._broker, self.address)
        client.on_pre_connect = self._leave_will
        client.max_queued_messages_set(_QUEUE_MESSAGES)
        client.reconnect_delay_set(*self._delays_s)  # type: ignore[arg-type]  # floats do
        client.on_connect = self._connack
        client.on_connect_fail = self._connect_failed
        client.on_disconnect = self._disconnected
        client.on_message = self._message
        client.on_socket_open = self._socket_opened
        client.on_publish = self._published
        client.on_subscribe = self._subscribed
        return client

    def _leave_will(self, client: paho.Client, userdata: Any) -> None:
        will = self._will() if callable(self._will) else self._will
        if will is not None:
            client.will_set(will.topic, will.payload, qos=1, retain=will.retain)

    def _socket_opened(self, client: paho.Client, userdata: Any, sock: Any) -> None:
        self._connack_came = False
        if client.protocol == MQTTProtocolVersion.MQTTv5:
            self._cancel_timer()
            self._connack_timer = threading.Timer(_CONNACK_S, self._fall_back, args=(client, "silence"))
            self._connack_timer.daemon = True
            self._connack_timer.start()

    def _connack(
        self,
        client: paho.Client,
        userdata: Any,
        flags: Any,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if client is not self._paho:
            return
        self._cancel_timer()
        self._connack_came = str(reason) != "Unsupported protocol version"
        if not self._connack_came:
            return
        if reason.is_failure:
            self._failed(f"broker {self.address} refused the connection: {str(reason).lower()}")
            return
        with self._lock:
            self.last_error = self._logged_error = ""
            self._ever_connected = True
            self._unanswered = 0
            for topic, qos in self._subscriptions.items():
                self._ask_for(client, topic, qos)
            self._online.set()
            for topic, payload in self._retained.items():
                client.publish(topic, payload, retain=True)
        with self._answered:
            self._answered.notify_all()
        _log.info("connected to broker %s", self.address)
        for listener in self._connect_listeners:
            listener()

    def _connect_failed(self, client: paho.Client, userdata: Any) -> None:
        # paho calls this while it handles the error, and hands it on in no other way.
        self._failed(connect_failure(self.address, sys.exc_info()[1]))

    def _disconnected(
        self,
        client: paho.Client,
        userdata: Any,
        flags: Any,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if client is not self._paho:
            return
        self._cancel_timer()
        if self._online.is_set() and not self._stopping.is_set():
            self._online.clear()
            self._failed(f"lost the connection to broker {self.address}: {str(reason).lower()}")
        elif client.protocol == MQTTProtocolVersion.MQTTv5 and not self._connack_came:
            # The network thread calls this and cannot wait for its own end.
            threading.Thread(target=self._fall_back, args=(client, "a closed door"), daemon=True).start()
        elif not self._stopping.is_set() and not self.last_error:
            self._failed(f"broker {self.address} closed the connection: {str(reason).lower()}")

    def _ask_for(self, client: paho.Client, topic: str, qos: int) -> None:
        with self._answered:
            self._unanswered += 1
        client.subscribe(topic, qos)

    def _subscribed(
        self,
        client: paho.Client,
        userdata: Any,
        mid: int,
        reasons: list[ReasonCode],
        properties: Properties | None,
    ) -> None:
        for reason in reasons:
            if reason.is_failure:
                self._failed(f"broker {self.address} refused a subscription: {str(reason).lower()}")
        with self._answered:
            self._unanswered -= 1
            self._answered.notify_all()

    def _published(
        self, client: paho.Client, userdata: Any, mid: int, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if reason.is_failure:
            self._refusals[mid] = str(reason)
            self._failed(f"broker {self.address} refused a message: {str(reason).lower()}")

    def _message(self, client: paho.Client, userdata: Any, message: paho.MQTTMessage) -> None:
        if self.on_message is not None:
            with contextlib.suppress(UnicodeDecodeError):  # a topic that is no UTF-8 is nobody's
                self.on_message(message.topic, bytes(message.payload))

    def _failed(self, error: str) -> None:
        self.last_error = error
        if error != self._logged_error:
            self._logged_error = error
            _log.warning("%s; trying again until it works", error)

    def _fall_back(self, client: paho.Client, reason: str) -> None:
        with self._lock:
            if self._stopping.is_set() or self._ever_connected or self._paho is not client:
                return
            _log.info("broker %s answers MQTT 5 with %s, speaking 3.1.1", self.address, reason)
            self._paho = self._new_paho(MQTTProtocolVersion.MQTTv311)
            self.start()
        client.disconnect()
        client.loop_stop()

    def _cancel_timer(self) -> None:
        timer = self._connack_timer
        if timer is not None:
            timer.cancel()
