"""A small ONVIF camera for the tests, by what the public WSDLs describe: it is no real camera."""

# ruff: noqa: N802 - the requests' own names

from __future__ import annotations

import base64
import hashlib
import re
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from xml.etree.ElementTree import Element

from defusedxml.ElementTree import fromstring

USER, PASSWORD = "admin", "Secret#1"
SOAP = "http://www.w3.org/2003/05/soap-envelope"
WINDOW_S = 5.0
DIALECT = "http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet"

NAMESPACES = (
    f'xmlns:s="{SOAP}" xmlns:tds="http://www.onvif.org/ver10/device/wsdl"'
    ' xmlns:trt="http://www.onvif.org/ver10/media/wsdl" xmlns:tr2="http://www.onvif.org/ver20/media/wsdl"'
    ' xmlns:tev="http://www.onvif.org/ver10/events/wsdl" xmlns:tt="http://www.onvif.org/ver10/schema"'
    ' xmlns:wsnt="http://docs.oasis-open.org/wsn/b-2" xmlns:wstop="http://docs.oasis-open.org/wsn/t-1"'
    ' xmlns:wsa="http://www.w3.org/2005/08/addressing" xmlns:ter="http://www.onvif.org/ver10/error"'
    ' xmlns:tns1="http://www.onvif.org/ver10/topics" xmlns:own="http://camera.example/own"'
)


def message(
    topic: str, data: dict[str, str], source: dict[str, str] | None = None, operation: str = "Changed"
) -> str:
    """A notification message, as PullMessages hands it out."""

    def items(values: dict[str, str]) -> str:
        return "".join(f'<tt:SimpleItem Name="{name}" Value="{value}"/>' for name, value in values.items())

    return (
        f"<wsnt:NotificationMessage><wsnt:Topic Dialect='{DIALECT}'>{topic}</wsnt:Topic><wsnt:Message>"
        f'<tt:Message UtcTime="2026-01-01T00:00:00Z" PropertyOperation="{operation}">'
        f"<tt:Source>{items(source or {'Source': 'main'})}</tt:Source><tt:Data>{items(data)}</tt:Data>"
        "</tt:Message></wsnt:Message></wsnt:NotificationMessage>"
    )


@dataclass
class Subscription:
    """A pull point: what waits for it, and until when it lives."""

    ends_s: float
    waiting: deque[str] = field(default_factory=deque)


class OnvifServer(ThreadingHTTPServer):
    """A camera on loopback.

    way is how it wants to be shown who asks: ``token`` (WS-Security), ``digest`` (HTTP Digest) or ``none``.
    offset_s is how far its clock is off. answers replaces the answer to a request by its name: bytes as they
    are, or a function that gets the handler and does what it likes. calls are the requests that it took.
    """

    daemon_threads = True

    def __init__(self, way: str = "token", *, offset_s: float = 0.0, media2: bool = True) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.way, self.offset_s, self.media2 = way, offset_s, media2
        self.user, self.password = USER, PASSWORD
        self.old = False
        self.answers: dict[str, bytes | Callable[[_Handler], None]] = {}
        self.calls: list[str] = []
        self.bodies: list[str] = []
        self.relays: list[tuple[str, str]] = []
        self.states: dict[str, str] = {}
        self.subscriptions: dict[str, Subscription] = {}
        self.advertised = ""
        self.changed = threading.Condition()
        self._nonces: set[str] = set()
        self._digest_counts: dict[str, int] = {}
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    @property
    def address(self) -> str:
        """Its host and port."""
        return f"127.0.0.1:{self.server_address[1]}"

    @property
    def url(self) -> str:
        """Its device service."""
        return f"http://{self.address}/onvif/device_service"

    def now(self) -> datetime:
        """Its own clock."""
        return datetime.now(timezone.utc) + timedelta(seconds=self.offset_s)

    def notify(self, topic: str, data: dict[str, str], source: dict[str, str] | None = None) -> None:
        """Something happens at the camera; what it says of it is a property from now on."""
        with self.changed:
            key = f"{topic}{source}"
            self.states[key] = message(topic, data, source, "Initialized")
            for subscription in self.subscriptions.values():
                subscription.waiting.append(message(topic, data, source))
            self.changed.notify_all()

    def hand_out(self, text: str) -> None:
        """Hand this out to every pull point, whatever it is."""
        with self.changed:
            for subscription in self.subscriptions.values():
                subscription.waiting.append(text)
            self.changed.notify_all()

    def forget(self) -> None:
        """Lose all subscriptions, as a camera that starts again does."""
        with self.changed:
            self.subscriptions.clear()
            self.changed.notify_all()

    def wait_for(self, what: Callable[[], bool], timeout_s: float = 10.0) -> bool:
        """Wait until something is so."""
        until_s = time.monotonic() + timeout_s
        while time.monotonic() < until_s:
            if what():
                return True
            time.sleep(0.01)
        return False

    def close(self) -> None:
        """Stop."""
        self.forget()
        self.shutdown()
        self.server_close()
        self.thread.join()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no error."""

    def knows(self, header: Element | None) -> bool:
        """Whether a header's UsernameToken is right: digest, clock and a nonce that is new."""
        token = None if header is None else header.find(".//{*}UsernameToken")
        if token is None:
            return False
        text = {each.tag.rpartition("}")[2]: each.text or "" for each in token}
        created = datetime.fromisoformat(text["Created"].replace("Z", "+00:00"))
        plain = base64.b64decode(text["Nonce"]) + text["Created"].encode() + self.password.encode()
        digest = base64.b64encode(hashlib.sha1(plain, usedforsecurity=False).digest()).decode()
        fresh = abs((created - self.now()).total_seconds()) < WINDOW_S and text["Nonce"] not in self._nonces
        self._nonces.add(text["Nonce"])
        return text["Username"] == self.user and text["Password"] == digest and fresh

    def knows_digest(self, authorization: str, path: str) -> bool:
        """Whether an Authorization header is right, and its count has grown."""
        given = dict(re.findall(r'(\w+)="?([^",]+)"?', authorization))
        if given.get("nonce") != "n0nce" or given.get("uri") != path:
            return False

        def md5(text: str) -> str:
            return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

        who = md5(f"{self.user}:camera:{self.password}")
        count = int(given["nc"], 16)
        told = f"{who}:n0nce:{given['nc']}:{given['cnonce']}:auth:{md5(f'POST:{path}')}"
        right = given["response"] == md5(told) and count > self._digest_counts.get("n0nce", 0)
        self._digest_counts["n0nce"] = count
        return right


class _Handler(BaseHTTPRequestHandler):
    server: OnvifServer

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        root = fromstring(content)
        body = root.find("{*}Body")
        assert body is not None
        request = body[0]
        name = request.tag.rpartition("}")[2]
        self.server.calls.append(name)
        self.server.bodies.append(content.decode())
        planned = self.server.answers.get(name)
        if callable(planned):
            planned(self)
        elif planned is not None:
            self.reply(planned)
        elif name != "GetSystemDateAndTime" and not self._authorized(root.find("{*}Header")):
            self._refuse()
        else:
            found = getattr(self, f"_{name}", None)
            if found is None:
                self.fault("s:Receiver", "ter:ActionNotSupported", "not known")
            else:
                found(request)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""

    def reply(self, content: bytes, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/soap+xml")
        self.send_header("Content-Length", str(len(content)))
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(content)

    def say(self, body: str, status: int = 200) -> None:
        text = f'<?xml version="1.0"?><s:Envelope {NAMESPACES}><s:Body>{body}</s:Body></s:Envelope>'
        self.reply(text.encode(), status)

    def fault(self, code: str, subcode: str, reason: str, status: int = 500) -> None:
        self.say(
            f"<s:Fault><s:Code><s:Value>{code}</s:Value><s:Subcode><s:Value>{subcode}</s:Value></s:Subcode></s:Code>"
            f'<s:Reason><s:Text xml:lang="en">{reason}</s:Text></s:Reason></s:Fault>',
            status,
        )

    def _authorized(self, header: Element | None) -> bool:
        if self.server.way == "none":
            return True
        if self.server.way == "digest":
            return self.server.knows_digest(self.headers.get("Authorization", ""), self.path)
        return self.server.knows(header)

    def _refuse(self) -> None:
        if self.server.way == "digest":
            challenge = 'Digest realm="camera", nonce="n0nce", qop="auth", algorithm=MD5'
            self.reply(b"", 401, {"WWW-Authenticate": challenge})
        else:
            self.fault("s:Sender", "ter:NotAuthorized", "sender not authorized", 400)

    def _place(self, path: str) -> str:
        return f"http://{self.server.advertised or self.server.address}{path}"

    def _GetSystemDateAndTime(self, request: Element) -> None:
        now = self.server.now()
        self.say(
            "<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime><tt:DateTimeType>NTP</tt:DateTimeType><tt:UTCDateTime>"
            f"<tt:Time><tt:Hour>{now.hour}</tt:Hour><tt:Minute>{now.minute}</tt:Minute><tt:Second>{now.second}</tt:Second></tt:Time>"
            f"<tt:Date><tt:Year>{now.year}</tt:Year><tt:Month>{now.month}</tt:Month><tt:Day>{now.day}</tt:Day></tt:Date>"
            "</tt:UTCDateTime></tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>"
        )

    def _GetServices(self, request: Element) -> None:
        if self.server.old:
            self.fault("s:Receiver", "ter:ActionNotSupported", "not known")
            return
        kinds = {"ver10/device": "device", "ver10/media": "media", "ver10/events": "events"}
        if self.server.media2:
            kinds["ver20/media"] = "media2"
        services = "".join(
            f"<tds:Service><tds:Namespace>http://www.onvif.org/{kind}/wsdl</tds:Namespace>"
            f"<tds:XAddr>{self._place(f'/onvif/{name}')}</tds:XAddr></tds:Service>"
            for kind, name in kinds.items()
        )
        self.say(f"<tds:GetServicesResponse>{services}</tds:GetServicesResponse>")

    def _GetCapabilities(self, request: Element) -> None:
        self.say(
            "<tds:GetCapabilitiesResponse><tds:Capabilities>"
            f"<tt:Events><tt:XAddr>{self._place('/onvif/events')}</tt:XAddr></tt:Events>"
            f"<tt:Media><tt:XAddr>{self._place('/onvif/media')}</tt:XAddr></tt:Media>"
            "</tds:Capabilities></tds:GetCapabilitiesResponse>"
        )

    def _GetDeviceInformation(self, request: Element) -> None:
        self.say(
            "<tds:GetDeviceInformationResponse><tds:Manufacturer>Example</tds:Manufacturer>"
            "<tds:Model>Cam 1</tds:Model><tds:FirmwareVersion>1.2</tds:FirmwareVersion>"
            "<tds:SerialNumber>0815</tds:SerialNumber>"
            "<tds:HardwareId>c1</tds:HardwareId></tds:GetDeviceInformationResponse>"
        )

    def _GetProfiles(self, request: Element) -> None:
        rows = (("p1", "main", "H265", 3840, 2160, 25), ("p2", "sub", "H264", 640, 360, 15))
        two = "ver20" in request.tag
        profiles = ""
        for token, name, codec, width, height, fps in rows:
            inside = (
                f"<tt:Encoding>{codec}</tt:Encoding><tt:Resolution><tt:Width>{width}</tt:Width>"
                f"<tt:Height>{height}</tt:Height></tt:Resolution><tt:RateControl>"
                f"<tt:FrameRateLimit>{fps}</tt:FrameRateLimit></tt:RateControl>"
            )
            if two:
                profiles += (
                    f'<tr2:Profiles token="{token}"><tr2:Name>{name}</tr2:Name><tr2:Configurations>'
                    f"<tr2:VideoEncoder>{inside}</tr2:VideoEncoder></tr2:Configurations></tr2:Profiles>"
                )
            else:
                profiles += (
                    f'<trt:Profiles token="{token}"><tt:Name>{name}</tt:Name>'
                    f"<tt:VideoEncoderConfiguration>{inside}</tt:VideoEncoderConfiguration></trt:Profiles>"
                )
        prefix = "tr2" if two else "trt"
        self.say(f"<{prefix}:GetProfilesResponse>{profiles}</{prefix}:GetProfilesResponse>")

    def _GetStreamUri(self, request: Element) -> None:
        self._uri(request, "GetStreamUriResponse", "rtsp://127.0.0.1:8554/")

    def _GetSnapshotUri(self, request: Element) -> None:
        self._uri(request, "GetSnapshotUriResponse", f"http://{self.server.address}/snap?password=Secret&id=")

    def _uri(self, request: Element, answer: str, start: str) -> None:
        token = request.findtext("{*}ProfileToken")
        if "ver20" in request.tag:
            self.say(f"<tr2:{answer}><tr2:Uri>{start.replace('&', '&amp;')}{token}</tr2:Uri></tr2:{answer}>")
        else:
            inside = f"<trt:MediaUri><tt:Uri>{start.replace('&', '&amp;')}{token}</tt:Uri></trt:MediaUri>"
            self.say(f"<trt:{answer}>{inside}</trt:{answer}>")

    def _GetRelayOutputs(self, request: Element) -> None:
        self.say(
            '<tds:GetRelayOutputsResponse><tds:RelayOutputs token="relay1"><tt:Properties>'
            "<tt:Mode>Bistable</tt:Mode><tt:IdleState>open</tt:IdleState></tt:Properties></tds:RelayOutputs></tds:GetRelayOutputsResponse>"
        )

    def _SetRelayOutputState(self, request: Element) -> None:
        output = request.findtext("{*}RelayOutputToken") or ""
        if output != "relay1":
            self.fault("s:Sender", "ter:InvalidArgVal", "unknown relay token", 400)
            return
        self.server.relays.append((output, request.findtext("{*}LogicalState") or ""))
        self.say("<tds:SetRelayOutputStateResponse/>")

    def _GetEventProperties(self, request: Element) -> None:
        def topic(name: str, item: str) -> str:
            return (
                f'<{name} wstop:topic="true"><tt:MessageDescription IsProperty="true"><tt:Source/><tt:Data>'
                f'<tt:SimpleItemDescription Name="{item}" Type="xs:boolean"/></tt:Data>'
                f"</tt:MessageDescription></{name}>"
            )

        self.say(
            "<tev:GetEventPropertiesResponse><wstop:TopicSet><tns1:RuleEngine><CellMotionDetector>"
            f"{topic('Motion', 'IsMotion')}</CellMotionDetector></tns1:RuleEngine><tns1:VideoSource>"
            f"<GlobalSceneChange>{topic('ImagingService', 'State')}</GlobalSceneChange></tns1:VideoSource>"
            f"<own:Washer>{topic('Empty', 'State')}</own:Washer></wstop:TopicSet>"
            "</tev:GetEventPropertiesResponse>"
        )

    def _CreatePullPointSubscription(self, request: Element) -> None:
        asked = request.findtext("{*}InitialTerminationTime") or "PT60S"
        lasts_s = _seconds(asked)
        with self.server.changed:
            number = str(len(self.server.calls))
            waiting = deque(self.server.states.values())
            self.server.subscriptions[number] = Subscription(time.monotonic() + lasts_s, waiting)
        now = self.server.now()
        self.say(
            "<tev:CreatePullPointSubscriptionResponse><tev:SubscriptionReference>"
            f"<wsa:Address>{self._place('/onvif/pull')}</wsa:Address><wsa:ReferenceParameters>"
            f"<own:SubscriptionId>{number}</own:SubscriptionId></wsa:ReferenceParameters></tev:SubscriptionReference>"
            f"<wsnt:CurrentTime>{_stamp(now)}</wsnt:CurrentTime>"
            f"<wsnt:TerminationTime>{_stamp(now + timedelta(seconds=lasts_s))}</wsnt:TerminationTime>"
            "</tev:CreatePullPointSubscriptionResponse>"
        )

    def _subscription(self) -> tuple[str, Subscription | None]:
        number = re.search(r"SubscriptionId[^>]*>(\d+)<", self.server.bodies[-1])
        key = number[1] if number else ""
        return key, self.server.subscriptions.get(key)

    def _PullMessages(self, request: Element) -> None:
        _, subscription = self._subscription()
        if subscription is None:
            self.fault("s:Sender", "wsnt:ResourceUnknownFault", "no such subscription", 400)
            return
        until_s = time.monotonic() + min(_seconds(request.findtext("{*}Timeout") or "PT1S"), 2.0)
        with self.server.changed:
            while not subscription.waiting and time.monotonic() < until_s and self._subscription()[1]:
                self.server.changed.wait(max(until_s - time.monotonic(), 0.0))
            messages = "".join(subscription.waiting)
            subscription.waiting.clear()
        now = self.server.now()
        self.say(
            f"<tev:PullMessagesResponse><tev:CurrentTime>{_stamp(now)}</tev:CurrentTime>"
            f"<tev:TerminationTime>{_stamp(now)}</tev:TerminationTime>{messages}</tev:PullMessagesResponse>"
        )

    def _Renew(self, request: Element) -> None:
        _, subscription = self._subscription()
        if subscription is None:
            self.fault("s:Sender", "wsnt:ResourceUnknownFault", "no such subscription", 400)
            return
        lasts_s = _seconds(request.findtext("{*}TerminationTime") or "PT60S")
        subscription.ends_s = time.monotonic() + lasts_s
        now = self.server.now()
        ends = _stamp(now + timedelta(seconds=lasts_s))
        self.say(
            f"<wsnt:RenewResponse><wsnt:TerminationTime>{ends}</wsnt:TerminationTime>"
            f"<wsnt:CurrentTime>{_stamp(now)}</wsnt:CurrentTime></wsnt:RenewResponse>"
        )

    def _SetSynchronizationPoint(self, request: Element) -> None:
        self.say("<tev:SetSynchronizationPointResponse/>")

    def _Unsubscribe(self, request: Element) -> None:
        key, _ = self._subscription()
        with self.server.changed:
            self.server.subscriptions.pop(key, None)
            self.server.changed.notify_all()
        self.say("<wsnt:UnsubscribeResponse/>")


def _seconds(duration: str) -> float:
    match = re.fullmatch(r"PT(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?", duration)
    assert match is not None, duration
    return 60.0 * float(match[1] or 0) + float(match[2] or 0)


def _stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
