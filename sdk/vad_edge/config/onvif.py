"""The site file's table for a camera's own control interface, ONVIF."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from vad_edge.config.table import Table

EventKind = Literal[
    "motion", "person", "vehicle", "animal", "face", "intrusion", "line", "loitering", "sound", "tamper",
    "input",
]  # fmt: skip
"""What a camera can say by itself; `input` is a contact at one of its terminals."""

SERVICE_PATH: Final = "/onvif/device_service"
"""Where each device has its first service."""


class OnvifConfig(Table):
    """A camera's own control interface.

    address is its host, ``host:port``, or a URL. The password lies in password_file or in
    VAD_EDGE_ONVIF_PASSWORD. With events the camera's own events of these kinds are sensor streams, named
    ``<camera>_<kind>``. relay is the token of an output that is active from an alarm to the end of its
    incident; `vad-edge cameras show` lists the tokens.
    """

    address: str
    user: str | None = Field(default=None, min_length=1)
    password_file: Path | None = None
    events: bool = True
    kinds: tuple[EventKind, ...] = ("motion", "person", "tamper", "input")
    relay: str | None = Field(default=None, min_length=1, max_length=64)

    @field_validator("address")
    @classmethod
    def _is_an_address(cls, address: str) -> str:
        service_url(address)
        return address

    @property
    def url(self) -> str:
        """The URL of its device service."""
        return service_url(self.address)


def service_url(address: str) -> str:
    """The URL of the device service at an address. Raises ValueError, which never shows a password.

    >>> service_url("192.0.2.10:8000")
    'http://192.0.2.10:8000/onvif/device_service'
    >>> service_url("https://camera.example/onvif/device")
    'https://camera.example/onvif/device'
    """
    if "@" in address:
        raise ValueError("a user or a password does not belong into the address; give user and password_file")
    if any(sign.isspace() or not sign.isprintable() for sign in address):
        raise ValueError("an address has no spaces and no control characters")
    url = address if "://" in address else f"http://{address}"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if parts.scheme not in ("http", "https") or not host or port == 0 or parts.query or parts.fragment:
        raise ValueError(f"{address!r} is no camera's address; give HOST, HOST:PORT or http://HOST/PATH")
    path = parts.path if parts.path not in ("", "/") else SERVICE_PATH
    return f"{parts.scheme}://{parts.netloc}{path}"
