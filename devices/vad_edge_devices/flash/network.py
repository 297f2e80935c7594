"""The network a flashed board comes up with: a small file of ours to NetworkManager's connections."""

from __future__ import annotations

import ipaddress
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator
from typing_extensions import Self

from vad_edge.common.explain import first_problem
from vad_edge.errors import ConfigError
from vad_edge_devices.release import Item

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FOLDER: Final = "etc/NetworkManager/system-connections"

_NAMESPACE: Final = uuid.UUID("8f1f2b7e-6d0c-5c39-9a35-5d9d2f0d6b11")
_PASSWORD: Final = range(8, 64)
_KEY: Final = 64
"""A password of so many characters is the key itself, in hexadecimal."""


class NetworkConnection(BaseModel):
    """One way into the network. Without an address it asks for one (DHCP).

    address is such as ``192.0.2.20/24``. A Wi-Fi has an ssid, and its password in a file of its own, never
    here.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$")]
    kind: Literal["ethernet", "wifi"] = "ethernet"
    interface: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,15}$")] | None = None
    address: ipaddress.IPv4Interface | ipaddress.IPv6Interface | None = None
    gateway: ipaddress.IPv4Address | ipaddress.IPv6Address | None = None
    dns: tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, ...] = ()
    ssid: Annotated[str, Field(min_length=1)] | None = None
    password_file: Path | None = None

    @model_validator(mode="after")
    def _parts_agree(self) -> Self:
        if self.gateway is not None:
            if self.address is None:
                raise ValueError("a gateway is given without an address")
            if self.gateway not in self.address.network:
                raise ValueError(f"the gateway {self.gateway} is not in {self.address.network}")
        if (self.kind == "wifi") != (self.ssid is not None):
            raise ValueError("a wifi has an ssid, an ethernet has none")
        if self.ssid is not None and len(self.ssid.encode()) > 32:
            raise ValueError("an ssid has at most 32 bytes")
        if self.password_file is not None and self.kind != "wifi":
            raise ValueError("only a wifi has a password")
        return self


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    connection: tuple[NetworkConnection, ...] = Field(min_length=1)


def load_network(path: Path) -> tuple[NetworkConnection, ...]:
    """The connections of a network file; password files lie beside it. Raises ConfigError."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        found = _File.model_validate(data).connection
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror or error}", where=str(path)) from error
    except ValidationError as error:
        raise ConfigError(first_problem(error), where=str(path)) from error
    except ValueError as error:
        raise ConfigError(f"not valid TOML: {error}", where=str(path)) from error
    if len({each.name for each in found}) != len(found):
        raise ConfigError("a name is given twice", where=str(path))
    return tuple(
        each
        if each.password_file is None
        else each.model_copy(update={"password_file": path.parent / each.password_file})
        for each in found
    )


def keyfiles(connections: tuple[NetworkConnection, ...]) -> Iterator[tuple[str, Item]]:
    """Each connection as NetworkManager reads it: a path in the root file system, and a file only root reads.

    Raises ConfigError for a password that cannot be one.
    """
    for each in connections:
        yield f"{FOLDER}/vad-edge-{each.name}.nmconnection", Item("".join(_lines(each)).encode(), 0o600)


def _lines(each: NetworkConnection) -> Iterator[str]:
    identity = uuid.uuid5(_NAMESPACE, each.name)
    yield f"[connection]\nid=vad-edge-{each.name}\nuuid={identity}\ntype={each.kind}\n"
    if each.interface is not None:
        yield f"interface-name={each.interface}\n"
    if each.ssid is not None:
        # As bytes: NetworkManager takes some characters of a text for its own.
        yield f"\n[wifi]\nmode=infrastructure\nssid={''.join(f'{byte};' for byte in each.ssid.encode())}\n"
    if each.password_file is not None:
        yield f"\n[wifi-security]\nkey-mgmt=wpa-psk\npsk={_escaped(_password(each.password_file))}\n"
    for family, version in (("ipv4", 4), ("ipv6", 6)):
        servers = "".join(f"{server};" for server in each.dns if server.version == version)
        dns = f"dns={servers}\n" if servers else ""
        if each.address is not None and each.address.version == version:
            gateway = f",{each.gateway}" if each.gateway is not None else ""
            yield f"\n[{family}]\nmethod=manual\naddress1={each.address}{gateway}\n{dns}"
        else:
            yield f"\n[{family}]\nmethod=auto\n{dns}"


def _password(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("the password cannot be read", where=str(path), fix="give a text file") from error
    is_key = len(text) == _KEY and all(letter in "0123456789abcdefABCDEF" for letter in text)
    if not is_key and (len(text) not in _PASSWORD or not text.isascii() or not text.isprintable()):
        raise ConfigError(
            "it holds no Wi-Fi password",
            where=str(path),
            fix="one line of 8 to 63 ASCII characters, or 64 hexadecimal ones",
        )
    return text


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace(" ", "\\s")
