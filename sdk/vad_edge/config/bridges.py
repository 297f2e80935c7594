"""The site file's tables for bridges: BACnet, webhook, Sparkplug."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, StringConstraints, field_validator

from vad_edge.config.table import Table

_BYTE = r"(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
_IPV4 = rf"{_BYTE}(\.{_BYTE}){{3}}"
_PORT = r"(:(6553[0-5]|655[0-2][0-9]|65[0-4][0-9][0-9]|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3}))?"
_STATION = re.compile(rf"{_IPV4}{_PORT}")

# An address with its network's length: a broadcast goes nowhere without it.
_Interface = Annotated[str, StringConstraints(pattern=rf"^{_IPV4}/([89]|[12][0-9]|30){_PORT}$")]
# Sparkplug ids are topic levels.
_Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_. -]{0,63}$")]
_Priority = Annotated[int, Field(ge=0, le=255)]


class BacnetConfig(Table):
    """The BACnet/IP device that `vad-edge bridge bacnet` is.

    address is what it listens on, ``192.0.2.5/24`` with ``:port`` where it is not 47808; instance is the
    device's number. alarm_from is the level from which a camera counts as in alarm. risk_increment is how far
    a risk moves before its subscribers hear of it. priorities are those of to-offnormal, to-fault and
    to-normal (0 is the highest). recipients hear of every transition: ``192.0.2.20``, with ``:port`` where it
    is not 47808, or ``broadcast``; confirmed asks the stations for a receipt. bbmd is a BBMD in another
    subnet to register with as a foreign device, for bbmd_ttl_s at a time.
    """

    address: _Interface
    instance: int = Field(ge=0, le=4194302)
    name: str = Field(default="vad-edge", min_length=1, max_length=64)
    alarm_from: Literal["watch", "warning", "alarm"] = "alarm"
    risk_increment: float = Field(default=0.25, gt=0)
    notification_class: int = Field(default=1, ge=1, le=4194302)
    priorities: tuple[_Priority, _Priority, _Priority] = (96, 128, 200)
    recipients: tuple[str, ...] = ()
    confirmed: bool = True
    process_id: int = Field(default=1, ge=0, le=4294967295)
    bbmd: str | None = None
    bbmd_ttl_s: int = Field(default=300, ge=30, le=65535)

    @field_validator("recipients")
    @classmethod
    def _stations(cls, recipients: tuple[str, ...]) -> tuple[str, ...]:
        for recipient in recipients:
            if recipient != "broadcast" and not _STATION.fullmatch(recipient):
                raise ValueError(f"{recipient!r} is neither an IPv4 address[:port] nor 'broadcast'")
        return recipients

    @field_validator("bbmd")
    @classmethod
    def _a_station(cls, bbmd: str | None) -> str | None:
        if bbmd is not None and not _STATION.fullmatch(bbmd):
            raise ValueError(f"{bbmd!r} is not an IPv4 address[:port]")
        return bbmd


class WebhookConfig(Table):
    """Where `vad-edge bridge webhook` sends events.

    mode ``structured`` sends the whole CloudEvent as JSON, ``binary`` its data as the body and the rest as
    headers. token_file holds a bearer token, secret_file the key of the signature (or VAD_EDGE_WEBHOOK_TOKEN
    and VAD_EDGE_WEBHOOK_SECRET hold them). ca_file is the authority of the server's certificate where the
    system does not know it. timeout_s bounds one whole request. quota_mib is how much may wait on disk for an
    endpoint that does not take it; beyond, the oldest is given up.
    """

    url: SecretStr
    mode: Literal["structured", "binary"] = "structured"
    token_file: Path | None = None
    secret_file: Path | None = None
    ca_file: Path | None = None
    timeout_s: float = Field(default=10.0, gt=0, le=120)
    quota_mib: int = Field(default=100, ge=1, le=100_000)

    @field_validator("url")
    @classmethod
    def _an_address(cls, given: SecretStr) -> SecretStr:
        url = given.get_secret_value()
        try:
            parts = urlsplit(url)
            known = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            known = False
        if "@" in url.partition("://")[2].partition("/")[0]:
            raise ValueError("credentials do not belong into the URL; put a bearer token into token_file")
        if not known or any(not 32 < ord(sign) < 127 for sign in url):
            raise ValueError("give https://host[:port]/path, or http:// inside one machine")
        return given

    @property
    def address(self) -> str:
        """The URL, whose query may hold a secret; `place` is what is shown of it."""
        return self.url.get_secret_value()

    @property
    def place(self) -> str:
        """The URL without its query."""
        return self.address.partition("?")[0]


class SparkplugConfig(Table):
    """Who `vad-edge bridge sparkplug` is: an edge node of a group, the site's own name unless told."""

    group: _Id = "vad-edge"
    node: _Id | None = None
