"""Where a broker is, read from its URL."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from vad_edge.errors import ConfigError

_DEFAULT_PORTS = {"mqtt": 1883, "mqtts": 8883}
_HOST = re.compile(r"^(?!-)[A-Za-z0-9_.-]{1,253}$|^[0-9A-Fa-f:.]+(%[A-Za-z0-9_.-]+)?$")
_FIX = "give mqtt://host[:port] or mqtts://host[:port]"


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """A broker's host and port; old_protocol says it is known to speak MQTT 3.1.1 only."""

    host: str
    port: int
    tls: bool
    old_protocol: bool = False

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_broker(url: str) -> BrokerAddress:
    """The address in ``mqtt://host[:port]`` or ``mqtts://host[:port]``.

    ``?version=3.1.1`` after it skips the attempt at MQTT 5. Raises ConfigError for anything else; a
    message never repeats a URL that holds credentials.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _refusal(url, str(error)) from None
    if "@" in url:
        raise ConfigError(
            "credentials do not belong into the URL",
            where="broker.url",
            fix="give the name as broker.username and the password in the file broker.password_file names "
            "or in VAD_EDGE_MQTT_PASSWORD",
        )
    if parts.scheme not in _DEFAULT_PORTS:
        raise _refusal(url, "not an MQTT URL")
    host = parts.hostname or ""
    if not _HOST.match(host) or any(not 1 <= len(label) <= 63 for label in _labels(host)):
        raise _refusal(url, "the host is missing or not a host name")
    if port == 0:
        raise _refusal(url, "0 is not a port")
    if parts.path not in ("", "/") or parts.fragment:
        raise _refusal(url, "nothing may follow host and port")
    return BrokerAddress(
        host=host,
        port=port or _DEFAULT_PORTS[parts.scheme],
        tls=parts.scheme == "mqtts",
        old_protocol=_is_old(url, parts),
    )


def _labels(host: str) -> list[str]:
    return [] if ":" in host else host.rstrip(".").split(".")


def _is_old(url: str, parts: SplitResult) -> bool:
    if parts.query not in ("", "version=3.1.1", "version=5"):
        raise _refusal(url, "only ?version=3.1.1 or ?version=5 may follow")
    return parts.query == "version=3.1.1"


def _refusal(url: str, reason: str) -> ConfigError:
    shown = "" if "@" in url else f"{url[:80]!a}: "
    return ConfigError(f"{shown}{reason}", where="broker.url", fix=_FIX)
