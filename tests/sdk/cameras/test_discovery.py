"""Probes and their answers, on loopback."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vad_edge.cameras.discovery import GROUP, discover, parse_target, read_matches
from vad_edge.errors import CameraError, ConfigError

ID = "0a6dc791-2be6-4991-9af1-454778a1917a"
SCOPES = (
    "onvif://www.onvif.org/type/video_encoder onvif://www.onvif.org/name/Front%20door"
    " onvif://www.onvif.org/hardware/C1 onvif://www.onvif.org/location/hall"
)


def match(
    relates: str = ID, endpoint: str = "urn:uuid:1", urls: str = "http://192.0.2.10/onvif/device_service"
) -> bytes:
    return (
        '<?xml version="1.0"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"'
        ' xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"'
        ' xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"><s:Header>'
        f"<a:RelatesTo>uuid:{relates}</a:RelatesTo></s:Header><s:Body><d:ProbeMatches><d:ProbeMatch>"
        f"<a:EndpointReference><a:Address>{endpoint}</a:Address></a:EndpointReference>"
        f"<d:Types>dn:NetworkVideoTransmitter</d:Types><d:Scopes>{SCOPES}</d:Scopes><d:XAddrs>{urls}</d:XAddrs>"
        "</d:ProbeMatch></d:ProbeMatches></s:Body></s:Envelope>"
    ).encode()


@dataclass
class Responder:
    """Answers probes as cameras do; endpoints are the cameras behind it."""

    sock: socket.socket
    endpoints: list[str] = field(default_factory=lambda: ["urn:uuid:1"])
    probes: list[bytes] = field(default_factory=list)
    other: list[bytes] = field(default_factory=list)

    @property
    def target(self) -> tuple[str, int]:
        host, port = self.sock.getsockname()
        return str(host), int(port)

    def serve(self) -> None:
        while True:
            try:
                content, sender = self.sock.recvfrom(65_507)
            except OSError:
                return
            if content == b"end":
                return
            self.probes.append(content)
            found = re.search(rb"MessageID>uuid:([^<]+)<", content)
            assert found is not None
            for answer in [*self.other, *(match(found[1].decode(), each) for each in self.endpoints)]:
                self.sock.sendto(answer, sender)


@pytest.fixture
def responder() -> Iterator[Responder]:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    found = Responder(sock)
    thread = threading.Thread(target=found.serve)
    thread.start()
    yield found
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as goodbye:
        goodbye.sendto(b"end", found.target)
    thread.join()
    sock.close()


def test_a_camera_that_answers_is_found_once(responder: Responder) -> None:
    (found,) = discover(0.4, address=responder.target)
    assert (found.name, found.hardware, found.location) == ("Front door", "C1", "hall")
    assert found.addresses == ("http://192.0.2.10/onvif/device_service",)
    assert found.sender == "127.0.0.1"
    assert len(responder.probes) == 4  # two types, and both once more
    kinds = {found[1] for probe in responder.probes if (found := re.search(rb"Types>t:(\w+)<", probe))}
    assert kinds == {b"NetworkVideoTransmitter", b"Device"}


def test_every_camera_behind_one_address_is_found(responder: Responder) -> None:
    responder.endpoints = [f"urn:uuid:{number}" for number in range(5)]
    assert len(discover(0.4, address=responder.target)) == 5


def test_what_was_not_asked_for_or_cannot_be_read_is_left_out(responder: Responder) -> None:
    responder.endpoints = []
    responder.other = [b"garbage", match("another-question"), b"<!DOCTYPE a><a/>", match(urls="")]
    assert discover(0.3, address=responder.target) == []


def test_the_group_is_asked_through_the_interface_that_was_given() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as group:
        group.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        group.bind((GROUP, 0))
        member = socket.inet_aton(GROUP) + socket.inet_aton("127.0.0.1")
        try:
            group.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
        except OSError as error:
            pytest.skip(f"no multicast on loopback: {error}")
        group.settimeout(5.0)
        discover(0.1, interface="127.0.0.1", address=(GROUP, group.getsockname()[1]))
        content, sender = group.recvfrom(65_507)
    assert b"/Probe<" in content
    assert sender[0] == "127.0.0.1"


def test_an_interface_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(
        ConfigError, match=r"'eth99' is no interface with an IPv4 address; give one of: .*127\.0\.0\.1"
    ):
        discover(0.1, interface="eth99")


def test_a_network_that_takes_no_probe_is_a_camera_error() -> None:
    with pytest.raises(CameraError, match="the probe cannot be sent"):
        discover(0.1, interface="127.0.0.1", address=("192.0.2.1", 3702))


def test_the_answers_of_a_question_are_read_whatever_prefix_its_id_has() -> None:
    assert read_matches(
        match().replace(b"uuid:" + ID.encode(), b"urn:uuid:" + ID.upper().encode()), "x", frozenset([ID])
    )


@given(st.binary(max_size=200))
def test_any_datagram_is_read_or_left_out(content: bytes) -> None:
    assert read_matches(content, "192.0.2.1", frozenset([ID])) == []


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="<>&\x00"), max_size=100))
def test_any_scope_and_address_gives_a_camera_or_none(text: str) -> None:
    content = match(urls=f"http://192.0.2.1 {text}").replace(b"Front%20door", text.encode())
    for found in read_matches(content, "192.0.2.1", frozenset([ID])):
        assert found.addresses[0] == "http://192.0.2.1"
        assert isinstance(found.to_dict()["name"], str)


@pytest.mark.parametrize("text", ["", "a:b", "a:0", "a:70000", "http://a", ":1"])
def test_a_target_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"--address: .* is no HOST\[:PORT\]"):
        parse_target(text)
