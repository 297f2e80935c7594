"""One HTTP POST at a time, over within a bounded time whatever the other side does."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from vad_edge.common.explain import system_errors_as
from vad_edge.common.http import bounded, connection_to, target_of, why_no_answer
from vad_edge.errors import ConfigError

Verdict = Literal["taken", "again", "refused"]

REFUSALS = 5
"""An event that is refused so often is set aside, so that those behind it get through."""

FIRST_S, LONGEST_S = 1.0, 300.0
_PATIENCE_S = 3600.0


@dataclass(frozen=True, slots=True)
class Response:
    """An endpoint's answer. status is 0 where there was none, `reason` then says why."""

    status: int
    reason: str = ""
    retry_after: str = ""
    location: str = ""


def judge(answer: Response) -> tuple[Verdict, str]:
    """What to do with the event, and why in words.

    Only an answer about this very event refuses it; one about the endpoint or our credentials can be
    corrected, so the event waits. A redirect is not followed: it could carry the token anywhere.
    """
    if answer.status == 0:
        return "again", answer.reason
    if 200 <= answer.status < 300:
        return "taken", ""
    told = f"answered {answer.status} {answer.reason}".rstrip()
    if 300 <= answer.status < 400:
        return (
            "again",
            f"{told}, pointing to {_place(answer.location)}; set webhook.url to where events belong",
        )
    if answer.status in (401, 403):
        return "again", f"{told}; check the token"
    if answer.status == 415:
        return "again", f"{told}; the other webhook.mode may suit it"
    if answer.status in (400, 413, 422):
        return "refused", told
    return "again", told


def asked_s(answer: Response, now: datetime) -> float:
    """Seconds that the endpoint asks to wait, an hour at most; 0 where it asks for nothing."""
    return max(min(_asked_s(answer.retry_after, now), _PATIENCE_S), 0.0)


def _asked_s(retry_after: str, now: datetime) -> float:
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after)
    try:
        until = parsedate_to_datetime(retry_after)
    except (TypeError, ValueError):
        return 0.0
    return (until if until.tzinfo else until.replace(tzinfo=timezone.utc)).timestamp() - now.timestamp()


def _place(location: str) -> str:
    """Where a redirect points to, without a query that may hold secrets."""
    try:
        parts = urlsplit(location)
    except ValueError:
        return "nowhere"
    return f"{parts.scheme}://{parts.hostname}{parts.path}" if parts.hostname else parts.path or "nowhere"


class Endpoint:
    """An HTTP or HTTPS address that is posted to.

    ca_file is trusted beside nothing else; without it the system's authorities are. Raises ConfigError if it
    cannot be used.
    """

    def __init__(self, url: str, *, timeout_s: float, ca_file: Path | None = None) -> None:
        self._url = url
        self._timeout_s = timeout_s
        with system_errors_as(ConfigError, "cannot use the CA file", f"webhook.ca_file ({ca_file})"):
            self._tls = ssl.create_default_context(cafile=ca_file) if url.startswith("https:") else None

    def post(self, headers: Mapping[str, str], body: bytes) -> Response:
        """Send `body` and wait for the head of the answer; what fails is an answer of status 0."""
        connection = connection_to(self._url, self._timeout_s, self._tls)
        with bounded(connection, self._timeout_s) as late:
            try:
                connection.request("POST", target_of(self._url), body, dict(headers))
                response = connection.getresponse()
                if late.is_set():
                    raise TimeoutError
            except (OSError, http.client.HTTPException) as error:
                if late.is_set() or isinstance(error, TimeoutError):
                    return Response(0, f"no whole answer within {self._timeout_s:g} s")
                fix = "; set webhook.ca_file" if isinstance(error, ssl.SSLCertVerificationError) else ""
                return Response(0, f"{why_no_answer(error)}{fix}")
            return Response(
                response.status,
                response.reason[:80],
                response.headers.get("Retry-After", ""),
                response.headers.get("Location", ""),
            )
