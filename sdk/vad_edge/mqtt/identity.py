"""Who we are to a broker, and how we know it is the right one."""

from __future__ import annotations

import os
import secrets

import paho.mqtt.client as paho

from vad_edge.config.site import BrokerConfig
from vad_edge.errors import ConfigError
from vad_edge.mqtt.address import BrokerAddress

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


def secure(client: paho.Client, broker: BrokerConfig, address: BrokerAddress) -> None:
    """Give `client` its user name and password, and TLS where the URL asks for it.

    Raises ConfigError if the password file or the CA file cannot be used, or a password has no user name.
    """
    secret = _password(broker)
    if broker.username is not None:
        client.username_pw_set(broker.username, secret)
    elif broker.password_file is not None:
        raise ConfigError("a password needs a user name", where="broker", fix="give broker.username")
    if address.tls:
        try:
            client.tls_set(ca_certs=str(broker.ca_file) if broker.ca_file else None)
        except OSError as error:
            raise ConfigError(
                f"cannot use the CA file: {error.strerror or error}",
                where=f"broker.ca_file ({broker.ca_file})",
            ) from error


def _password(broker: BrokerConfig) -> str | None:
    secret = os.environ.get(PASSWORD_VARIABLE)
    if secret is not None or broker.password_file is None:
        return secret
    try:
        return broker.password_file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"cannot read the password: {getattr(error, 'strerror', None) or 'not UTF-8 text'}",
            where=f"broker.password_file ({broker.password_file})",
        ) from error
