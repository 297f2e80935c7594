"""Cameras that answer a WS-Discovery probe on the local network."""

from __future__ import annotations

import ipaddress
import selectors
import socket
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote
from xml.etree.ElementTree import Element

import psutil

from vad_edge.cameras.soap import SOAP, find_all, parse_xml, text_of
from vad_edge.errors import CameraError, ConfigError

GROUP: Final = "239.255.255.250"
PORT: Final = 3702

_ADDRESSING: Final = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
_DISCOVERY: Final = "http://schemas.xmlsoap.org/ws/2005/04/discovery"
_TYPES: Final = (
    ("http://www.onvif.org/ver10/network/wsdl", "NetworkVideoTransmitter"),
    ("http://www.onvif.org/ver10/device/wsdl", "Device"),
)
"""Some cameras answer to one of the two alone."""

_SCOPE: Final = "onvif://www.onvif.org/"
_DATAGRAM_BYTES: Final = 65_507
_MOST_CAMERAS: Final = 1000
_MOST_SCOPES: Final = 64
_MOST_ANSWERS: Final = 20_000


@dataclass(frozen=True, slots=True)
class FoundCamera:
    """A camera that answered: endpoint names it, addresses are the URLs of its device service.

    sender is the address that the answer came from. name, hardware and location come from its scopes.
    """

    endpoint: str
    sender: str
    addresses: tuple[str, ...]
    scopes: tuple[str, ...]

    @property
    def name(self) -> str:
        """What it is called; empty where it does not say."""
        return self._scope("name")

    @property
    def hardware(self) -> str:
        """What model it is."""
        return self._scope("hardware")

    @property
    def location(self) -> str:
        """Where it is."""
        return self._scope("location")

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "name": self.name,
            "hardware": self.hardware,
            "location": self.location,
            "addresses": list(self.addresses),
            "sender": self.sender,
            "endpoint": self.endpoint,
            "scopes": list(self.scopes),
        }

    def _scope(self, name: str) -> str:
        start = f"{_SCOPE}{name}/"
        return next((unquote(each[len(start) :]) for each in self.scopes if each.startswith(start)), "")


def discover(
    timeout_s: float = 3.0, *, interface: str | None = None, address: tuple[str, int] | None = None
) -> list[FoundCamera]:
    """The cameras that answer within timeout_s, each once, in the order of their answers.

    interface is the local address or the name of one interface; all of them without it. address is who is
    asked instead of the multicast group. Raises ConfigError for an interface that is not there, and
    CameraError where the network takes no probe.
    """
    probes = [probe(str(uuid.uuid4()), *kind) for kind in _TYPES]
    asked = frozenset(each.message_id for each in probes)
    target = address or (GROUP, PORT)
    with ExitStack() as stack:
        sockets = _sockets(interface, target, stack)
        found: dict[str, FoundCamera] = {}
        for content, sender in _answers(sockets, [each.content for each in probes], target, timeout_s):
            for camera in read_matches(content, sender, asked):
                if len(found) < _MOST_CAMERAS:
                    found.setdefault(camera.endpoint or camera.addresses[0], camera)
    return list(found.values())


def parse_target(text: str) -> tuple[str, int]:
    """The host and port of ``HOST`` or ``HOST:PORT``. Raises ConfigError.

    >>> parse_target("192.0.2.10")
    ('192.0.2.10', 3702)
    """
    host, colon, port = text.strip().partition(":")
    number = int(port) if port.isascii() and port.isdigit() else PORT
    if not host or "/" in host or (colon and not port.isdigit()) or not 0 < number < 65536:
        raise ConfigError(f"{text!r} is no HOST[:PORT]", where="--address", fix="give such as 192.0.2.10")
    return host, number


@dataclass(frozen=True, slots=True)
class Probe:
    """A question to the network, and the id that its answers name."""

    message_id: str
    content: bytes


def probe(message_id: str, namespace: str, kind: str) -> Probe:
    """A WS-Discovery probe for devices of a type."""
    content = (
        '<?xml version="1.0" encoding="utf-8"?>'
        f'<s:Envelope xmlns:s="{SOAP}" xmlns:a="{_ADDRESSING}" xmlns:d="{_DISCOVERY}" xmlns:t="{namespace}">'
        f"<s:Header><a:Action>{_DISCOVERY}/Probe</a:Action><a:MessageID>uuid:{message_id}</a:MessageID>"
        "<a:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To></s:Header>"
        f"<s:Body><d:Probe><d:Types>t:{kind}</d:Types></d:Probe></s:Body></s:Envelope>"
    )
    return Probe(message_id, content.encode())


def read_matches(content: bytes, sender: str, asked: frozenset[str]) -> list[FoundCamera]:
    """The cameras in one answer; none where it is no answer to what was asked, or cannot be read."""
    try:
        root = parse_xml(content, where=sender)
    except CameraError:
        return []
    relates = text_of(root, "Header/RelatesTo").lower()
    if relates.rpartition(":")[2] not in asked:
        return []
    matches = find_all(root, "Body/ProbeMatches/ProbeMatch")
    return [camera for match in matches if (camera := _camera(match, sender)) is not None]


def _camera(match: Element, sender: str) -> FoundCamera | None:
    urls = text_of(match, "XAddrs").split()
    addresses = tuple(each for each in urls if each.startswith(("http://", "https://")))
    if not addresses:
        return None
    return FoundCamera(
        endpoint=text_of(match, "EndpointReference/Address")[:256],
        sender=sender,
        addresses=addresses[:8],
        scopes=tuple(text_of(match, "Scopes", _DATAGRAM_BYTES).split()[:_MOST_SCOPES]),
    )


def _answers(
    sockets: Sequence[socket.socket], probes: Sequence[bytes], target: tuple[str, int], timeout_s: float
) -> Iterator[tuple[bytes, str]]:
    """Send the probes now and once more, since datagrams get lost; what comes back, and from where."""
    began_s = time.monotonic()
    again_s: float | None = began_s + timeout_s / 3
    _send(sockets, probes, target)
    with selectors.DefaultSelector() as selector:
        for each in sockets:
            selector.register(each, selectors.EVENT_READ, each)
        for _ in range(_MOST_ANSWERS):
            now_s = time.monotonic()
            if again_s is not None and now_s >= again_s:
                again_s = None
                _send(sockets, probes, target)
            if now_s >= began_s + timeout_s:
                return
            until_s = began_s + timeout_s if again_s is None else again_s
            for key, _ in selector.select(max(until_s - now_s, 0.0)):
                try:
                    content, sender = key.data.recvfrom(_DATAGRAM_BYTES)
                except OSError:
                    continue  # a router says that a host is not there
                yield content, sender[0]


def _send(sockets: Sequence[socket.socket], probes: Sequence[bytes], target: tuple[str, int]) -> None:
    """Send the probes through every socket. Raises CameraError where none takes them."""
    failed: list[OSError] = []
    for each in sockets:
        try:
            for content in probes:
                each.sendto(content, target)
        except OSError as error:
            failed.append(error)
    if len(failed) == len(sockets):
        reason = str(failed[0].strerror or failed[0]).lower() if failed else "there is no network"
        raise CameraError(
            f"the probe cannot be sent: {reason}",
            where=f"{target[0]}:{target[1]}",
            fix="check the network, or give --interface with this machine's address in the cameras' network",
        )


def _sockets(interface: str | None, target: tuple[str, int], stack: ExitStack) -> list[socket.socket]:
    """A socket for each of the machine's own addresses that is asked through."""
    alone = interface is None and target[0] != GROUP
    sources = ["0.0.0.0"] if alone else _local_addresses(interface)  # noqa: S104 - the system chooses
    sockets = []
    for source in sources:
        sock = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        try:
            sock.bind((source, 0))
            if not alone:
                sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(source))
        except OSError:
            continue  # an address that has gone since it was listed
        sock.setblocking(False)
        sockets.append(sock)
    return sockets


def _local_addresses(interface: str | None) -> list[str]:
    by_name = {
        name: [each.address for each in addresses if each.family == socket.AF_INET]
        for name, addresses in psutil.net_if_addrs().items()
    }
    every = [address for addresses in by_name.values() for address in addresses]
    if interface is None:
        return [each for each in every if not ipaddress.ip_address(each).is_loopback]
    if by_name.get(interface):
        return by_name[interface]
    if interface in every:
        return [interface]
    known = ", ".join(f"{name} ({', '.join(found)})" for name, found in by_name.items() if found)
    raise ConfigError(
        f"{interface!r} is no interface with an IPv4 address",
        where="--interface",
        fix=f"give one of: {known}",
    )
