"""What stands between us and a broker, in words a technician can act on."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from typing import Literal

from vad_edge.errors import BrokerError
from vad_edge.mqtt.address import BrokerAddress

Cause = Literal[
    "unknown_host", "unreachable", "silent", "certificate", "tls", "not_mqtt", "protocol", "credentials",
    "client_id", "taken_over", "forbidden", "busy", "lost",
]  # fmt: skip

# OpenSSL's verification codes.
_NOT_YET_VALID, _EXPIRED = 9, 10
_WRONG_NAME = (62, 64)


@dataclass(frozen=True, slots=True)
class BrokerProblem:
    """Why there is no connection, or why the broker refuses something on it."""

    cause: Cause
    text: str
    fix: str = ""

    def __str__(self) -> str:
        return f"{self.text}; {self.fix}" if self.fix else self.text

    def error(self) -> BrokerError:
        """The same to be raised."""
        return BrokerError(self.text, fix=self.fix)


def connect_failure(address: BrokerAddress, error: BaseException) -> BrokerProblem:
    """Why the way to the broker, up to its first MQTT word, failed with `error`."""
    if isinstance(error, ConnectionRefusedError):
        return BrokerProblem(
            "unreachable",
            f"connection refused by {address} (is a broker running there?)",
            "check host and port: 1883 is usual for mqtt://, 8883 for mqtts://",
        )
    if isinstance(error, socket.gaierror):
        return BrokerProblem(
            "unknown_host",
            f"broker host {address.host!r} is not known: {error.strerror}",
            "check its spelling and this device's name server, or give the IP address",
        )
    if isinstance(error, ssl.SSLCertVerificationError):
        return _untrusted(address, error)
    if isinstance(error, ssl.SSLError):
        return BrokerProblem(
            "tls",
            f"broker {address} does not speak TLS as we do: {(error.reason or str(error)).lower()}",
            "check that this is its TLS port (8883 is usual), or use mqtt:// for the plain one",
        )
    if isinstance(error, TimeoutError):
        return BrokerProblem(
            "silent", f"broker {address} does not answer", "check host, port and the firewall between"
        )
    if isinstance(error, (ConnectionResetError, BrokenPipeError)):
        return hung_up(address)
    detail = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return BrokerProblem(
        "unreachable", f"cannot reach broker {address}: {detail}", "check this device's network"
    )


def _untrusted(address: BrokerAddress, error: ssl.SSLCertVerificationError) -> BrokerProblem:
    text = f"broker {address} has a certificate we do not trust: {error.verify_message}"
    if error.verify_code in _WRONG_NAME:
        fix = "use the host name that stands in the certificate, or have one made for this name"
    elif error.verify_code == _EXPIRED:
        fix = "renew the broker's certificate; check this device's clock, too"
    elif error.verify_code == _NOT_YET_VALID:
        fix = "check this device's clock"
    else:
        fix = "set broker.ca_file to the certificate of the authority that signed it"
    return BrokerProblem("certificate", text, fix)


def hung_up(address: BrokerAddress, detail: str = "", *, certificate: bool = False) -> BrokerProblem:
    """The other side closed the connection before it said an MQTT word.

    detail is what the TLS library said; certificate whether we showed a client certificate.
    """
    text = f"broker {address} closed the connection before it answered"
    wanted = BrokerProblem(
        "certificate",
        f"broker {address} wants a client certificate that it trusts",
        "set broker.certificate_file and broker.key_file",
    )
    distrusted = BrokerProblem(
        "certificate",
        f"broker {address} does not trust our client certificate",
        "have broker.certificate_file signed by the authority that the broker knows",
    )
    if any(word in detail for word in ("CERTIFICATE", "HANDSHAKE_FAILURE", "UNKNOWN_CA")):
        return distrusted if certificate else wanted
    if not address.tls:
        fix = "check the port: a TLS port wants mqtts://, or it is no MQTT broker"
    elif certificate:
        fix = "it may not trust our client certificate (its log knows), or is no MQTT broker: check the port"
    else:
        fix = (
            "it may want a client certificate (broker.certificate_file) or be no MQTT broker: check the port"
        )
    return BrokerProblem("not_mqtt", text, fix)


def no_answer(address: BrokerAddress) -> BrokerProblem:
    """The connection stands, and nothing comes back, neither to MQTT 5 nor to 3.1.1."""
    return BrokerProblem(
        "silent",
        f"broker {address} takes the connection and does not answer",
        "check that the port is MQTT's and that the broker is not stuck",
    )


def refused(address: BrokerAddress, reason: str, *, client_id: str, login: Login) -> BrokerProblem:
    """What a CONNACK's reason means; `reason` as MQTT 5 names it."""
    text = f"broker {address} refused the connection: {reason.lower()}"
    if reason in ("Not authorized", "Bad user name or password", "Bad authentication method"):
        return BrokerProblem("credentials", text, login.advice())
    if reason == "Banned":
        return BrokerProblem("forbidden", text, "ask whoever runs the broker to lift the ban")
    if reason == "Client identifier not valid":
        return BrokerProblem(
            "client_id", text, f"the broker does not want {client_id!r}; change broker.client_id"
        )
    if reason in ("Server unavailable", "Server busy", "Connection rate exceeded", "Quota exceeded"):
        return BrokerProblem("busy", text, "the broker is full or starting; it is tried again")
    return BrokerProblem("protocol", text, "check the broker's version and its log")


@dataclass(frozen=True, slots=True)
class Login:
    """Which credentials we showed the broker; the secret itself is not in here."""

    username: str | None = None
    password: bool = False

    def advice(self) -> str:
        """What to do when they were not good enough."""
        if self.username is None:
            return "it wants a user name: give broker.username and broker.password_file"
        if not self.password:
            return (
                f"user {self.username!r} came without a password: give broker.password_file "
                "or VAD_EDGE_MQTT_PASSWORD"
            )
        return f"check the password of user {self.username!r} and what the broker's ACL lets it do"


def lost(address: BrokerAddress, reason: str, *, client_id: str, short_lived: int) -> BrokerProblem:
    """A connection that stood is gone. short_lived: how many in a row were gone within seconds."""
    text = f"lost the connection to broker {address}: {reason.lower()}"
    if reason == "Session taken over":
        return BrokerProblem("taken_over", text, _twice(client_id))
    if short_lived >= 3:
        return BrokerProblem(
            "taken_over", f"{text}, {short_lived} consecutive times", f"if {_twice(client_id)}"
        )
    return BrokerProblem("lost", text)


def _twice(client_id: str) -> str:
    return f"another program uses the client id {client_id!r}: give each its own broker.client_id"


def refused_topic(address: BrokerAddress, what: str, topic: str, reason: str) -> BrokerProblem:
    """A subscription or message that the broker turned down."""
    return BrokerProblem(
        "forbidden",
        f"broker {address} refused {what} {topic}: {reason.lower()}",
        "allow it in the broker's ACL",
    )
