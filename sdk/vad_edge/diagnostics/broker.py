"""Whether a broker does for a site: reached, trusted, allowed to say and hear everything."""

from __future__ import annotations

import secrets
import socket
import ssl
import time
from collections.abc import Iterator
from datetime import datetime, timezone

from paho.mqtt.enums import MQTTProtocolVersion

from vad_edge.config.site import SENSORS_ONLY, BrokerConfig, SiteConfig
from vad_edge.diagnostics.finding import Finding, failure, unreached
from vad_edge.errors import VadEdgeError
from vad_edge.mqtt.address import BrokerAddress, parse_broker
from vad_edge.mqtt.client import MqttClient
from vad_edge.mqtt.homeassistant import discovery_topic, status_topic
from vad_edge.mqtt.identity import tls_context
from vad_edge.mqtt.listener import TopicListener
from vad_edge.mqtt.problem import connect_failure
from vad_edge.mqtt.publisher import OFFLINE
from vad_edge.mqtt.topics import CameraTopics

CONNECT_S = 15.0
ANSWER_S = 5.0
RETAINED_S = 0.5
"""Retained messages come at once after the subscription."""
EXPIRES_SOON_DAYS = 30
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def camera_topics(site: SiteConfig) -> list[CameraTopics]:
    """The topics of every camera of a site."""
    names = [camera.name for camera in site.camera] or [SENSORS_ONLY]
    return [CameraTopics(site.site, name) for name in names]


def check_broker(site: SiteConfig) -> Iterator[Finding]:
    """Look at everything a run of `site` needs from its broker, in the order in which it can fail.

    Publishes on the topics ``check`` of its cameras, and an empty discovery message of a device that does
    not exist. Never raises; what comes after a failure that makes it pointless is left out.
    """
    try:
        address = parse_broker(site.broker.address)
        listener = TopicListener(site.broker, site=site.site, role="check", topics=_topics(site))
    except VadEdgeError as error:
        yield failure("settings", error)
        return
    for finding in _encryption(site.broker, address):
        yield finding
        if finding.state == "fail":
            return
    try:
        yield from _talk(site, listener)
    finally:
        listener.client.stop()


def _encryption(broker: BrokerConfig, address: BrokerAddress) -> Iterator[Finding]:
    if not address.tls:
        if address.host not in _LOOPBACK:
            text = f"what is said to {address} can be read and changed on the way, the password too"
            yield Finding("tls", "warn", text, "use mqtts:// and the broker's TLS port")
        return
    try:
        with (
            socket.create_connection((address.host, address.port), timeout=ANSWER_S) as plain,
            tls_context(broker).wrap_socket(plain, server_hostname=address.host) as secure,
        ):
            certificate, version = secure.getpeercert() or {}, secure.version()
    except OSError as error:
        problem = connect_failure(address, error)
        subject = "tls" if isinstance(error, ssl.SSLError) else "connect"
        yield Finding(subject, "fail", problem.text, problem.fix)
        return
    ends = datetime.fromtimestamp(
        ssl.cert_time_to_seconds(str(certificate.get("notAfter", "Jan  1 00:00:00 1970 GMT"))), timezone.utc
    )
    days = (ends - datetime.now(timezone.utc)).days
    text = f"{version}, its certificate is trusted and ends on {ends:%Y-%m-%d}"
    if days < EXPIRES_SOON_DAYS:
        yield Finding("tls", "warn", f"{text}, in {days} days", "have it renewed, or the site falls silent")
    else:
        yield Finding("tls", "ok", text)


def _topics(site: SiteConfig) -> Iterator[str]:
    """Everything we want to hear: what a run hears, and what we say ourselves."""
    for topics in camera_topics(site):
        yield from (topics.check, topics.command, topics.availability)
    yield from (sensor.topic for sensor in site.sensor)
    if site.broker.discovery:
        yield status_topic(site.broker.discovery_prefix)
        yield f"{site.broker.discovery_prefix}/device/+/config"


def _talk(site: SiteConfig, listener: TopicListener) -> Iterator[Finding]:
    client, prefix, cameras = listener.client, site.broker.discovery_prefix, camera_topics(site)
    client.start()
    if not client.wait_connected(CONNECT_S):
        yield unreached("connect", client.problem)
        return
    yield _connected(site.broker, client)
    if client.wait_subscribed(ANSWER_S) and not client.refused:
        yield Finding("subscribe", "ok", "every topic we have to hear is granted")
    for problem in list(client.refused.values()):
        yield Finding("subscribe", "fail", problem.text, problem.fix)
    for topics in cameras:
        yield _said_and_heard(listener, topics.check, f"publish {topics.camera}")
    yield _keeps(site, listener, cameras[0].check)
    if site.broker.discovery:
        unused = f"{prefix}/device/vad-edge_check_{secrets.token_hex(4)}/config"
        yield _said_and_heard(listener, unused, "discovery", payload=b"")
        yield from (_discovered(listener, prefix, topics) for topics in cameras)
    for topics in cameras:
        if listener.kept(topics.availability) == OFFLINE:
            text = "the broker says that it is offline: it ended without a word"
            yield Finding(f"camera {topics.camera}", "warn", text, "look at the device")


def _connected(broker: BrokerConfig, client: MqttClient) -> Finding:
    who = client.address.username or broker.username
    text = f"{client.address} accepts us {f'as user {who!r}' if who else 'without a user name'}"
    if client.protocol == MQTTProtocolVersion.MQTTv5:
        return Finding("connect", "ok", f"{text}, MQTT 5")
    fix = "use a broker with MQTT 5, such as Mosquitto 2, where you can"
    return Finding("connect", "warn", f"{text}, MQTT 3.1.1: it cannot say that an ACL forbids a topic", fix)


def _said_and_heard(
    listener: TopicListener, topic: str, subject: str, payload: bytes | None = None
) -> Finding:
    content = secrets.token_hex(8).encode() if payload is None else payload
    said_s = time.monotonic()
    handle = listener.client.publish(topic, content, qos=1)
    fix = "allow the device's user to write and read it in the broker's ACL"
    if not handle.wait(ANSWER_S):
        reason = handle.refusal.lower() or "no acknowledgement came"
        return Finding(subject, "fail", f"the broker does not take {topic}: {reason}", fix)
    heard_s = listener.when(topic, lambda payload: payload == content, ANSWER_S)
    if heard_s is None:
        text = f"the broker acknowledged {topic}, and it did not come back: writing or reading is forbidden"
        return Finding(subject, "fail", text, fix)
    return Finding(subject, "ok", f"{topic} came back after {1000 * (heard_s - said_s):.0f} ms")


def _keeps(site: SiteConfig, listener: TopicListener, topic: str) -> Finding:
    content = secrets.token_hex(8).encode()
    listener.client.publish(topic, content, qos=1, retain=True).wait(ANSWER_S)
    late = TopicListener(site.broker, site=site.site, role="check-late", topics=(topic,))
    late.client.start()
    late.client.wait_subscribed(ANSWER_S)
    time.sleep(RETAINED_S)
    kept = late.kept(topic) == content
    late.client.stop()
    listener.client.publish(topic, b"", qos=1, retain=True).wait(ANSWER_S)
    if kept:
        return Finding("retain", "ok", "what is retained is kept for those who come later")
    text = "the broker does not keep retained messages: who comes later sees no state"
    return Finding(
        "retain", "fail", text, "allow retained messages in the broker (Mosquitto: retain_available true)"
    )


def _discovered(listener: TopicListener, prefix: str, topics: CameraTopics) -> Finding:
    subject = f"discovery {topics.camera}"
    if listener.kept(discovery_topic(prefix, topics)):
        return Finding(subject, "ok", "Home Assistant finds it: its discovery is on the broker")
    return Finding(subject, "warn", "its discovery is not on the broker", "start `vad-edge run` once")
