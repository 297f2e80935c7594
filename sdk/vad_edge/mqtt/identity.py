"""Who we are to a broker, and how we know it is the right one."""

from __future__ import annotations

import os
import secrets
import ssl

import paho.mqtt.client as paho

from vad_edge.common.secret import secret_in
from vad_edge.config.site import BrokerConfig
from vad_edge.errors import ConfigError
from vad_edge.mqtt.address import BrokerAddress
from vad_edge.mqtt.problem import Login

PASSWORD_VARIABLE = "VAD_EDGE_MQTT_PASSWORD"  # noqa: S105
CLIENT_ID_VARIABLE = "VAD_EDGE_CLIENT_ID"
"""A board's own client id, made from its serial number on its first boot."""

_PROCESS_SUFFIX = secrets.token_hex(4)


def client_id(broker: BrokerConfig, site: str, role: str) -> str:
    """A client id no other connection uses; role is the camera's name or what else the connection does.

    Two connections with one id throw each other out, so the random part differs between processes and
    stays within one. A configured id, or a board's own, replaces it and must then be unique for this process.
    """
    own = broker.client_id or os.environ.get(CLIENT_ID_VARIABLE)
    if own:
        return f"{own}-{role}"
    return f"vad-edge-{site}-{role}-{_PROCESS_SUFFIX}"


def login_of(broker: BrokerConfig, address: BrokerAddress) -> Login:
    """What we show the broker, without the secret."""
    return Login(broker.username or address.username, _password(broker, address) is not None)


def secure(client: paho.Client, broker: BrokerConfig, address: BrokerAddress) -> None:
    """Give `client` its user name and password, and TLS where the URL asks for it.

    Raises ConfigError if a file with a password, CA, certificate or key cannot be used, or a password has no
    user name.
    """
    username = broker.username or address.username
    secret = _password(broker, address)
    if username is not None:
        client.username_pw_set(username, secret)
    elif broker.password_file is not None:
        raise ConfigError("a password needs a user name", where="broker", fix="give broker.username")
    if address.tls:
        client.tls_set_context(tls_context(broker))
    elif broker.ca_file or broker.certificate_file:
        raise ConfigError(
            "certificates are given for a connection that is not encrypted",
            where="broker.url",
            fix="use mqtts:// with the broker's TLS port, usually 8883",
        )


def tls_context(broker: BrokerConfig) -> ssl.SSLContext:
    """Trust in the given CA, or the system's, and our own certificate if there is one; TLS 1.2 or newer."""
    try:
        context = ssl.create_default_context(cafile=broker.ca_file)
    except OSError as error:
        raise _unusable("the CA file", "ca_file", broker, error) from error
    if broker.certificate_file is None:
        return context
    try:
        context.load_cert_chain(broker.certificate_file, broker.key_file, password=_no_passphrase)
    except OSError as error:
        key = "certificate_file" if broker.key_file is None else "key_file"
        raise _unusable("the client certificate and its key", key, broker, error) from error
    return context


def _no_passphrase() -> str:
    # Without this OpenSSL would ask on the terminal, which a service does not have.
    raise ConfigError(
        "the key is encrypted",
        where="broker.key_file",
        fix="give a key without a passphrase that only this program's user can read",
    )


def _unusable(what: str, key: str, broker: BrokerConfig, error: OSError) -> ConfigError:
    reason = str(getattr(error, "reason", None) or error.strerror or error).replace("_", " ")
    return ConfigError(
        f"cannot use {what}: {reason}",
        where=f"broker.{key} ({getattr(broker, key)})",
        fix="give PEM files that belong together",
    )


def _password(broker: BrokerConfig, address: BrokerAddress) -> str | None:
    secret = os.environ.get(PASSWORD_VARIABLE)
    if secret is not None:
        return secret
    if broker.password_file is None:
        return address.password
    return secret_in(broker.password_file, "the password", "broker.password_file")
