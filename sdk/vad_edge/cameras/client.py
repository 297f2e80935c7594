"""Asking a camera by ONVIF: who we are, its clock, its services."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Final
from urllib.parse import urlsplit, urlunsplit
from xml.etree.ElementTree import Element

from vad_edge.cameras.exchange import TIMEOUT_S, Exchange, HttpAnswer
from vad_edge.cameras.http_digest import authorization, challenge_of
from vad_edge.cameras.login import CameraLogin, username_token
from vad_edge.cameras.soap import (
    DEVICE,
    EVENTS,
    MEDIA,
    SoapFault,
    addressing,
    envelope,
    find,
    find_all,
    local,
    number_of,
    read_body,
    tag,
    text_of,
)
from vad_edge.clock import utc_now
from vad_edge.common.http import target_of
from vad_edge.errors import CameraError

_MOST_SERVICES: Final = 64
_SERVICES: Final = {MEDIA: "media", EVENTS: "event"}
_TIME: Final = "GetSystemDateAndTime"


@dataclass(frozen=True, slots=True)
class ServicePort:
    """Where a camera answers, and the headers that tell it which of its resources is meant.

    name is what the camera itself calls the place.
    """

    url: str
    name: str
    headers: tuple[Element, ...] = ()


@dataclass(frozen=True, slots=True)
class _Message:
    """One request; longer_s is how long the camera may wait before it answers, beside the usual time."""

    url: str
    action: str
    body: Element
    header: Sequence[Element] = ()
    longer_s: float = 0.0


class OnvifClient:
    """One camera's services. Not thread-safe but for `cut`, which ends the request under way.

    Nothing is asked of any other host than that of `url`, whatever the camera names: our credentials stay
    there. `utc` is this machine's clock.
    """

    def __init__(
        self,
        url: str,
        login: CameraLogin | None = None,
        *,
        timeout_s: float = TIMEOUT_S,
        utc: Callable[[], datetime] = utc_now,
    ) -> None:
        self.url = url
        self.place = f"camera {urlsplit(url).netloc}"
        self._login = login
        self._exchange = Exchange(timeout_s)
        self._utc = utc
        self._challenge: dict[str, str] | None = None
        self._uses = 0
        self._offset_s: float | None = None
        self._asked_time = False
        self._services: dict[str, str] | None = None

    def cut(self) -> None:
        """End the request under way, from any thread."""
        self._exchange.cut()

    def clock_offset_s(self) -> float | None:
        """How far the camera's clock is ahead of ours, seconds; None where it does not say its time.

        Asked once, without credentials, as the standard wants it. Raises CameraError.
        """
        if not self._asked_time:
            before = self._utc()
            request = _Message(self.url, f"{DEVICE}/{_TIME}", element(DEVICE, _TIME))
            answer = self._post(request, envelope(request.body))
            middle = before + (self._utc() - before) / 2
            body = None if answer.status == 401 else read_body(answer.body, where=self.place)
            told = None if body is None or isinstance(body, SoapFault) else _utc_seconds(body)
            self._offset_s = None if told is None else told - middle.timestamp()
            self._asked_time = True
        return self._offset_s

    def ask(self, namespace: str, name: str, *children: Element) -> Element:
        """The answer of a service to a request by its name.

        Raises CameraError: no answer, a refusal, a fault, or a service that the camera lacks.
        """
        url = self.port(namespace).url
        return self._called(_Message(url, f"{namespace}/{name}", element(namespace, name, None, *children)))

    def port(self, namespace: str) -> ServicePort:
        """Where a service is that `tell` speaks to. Raises CameraError where the camera has none."""
        url = self.service(namespace)
        if url is None:
            name = _SERVICES.get(namespace, namespace)
            raise CameraError(f"it has no {name} service", where=self.place)
        return ServicePort(url, url)

    def tell(self, port: ServicePort, action: str, body: Element, *, longer_s: float = 0.0) -> Element:
        """The answer to a request of WS-Addressing, as event services want them. Raises CameraError."""
        header = [*addressing(action, port.name, f"urn:uuid:{uuid.uuid4()}"), *port.headers]
        return self._called(_Message(port.url, action, body, header, longer_s))

    def service(self, namespace: str) -> str | None:
        """Where a service of the camera is; None where it has none. Raises CameraError."""
        if namespace == DEVICE:
            return self.url
        if self._services is None:
            self._services = self._found_services()
        return self._services.get(namespace)

    def at_home(self, url: str) -> str:
        """A URL that the camera named, on the host that we were given.

        A camera behind a router, or with a wrong setting, names an address that we do not reach; a hostile
        one would send our credentials elsewhere. Its port counts where the host is the same.
        """
        ours, theirs = urlsplit(self.url), urlsplit(url)
        same = theirs.hostname == ours.hostname and theirs.scheme == ours.scheme
        netloc = theirs.netloc.rpartition("@")[2] if same else ours.netloc
        return urlunsplit((ours.scheme, netloc, theirs.path or "/", theirs.query, ""))

    def _found_services(self) -> dict[str, str]:
        request = element(DEVICE, "GetServices", None, element(DEVICE, "IncludeCapability", "false"))
        answer = self._answer(_Message(self.url, f"{DEVICE}/GetServices", request))
        if isinstance(answer, SoapFault):  # older devices know this alone
            answer = self.ask(DEVICE, "GetCapabilities", element(DEVICE, "Category", "All"))
            found = {
                namespace: text_of(answer, f"Capabilities/{name}/XAddr")
                for namespace, name in ((MEDIA, "Media"), (EVENTS, "Events"))
            }
        else:
            found = {
                text_of(service, "Namespace"): text_of(service, "XAddr")
                for service in find_all(answer, "Service")[:_MOST_SERVICES]
            }
        return {namespace: self.at_home(url) for namespace, url in found.items() if url}

    def _called(self, message: _Message) -> Element:
        answer = self._answer(message)
        if isinstance(answer, SoapFault):
            raise CameraError(f"it answers {local(message.body)} with {answer}", where=self.place)
        return answer

    def _answer(self, message: _Message) -> Element | SoapFault:
        """What the camera answers; a fault but for one that refuses us, which is a CameraError."""
        answer = self._authorized(message)
        if answer.status == 401:
            raise self._refusal()
        body = self._read(message, answer)
        if isinstance(body, SoapFault) and body.not_authorized:
            raise self._refusal()
        return body

    def _read(self, message: _Message, answer: HttpAnswer) -> Element | SoapFault:
        try:
            return read_body(answer.body, where=self.place)
        except CameraError as error:
            if answer.status == 200:
                raise
            raise CameraError(
                f"it answers {local(message.body)} with HTTP status {answer.status}",
                where=self.place,
                fix="check port and path; `vad-edge cameras discover` shows where a camera has its service",
            ) from error

    def _authorized(self, message: _Message) -> HttpAnswer:
        """The answer to a request with our credentials: WS-Security, or HTTP Digest where it is asked for."""
        if self._login is None:
            return self._post(message, envelope(message.body, None, message.header))
        if self._challenge is None:
            now = self._utc() + timedelta(seconds=self.clock_offset_s() or 0.0)
            token = username_token(self._login, os.urandom(16), now)
            answer = self._post(message, envelope(message.body, token, message.header))
            if not self._challenged(answer):
                return answer
        known = self._uses > 0
        answer = self._with_digest(message, self._login)
        # A nonce grows stale. A wrong password is not tried again: cameras lock whoever does.
        return self._with_digest(message, self._login) if self._challenged(answer) and known else answer

    def _challenged(self, answer: HttpAnswer) -> bool:
        """Whether the camera asks for HTTP Digest; its challenge is kept."""
        found = (challenge_of(header) for header in answer.challenges) if answer.status == 401 else ()
        challenge = next((each for each in found if each is not None), None)
        if challenge is None:
            return False
        self._challenge, self._uses = challenge, 0
        return True

    def _with_digest(self, message: _Message, login: CameraLogin) -> HttpAnswer:
        assert self._challenge is not None  # noqa: S101 - asked for by the caller
        self._uses += 1
        header = authorization(
            self._challenge, login, target_of(message.url), os.urandom(8).hex(), self._uses
        )
        return self._post(message, envelope(message.body, None, message.header), {"Authorization": header})

    def _post(self, message: _Message, content: bytes, more: Mapping[str, str] | None = None) -> HttpAnswer:
        headers = {
            "Content-Type": f'application/soap+xml; charset=utf-8; action="{message.action}"',
            "User-Agent": "vad-edge",
            **(more or {}),
        }
        return self._exchange.post(message.url, content, headers, longer_s=message.longer_s)

    def _refusal(self) -> CameraError:
        if self._login is None:
            return CameraError(
                "it wants a user and a password", where=self.place, fix="give both", refused=True
            )
        return CameraError(
            f"it refuses the user {self._login.user} or the password",
            where=self.place,
            fix="check both; many cameras keep users for ONVIF of their own, and lock an address for a while"
            " after some tries",
            refused=True,
        )


def element(namespace: str, name: str, text: str | None = None, *children: Element) -> Element:
    """An element with this text or these children."""
    made = Element(tag(namespace, name))
    made.text = text
    made.extend(children)
    return made


def _utc_seconds(answer: Element) -> float | None:
    """The time a camera says in GetSystemDateAndTime, seconds since 1970; None where it says none."""
    told = find(answer, "SystemDateAndTime/UTCDateTime")
    parts = [
        number_of(told, name)
        for name in ("Date/Year", "Date/Month", "Date/Day", "Time/Hour", "Time/Minute", "Time/Second")
    ]
    whole = [int(part) for part in parts if part is not None]
    try:
        year, month, day, hour, minute, second = whole
        # A leap second is no time to Python.
        return datetime(year, month, day, hour, minute, min(second, 59), tzinfo=timezone.utc).timestamp()
    except (ValueError, OverflowError):
        return None
