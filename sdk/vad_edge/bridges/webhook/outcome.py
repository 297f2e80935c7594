"""What an answer means for an event, and how long to wait before the next try."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Literal
from urllib.parse import urlsplit

Verdict = Literal["taken", "again", "refused"]

REFUSALS = 5
"""An event that is refused so often is set aside, so that those behind it get through."""

_FIRST_S, _LONGEST_S = 1.0, 300.0
_PATIENCE_S = 3600.0


@dataclass(frozen=True, slots=True)
class Answer:
    """An endpoint's answer. status is 0 where there was none, `reason` then says why."""

    status: int
    reason: str = ""
    retry_after: str = ""
    location: str = ""


def judge(answer: Answer) -> tuple[Verdict, str]:
    """What to do with the event, and why in words.

    Only an answer about this very event refuses it; one about the endpoint or our credentials can be mended,
    so the event waits. A redirect is not followed: it could carry the token anywhere.
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


def delay_s(failures: int, answer: Answer, now: datetime, chance: random.Random) -> float:
    """Seconds to wait after `failures` in a row: more each time, scattered, no less than asked for."""
    longest_s = min(_FIRST_S * 2.0 ** min(failures - 1, 30), _LONGEST_S)
    return max(longest_s * chance.uniform(0.5, 1.0), min(_asked_s(answer.retry_after, now), _PATIENCE_S))


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
