"""SOAP 1.2 messages as cameras speak it: requests written, answers read as what strangers sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element, ParseError, SubElement, register_namespace, tostring

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from vad_edge.cameras.login import UsernameToken
from vad_edge.errors import CameraError

SOAP: Final = "http://www.w3.org/2003/05/soap-envelope"
DEVICE: Final = "http://www.onvif.org/ver10/device/wsdl"
MEDIA: Final = "http://www.onvif.org/ver10/media/wsdl"
MEDIA2: Final = "http://www.onvif.org/ver20/media/wsdl"
EVENTS: Final = "http://www.onvif.org/ver10/events/wsdl"
SCHEMA: Final = "http://www.onvif.org/ver10/schema"
NOTIFICATION: Final = "http://docs.oasis-open.org/wsn/b-2"
ADDRESSING: Final = "http://www.w3.org/2005/08/addressing"
_WSS: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss"
_SECURITY: Final = f"{_WSS}-wssecurity-secext-1.0.xsd"
_UTILITY: Final = f"{_WSS}-wssecurity-utility-1.0.xsd"
_DIGEST: Final = f"{_WSS}-username-token-profile-1.0#PasswordDigest"
_BASE64: Final = f"{_WSS}-soap-message-security-1.0#Base64Binary"

MOST_TEXT: Final = 2048
"""Longer texts of a camera are cut."""

for _prefix, _namespace in (
    ("s", SOAP), ("tds", DEVICE), ("trt", MEDIA), ("tr2", MEDIA2), ("tev", EVENTS), ("tt", SCHEMA),
    ("wsnt", NOTIFICATION), ("wsa", ADDRESSING), ("wsse", _SECURITY), ("wsu", _UTILITY),
):  # fmt: skip
    register_namespace(_prefix, _namespace)

_NOT_AUTHORIZED: Final = frozenset(("NotAuthorized", "FailedAuthentication", "SenderNotAuthorized"))


@dataclass(frozen=True, slots=True)
class SoapFault:
    """Why a camera did not do what was asked: the local names of its codes, outermost first, and words."""

    codes: tuple[str, ...]
    reason: str

    @property
    def not_authorized(self) -> bool:
        """Whether it does not take who we say we are."""
        return not _NOT_AUTHORIZED.isdisjoint(self.codes)

    def __str__(self) -> str:
        return f"{self.reason or 'no reason'} ({'/'.join(self.codes) or 'no code'})"


def tag(namespace: str, name: str) -> str:
    """An element's name as ElementTree writes it."""
    return f"{{{namespace}}}{name}"


def envelope(body: Element, token: UsernameToken | None = None, header: Sequence[Element] = ()) -> bytes:
    """A whole message with this body, and with who we are where it is given."""
    root = Element(tag(SOAP, "Envelope"))
    if token is not None or header:
        head = SubElement(root, tag(SOAP, "Header"))
        head.extend(header)
        if token is not None:
            head.append(_security(token))
    SubElement(root, tag(SOAP, "Body")).append(body)
    return bytes(tostring(root, encoding="utf-8", xml_declaration=True))


def addressing(action: str, to: str, message_id: str) -> list[Element]:
    """The WS-Addressing headers that say what is asked of whom; cameras that lack it may ignore them."""
    found = []
    for name, text in (("Action", action), ("MessageID", message_id), ("To", to)):
        header = Element(tag(ADDRESSING, name))
        header.text = text
        found.append(header)
    return found


def parse_xml(content: bytes, *, where: str) -> Element:
    """The root of a document from the network: no DTD, so no entities. Raises CameraError."""
    try:
        root: Element = fromstring(content, forbid_dtd=True)
    except DefusedXmlException as error:
        raise CameraError("its XML has a document type or entities, and is not read", where=where) from error
    except (ParseError, ValueError, LookupError) as error:
        raise CameraError("what it answers is no XML", where=where) from error
    return root


def read_body(content: bytes, *, where: str) -> Element | SoapFault:
    """What lies in the body of an answer, or the fault. Raises CameraError for what is no SOAP."""
    root = parse_xml(content, where=where)
    body = root.find("{*}Body")
    if local(root) != "Envelope" or body is None or len(body) == 0:
        raise CameraError("what it answers is no SOAP message", where=where)
    first = body[0]
    return _fault(first) if local(first) == "Fault" else first


def local(element: Element) -> str:
    """The name of an element without its namespace."""
    return str(element.tag).rpartition("}")[2]


def text_of(element: Element | None, path: str = "", most: int = MOST_TEXT) -> str:
    """The text at a path such as ``Time/Hour``, whatever the namespaces; "" where there is none."""
    found = find(element, path) if path else element
    return "" if found is None or found.text is None else found.text.strip()[:most]


def find(element: Element | None, path: str) -> Element | None:
    """The first element at a path of local names."""
    return None if element is None else element.find(_any(path))


def find_all(element: Element | None, path: str) -> list[Element]:
    """All elements at a path of local names, in order."""
    return [] if element is None else element.findall(_any(path))


def number_of(element: Element | None, path: str) -> float | None:
    """The number at a path; None where there is none."""
    try:
        value = float(text_of(element, path))
    except ValueError:
        return None
    return value if 0.0 <= value < 1e9 else None


def _any(path: str) -> str:
    return "/".join(name if name == "*" else f"{{*}}{name}" for name in path.split("/"))


def _fault(fault: Element) -> SoapFault:
    codes: list[str] = []
    code = find(fault, "Code")
    while code is not None and len(codes) < 8:
        codes.append(text_of(code, "Value").rpartition(":")[2][:64])
        code = find(code, "Subcode")
    if not codes:  # SOAP 1.1, which some cameras fall back to
        codes = [text_of(fault, "faultcode").rpartition(":")[2][:64]]
    reason = text_of(fault, "Reason/Text") or text_of(fault, "faultstring")
    return SoapFault(tuple(each for each in codes if each), reason[:200])


def _security(token: UsernameToken) -> Element:
    security = Element(tag(_SECURITY, "Security"), {tag(SOAP, "mustUnderstand"): "1"})
    who = SubElement(security, tag(_SECURITY, "UsernameToken"))
    SubElement(who, tag(_SECURITY, "Username")).text = token.user
    SubElement(who, tag(_SECURITY, "Password"), {"Type": _DIGEST}).text = token.digest
    SubElement(who, tag(_SECURITY, "Nonce"), {"EncodingType": _BASE64}).text = token.nonce
    SubElement(who, tag(_UTILITY, "Created")).text = token.created
    return security
