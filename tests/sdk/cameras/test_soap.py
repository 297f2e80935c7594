"""Messages that are written, and answers of strangers that are read."""

from __future__ import annotations

import contextlib
from xml.etree.ElementTree import Element

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sdk.cameras.onvif_server import SOAP

from vad_edge.cameras.client import element
from vad_edge.cameras.login import UsernameToken
from vad_edge.cameras.soap import DEVICE, SoapFault, envelope, find, parse_xml, read_body, text_of
from vad_edge.errors import CameraError

BOMB = b"""<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><b>&b;</b>"""
OUTSIDE = b"""<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a SYSTEM "file:///etc/passwd">]><b>&a;</b>"""


def answer(body: str) -> bytes:
    return f'<s:Envelope xmlns:s="{SOAP}"><s:Body>{body}</s:Body></s:Envelope>'.encode()


@pytest.mark.parametrize("content", [BOMB, OUTSIDE, b"<!DOCTYPE a><a/>"])
def test_a_document_with_a_document_type_is_refused(content: bytes) -> None:
    with pytest.raises(CameraError, match=r"front: its XML has a document type"):
        parse_xml(content, where="front")


@pytest.mark.parametrize(
    "content", [b"", b"no xml", b"<a>", b"\xff\xfe\x00", b'<?xml version="1.0" encoding="x"?><a/>']
)
def test_what_is_no_xml_is_a_camera_error(content: bytes) -> None:
    with pytest.raises(CameraError, match="no XML"):
        parse_xml(content, where="front")


@pytest.mark.parametrize("content", [b"<a/>", answer(""), f'<s:Envelope xmlns:s="{SOAP}"/>'.encode()])
def test_what_is_no_soap_message_is_a_camera_error(content: bytes) -> None:
    with pytest.raises(CameraError, match="no SOAP"):
        read_body(content, where="front")


@given(st.binary(max_size=300))
def test_any_bytes_are_a_body_or_a_camera_error(content: bytes) -> None:
    with contextlib.suppress(CameraError):
        read_body(content, where="front")


@given(st.text(alphabet=st.sampled_from("<>/ab =\"'&;!?[]:s"), max_size=200))
def test_any_text_within_a_body_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(CameraError):
        read_body(answer(text), where="front")


def test_a_document_of_great_depth_is_read_without_harm() -> None:
    depth = 100_000
    root = parse_xml(b"<a>" * depth + b"</a>" * depth, where="front")
    assert find(root, "a") is not None


def test_a_fault_gives_its_codes_from_the_outside_in() -> None:
    fault = read_body(
        answer(
            "<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>ter:NotAuthorized</s:Value></s:Subcode>"
            "</s:Code><s:Reason><s:Text>who are you</s:Text></s:Reason></s:Fault>"
        ),
        where="front",
    )
    assert fault == SoapFault(("Sender", "NotAuthorized"), "who are you")
    assert fault.not_authorized


def test_a_fault_of_the_older_soap_is_read_too() -> None:
    old = "<s:Fault><faultcode>s:Server</faultcode><faultstring>no</faultstring></s:Fault>"
    assert read_body(answer(old), where="front") == SoapFault(("Server",), "no")


def test_a_message_carries_its_token_and_body_whatever_signs_they_have() -> None:
    token = UsernameToken('a<b>&"', "digest", "nonce", "2026-01-01T00:00:00.000Z")
    content = envelope(element(DEVICE, "Ask", "x < y"), token)
    root = parse_xml(content, where="us")
    assert text_of(root, "Header/Security/UsernameToken/Username") == 'a<b>&"'
    assert text_of(read_without_fault(content)) == "x < y"


def read_without_fault(content: bytes) -> Element:
    body = read_body(content, where="us")
    assert not isinstance(body, SoapFault)
    return body


def test_a_long_text_is_cut() -> None:
    assert len(text_of(read_without_fault(answer(f"<a>{'x' * 5000}</a>")))) == 2048
