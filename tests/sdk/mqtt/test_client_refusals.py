"""What a technician reads when a broker cannot be used, each against the real thing."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.certificates import Pair, authority, signed

from vad_edge.config.site import BrokerConfig
from vad_edge.errors import BrokerError, ConfigError
from vad_edge.mqtt import connection as connection_module
from vad_edge.mqtt.address import BrokerAddress
from vad_edge.mqtt.client import MqttClient
from vad_edge.mqtt.problem import BrokerProblem, Login, connect_failure, refused

Connect = Callable[..., MqttClient]
Eventually = Callable[..., None]

# paho leaves the socket of a failed handshake to the garbage collector.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning"
)


@pytest.fixture
def problem(connect: Connect, eventually: Eventually) -> Callable[..., BrokerProblem]:
    """What is wrong with a broker, once the client knows."""

    def ask(broker: BrokerConfig, name: str = "asker") -> BrokerProblem:
        client = connect(broker, name, start=False)
        client.start()
        eventually(lambda: client.problem is not None, "the problem", timeout_s=15)
        assert client.problem is not None
        assert not client.connected
        return client.problem

    return ask


@pytest.fixture
def ca(tmp_path: Path) -> Pair:
    return authority(tmp_path)


def _tls(server: Pair, more: str = "") -> str:
    return f"allow_anonymous true\ncertfile {server.certificate}\nkeyfile {server.key}\n{more}"


def _mqtts(mosquitto: Any, **settings: Any) -> BrokerConfig:
    return BrokerConfig(url=mosquitto.broker.address.replace("mqtt:", "mqtts:"), **settings)


def test_a_user_name_the_broker_wants_is_asked_for(
    new_mosquitto: Callable[..., Any], problem: Callable[..., BrokerProblem]
) -> None:
    mosquitto = new_mosquitto("allow_anonymous false\n")
    mosquitto.start()
    found = problem(mosquitto.broker)
    assert found.cause == "credentials"
    assert "it wants a user name: give broker.username and broker.password_file" in str(found)


def test_a_missing_password_is_told_from_a_wrong_one(
    new_mosquitto: Callable[..., Any],
    problem: Callable[..., BrokerProblem],
    tmp_path: Path,
) -> None:
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(passwords), "cam", "right"], check=True)
    mosquitto = new_mosquitto(f"allow_anonymous false\npassword_file {passwords}\n")
    mosquitto.start()
    none = problem(BrokerConfig(url=mosquitto.broker.address, username="cam"), "one")
    assert "user 'cam' came without a password" in str(none)
    wrong = problem(BrokerConfig(url=mosquitto.broker.address.replace("//", "//cam:wrong@")), "two")
    assert "check the password of user 'cam'" in str(wrong)
    assert "wrong" not in str(wrong)


def test_a_password_in_the_url_of_a_site_file_is_used(
    new_mosquitto: Callable[..., Any], connect: Connect, tmp_path: Path
) -> None:
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(passwords), "cam", "ri@ght"], check=True)
    mosquitto = new_mosquitto(f"allow_anonymous false\npassword_file {passwords}\n")
    mosquitto.start()
    assert connect(BrokerConfig(url=mosquitto.broker.address.replace("//", "//cam:ri%40ght@"))).connected


def test_a_certificate_for_another_name_says_which_name_to_use(
    new_mosquitto: Callable[..., Any], problem: Callable[..., BrokerProblem], ca: Pair, tmp_path: Path
) -> None:
    mosquitto = new_mosquitto(_tls(signed(tmp_path, ca, "server", alt="DNS:broker.example.org")))
    mosquitto.start()
    found = problem(_mqtts(mosquitto, ca_file=ca.certificate))
    assert found.cause == "certificate"
    assert found.fix == "use the host name that stands in the certificate, or have one made for this name"


def test_an_expired_certificate_says_so(
    new_mosquitto: Callable[..., Any], problem: Callable[..., BrokerProblem], ca: Pair, tmp_path: Path
) -> None:
    mosquitto = new_mosquitto(_tls(signed(tmp_path, ca, "server", days=-1)))
    mosquitto.start()
    found = problem(_mqtts(mosquitto, ca_file=ca.certificate))
    assert "certificate has expired" in str(found)
    assert "renew the broker's certificate; check this device's clock, too" in str(found)


def test_a_client_certificate_opens_the_door_that_stays_shut_without_it(
    new_mosquitto: Callable[..., Any],
    problem: Callable[..., BrokerProblem],
    connect: Connect,
    ca: Pair,
    tmp_path: Path,
) -> None:
    server, ours = signed(tmp_path, ca, "server"), signed(tmp_path, ca, "device", alt="DNS:device")
    mosquitto = new_mosquitto(_tls(server, f"cafile {ca.certificate}\nrequire_certificate true\n"))
    mosquitto.start()
    found = problem(_mqtts(mosquitto, ca_file=ca.certificate))
    # A TLS 1.3 server may hang up before its alert is read.
    assert "want" in str(found)
    assert "a client certificate" in str(found)
    broker = _mqtts(mosquitto, ca_file=ca.certificate, certificate_file=ours.certificate, key_file=ours.key)
    assert connect(broker, "device").connected


def test_a_client_certificate_of_a_stranger_says_whose_fault_it_is(
    new_mosquitto: Callable[..., Any], problem: Callable[..., BrokerProblem], ca: Pair, tmp_path: Path
) -> None:
    other = authority(tmp_path, "other")
    theirs = signed(tmp_path, other, "device", alt="DNS:device")
    server = signed(tmp_path, ca, "server")
    mosquitto = new_mosquitto(_tls(server, f"cafile {ca.certificate}\nrequire_certificate true\n"))
    mosquitto.start()
    found = problem(
        _mqtts(mosquitto, ca_file=ca.certificate, certificate_file=theirs.certificate, key_file=theirs.key)
    )
    assert "not trust our client certificate" in str(found)


def test_plain_mqtt_to_a_tls_port_hints_at_tls(
    new_mosquitto: Callable[..., Any], problem: Callable[..., BrokerProblem], ca: Pair, tmp_path: Path
) -> None:
    mosquitto = new_mosquitto(_tls(signed(tmp_path, ca, "server")))
    mosquitto.start()
    found = problem(mosquitto.broker)
    assert found.cause == "not_mqtt"
    assert "a TLS port wants mqtts://" in str(found)


def test_tls_to_a_plain_port_hints_at_the_port(
    mosquitto: Any, problem: Callable[..., BrokerProblem], ca: Pair
) -> None:
    found = problem(_mqtts(mosquitto, ca_file=ca.certificate))
    assert found.cause in ("tls", "not_mqtt")
    assert "check" in found.fix


@pytest.fixture
def web_server() -> Iterator[str]:
    """Answers as a web server would, and hangs up."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.recv(1024)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"mqtt://127.0.0.1:{server.getsockname()[1]}"
    server.shutdown(socket.SHUT_RDWR)
    thread.join()
    server.close()


def test_a_web_server_is_no_broker(web_server: str, problem: Callable[..., BrokerProblem]) -> None:
    found = problem(BrokerConfig(url=web_server))
    assert found.cause == "not_mqtt"
    assert "check the port" in found.fix


def test_a_port_that_never_says_anything_is_told(
    problem: Callable[..., BrokerProblem], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "CONNACK_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = problem(BrokerConfig(url=f"mqtt://127.0.0.1:{server.getsockname()[1]}"))
    assert found.cause == "silent"
    assert "takes the connection and does not answer" in found.text


@pytest.mark.parametrize("url", ["{}", "{}?version=3.1.1"])
def test_a_client_id_used_twice_is_named(
    mosquitto: Any, connect: Connect, eventually: Eventually, url: str
) -> None:
    broker = BrokerConfig(url=url.format(mosquitto.broker.address), client_id="gate")
    first = connect(broker, "gate-front")
    connect(broker, "gate-front", start=False).start()
    eventually(
        lambda: first.problem is not None and first.problem.cause == "taken_over", "the reason", timeout_s=20
    )
    assert "another program uses the client id 'gate-front'" in first.last_error


def test_an_encrypted_key_is_refused_without_asking_on_the_terminal(tmp_path: Path, ca: Pair) -> None:
    locked = tmp_path / "locked.key"
    subprocess.run(
        ["openssl", "ec", "-in", ca.key, "-aes256", "-passout", "pass:secret", "-out", locked],
        check=True,
        capture_output=True,
    )
    broker = BrokerConfig(url="mqtts://h", certificate_file=ca.certificate, key_file=locked)
    with pytest.raises(ConfigError, match=r"broker\.key_file: the key is encrypted"):
        MqttClient(broker, client_id="x")


def test_a_key_of_another_certificate_is_refused(tmp_path: Path, ca: Pair) -> None:
    other = authority(tmp_path, "other")
    broker = BrokerConfig(url="mqtts://h", certificate_file=ca.certificate, key_file=other.key)
    with pytest.raises(ConfigError, match=r"cannot use the client certificate and its key.*belong together"):
        MqttClient(broker, client_id="x")


def test_certificates_without_tls_are_refused(ca: Pair) -> None:
    with pytest.raises(ConfigError, match="not encrypted; use mqtts://"):
        MqttClient(BrokerConfig(url="mqtt://h", ca_file=ca.certificate), client_id="x")


@pytest.mark.parametrize(
    ("reason", "cause", "fix"),
    [
        ("Banned", "forbidden", "lift the ban"),
        ("Client identifier not valid", "client_id", "change broker.client_id"),
        ("Server busy", "busy", "it is tried again"),
        ("Malformed packet", "protocol", "check the broker's version"),
    ],
)
def test_every_refusal_has_a_cause_and_a_fix(reason: str, cause: str, fix: str) -> None:
    found = refused(BrokerAddress("h", 1883, False), reason, client_id="gate", login=Login())
    assert found.cause == cause
    assert fix in found.fix
    assert isinstance(found.error(), BrokerError)


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (TimeoutError(), "silent"),
        (ConnectionResetError(), "not_mqtt"),
        (OSError(101, "Network is unreachable"), "unreachable"),
    ],
)
def test_every_failure_on_the_way_has_a_cause(error: OSError, cause: str) -> None:
    assert connect_failure(BrokerAddress("h", 1883, False), error).cause == cause


def test_a_password_file_that_is_gone_for_a_while_does_not_end_the_client(
    new_mosquitto: Callable[..., Any], connect: Connect, tmp_path: Path, eventually: Eventually
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("right")
    mosquitto = new_mosquitto()
    mosquitto.start()
    broker = BrokerConfig(url=mosquitto.broker.address, username="cam", password_file=secret)
    client = connect(broker, "cam")
    secret.unlink()
    mosquitto.kill()
    mosquitto.start()
    eventually(lambda: "cannot read the password" in client.last_error, "the reason")
    secret.write_text("right")
    eventually(lambda: client.connected, "the connection")
