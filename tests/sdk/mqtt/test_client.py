from __future__ import annotations

import logging
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.enums import MQTTProtocolVersion

import vad_edge.mqtt.connection as connection_module
from vad_edge.config.site import BrokerConfig
from vad_edge.errors import ConfigError
from vad_edge.mqtt.client import MqttClient
from vad_edge.mqtt.connection import Will
from vad_edge.mqtt.identity import client_id


def test_an_mqtt_5_broker_is_spoken_to_in_mqtt_5(mosquitto: Any, connect: Callable[..., MqttClient]) -> None:
    assert connect(mosquitto.broker).protocol == MQTTProtocolVersion.MQTTv5


def test_an_unreachable_broker_shows_in_last_error_and_is_logged_once(
    connect: Callable[..., MqttClient], caplog: pytest.LogCaptureFixture, eventually: Callable[..., None]
) -> None:
    with caplog.at_level(logging.WARNING):
        client = connect(BrokerConfig(url="mqtt://127.0.0.1:1"), start=False)
        client.start()
        eventually(lambda: bool(client.last_error), "the error")
        assert not client.wait_connected(0.5)
    assert client.last_error.startswith("connection refused by 127.0.0.1:1")
    assert len(caplog.records) == 1
    assert client.publish("a", b"b").lost


def test_an_unknown_host_is_named(
    connect: Callable[..., MqttClient], eventually: Callable[..., None]
) -> None:
    client = connect(BrokerConfig(url="mqtt://nowhere.invalid"), start=False)
    client.start()
    eventually(lambda: bool(client.last_error), "the error")
    assert "broker host 'nowhere.invalid' is not known" in client.last_error


def test_a_wrong_password_is_said_once_and_never_shown(
    new_mosquitto: Callable[..., Any],
    connect: Callable[..., MqttClient],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    eventually: Callable[..., None],
) -> None:
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(passwords), "cam", "right"], check=True)
    mosquitto = new_mosquitto(f"allow_anonymous false\npassword_file {passwords}\n")
    mosquitto.start()
    broker = BrokerConfig(url=mosquitto.broker.address, username="cam")
    with caplog.at_level(logging.DEBUG):
        monkeypatch.setenv("VAD_EDGE_MQTT_PASSWORD", "wrong-one")
        refused = connect(broker, "refused", start=False)
        refused.start()
        eventually(lambda: "refused" in refused.last_error, "the refusal")
        assert "not authorized" in refused.last_error
        assert not refused.connected
        monkeypatch.delenv("VAD_EDGE_MQTT_PASSWORD")
        (tmp_path / "secret").write_text("right\n")
        from_file = broker.model_copy(update={"password_file": tmp_path / "secret"})
        assert connect(from_file, "accepted").connected
    assert "wrong-one" not in caplog.text
    assert caplog.text.count("not authorized") == 1


def test_a_password_file_that_is_not_there_is_a_config_error(tmp_path: Path) -> None:
    broker = BrokerConfig(url="mqtt://h", username="cam", password_file=tmp_path / "none")
    with pytest.raises(ConfigError, match=r"password_file .*none.*No such file"):
        MqttClient(broker, client_id="x")


def test_a_ca_file_that_is_not_there_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"broker\.ca_file .*No such file"):
        MqttClient(BrokerConfig(url="mqtts://h", ca_file=tmp_path / "ca.pem"), client_id="x")


# paho leaves the socket of a failed handshake to the garbage collector.
@pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning"
)
def test_tls_works_with_the_right_ca_and_says_what_to_do_without(
    new_mosquitto: Callable[..., Any],
    connect: Callable[..., MqttClient],
    tmp_path: Path,
    eventually: Callable[..., None],
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-nodes", "-keyout", str(key), "-out", str(certificate), "-days", "1"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    mosquitto = new_mosquitto(f"allow_anonymous true\ncertfile {certificate}\nkeyfile {key}\n")
    mosquitto.start()
    url = mosquitto.broker.address.replace("mqtt:", "mqtts:")
    assert connect(BrokerConfig(url=url, ca_file=certificate), "trusting").connected
    suspicious = connect(BrokerConfig(url=url), "suspicious", start=False)
    suspicious.start()
    eventually(lambda: bool(suspicious.last_error), "the error")
    assert "certificate we do not trust" in suspicious.last_error
    assert "broker.ca_file" in suspicious.last_error


def test_a_broker_that_stays_silent_to_mqtt_5_gets_3_1_1(
    connect: Callable[..., MqttClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "CONNACK_S", 0.2)
    with _old_broker(answers_5=b"\x20") as url:
        client = connect(BrokerConfig(url=url), start=False)
        client.start()
        assert client.wait_connected(10), client.last_error
        assert client.protocol == MQTTProtocolVersion.MQTTv311


@pytest.mark.parametrize("answer", [b"\x20\x02\x00\x01", b"\x20\x03\x00\x84\x00", None])
def test_a_broker_that_refuses_mqtt_5_gets_3_1_1(
    connect: Callable[..., MqttClient], answer: bytes | None
) -> None:
    with _old_broker(answers_5=answer) as url:
        client = connect(BrokerConfig(url=url), start=False)
        client.start()
        assert client.wait_connected(10), client.last_error
        assert client.protocol == MQTTProtocolVersion.MQTTv311


def test_subscriptions_and_retained_state_come_back_after_a_broker_restart(
    mosquitto: Any,
    connect: Callable[..., MqttClient],
    listen: Callable[..., Any],
    eventually: Callable[..., None],
) -> None:
    listener = listen(mosquitto.broker, "state").ready()
    client = connect(mosquitto.broker, "speaker")
    client.set_retained("state", b"first")
    client.set_retained("state", b"second")
    eventually(lambda: listener.on("state") == [b"first", b"second"], "both states")
    mosquitto.kill()
    eventually(lambda: not client.connected, "the loss to be noticed")
    assert "lost the connection" in client.last_error
    client.set_retained("state", b"third")
    mosquitto.start()
    eventually(lambda: b"third" in listener.on("state")[2:], "the newest state after the restart")
    assert b"first" not in listener.on("state")[2:]


def test_stopping_delivers_the_farewell_and_keeps_the_will_unsent(
    mosquitto: Any, listen: Callable[..., Any], eventually: Callable[..., None]
) -> None:
    listener = listen(mosquitto.broker, "availability").ready()
    will = Will("availability", b"offline")
    client = MqttClient(mosquitto.broker, client_id="leaver", will=will)
    client.start()
    assert client.wait_connected(10)
    client.stop([("availability", b"stopped", True)])
    client.stop()
    eventually(lambda: listener.on("availability") == [b"stopped"], "the farewell")
    late = listen(mosquitto.broker, "availability").ready()
    eventually(lambda: late.on("availability") == [b"stopped"], "the retained farewell")


def test_client_ids_differ_by_camera_and_keep_a_configured_name() -> None:
    broker = BrokerConfig()
    first, second = client_id(broker, "home", "front"), client_id(broker, "home", "back")
    assert first.startswith("vad-edge-home-front-")
    assert first.rsplit("-", 1)[1] == second.rsplit("-", 1)[1]
    assert client_id(BrokerConfig(client_id="gate"), "home", "front") == "gate-front"


def test_a_board_s_own_client_id_is_used_unless_the_site_names_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAD_EDGE_CLIENT_ID", "vad-edge-1421623012345")
    assert client_id(BrokerConfig(), "home", "front") == "vad-edge-1421623012345-front"
    assert client_id(BrokerConfig(client_id="gate"), "home", "front") == "gate-front"


class _old_broker:  # noqa: N801
    """Accepts MQTT 3.1.1 and answers an MQTT 5 CONNECT with the given bytes; None hangs up."""

    def __init__(self, answers_5: bytes | None) -> None:
        self._answers_5 = answers_5
        self._server = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> str:
        self._thread.start()
        return f"mqtt://127.0.0.1:{self._server.getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        for connection in (self._server, *self._open):
            connection.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self._open.append(connection)
            packet = connection.recv(256)
            is_5 = packet[packet.index(b"MQTT") + 4] == 5
            if is_5 and self._answers_5 is None:
                connection.close()
            else:
                connection.sendall((is_5 and self._answers_5) or b"\x20\x02\x00\x00")


def test_a_handler_that_fails_does_not_silence_the_client(
    mosquitto: Any, connect: Callable[..., MqttClient], eventually: Callable[..., None]
) -> None:
    heard: list[bytes] = []

    def handler(topic: str, payload: bytes) -> None:
        heard.append(payload)
        if payload == b"bad":
            raise ValueError("not expected")

    client = connect(mosquitto.broker, "handler", on_message=handler)
    client.subscribe("news")
    assert client.wait_subscribed(5)
    for payload in (b"bad", b"good"):
        client.publish("news", payload, qos=1)
    eventually(lambda: heard == [b"bad", b"good"], "both messages")
    assert client.connected
