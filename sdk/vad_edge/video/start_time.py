"""The wall time of a recording's first frame, from its name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Final

_MOMENT: Final = re.compile(
    r"(?<!\d)(?P<year>\d{4})(?P<d>[-_.]?)(?P<month>\d\d)(?P=d)(?P<day>\d\d)[T_ -]{0,3}"
    r"(?P<hour>\d\d)(?P<t>[-_.:]?)(?P<minute>\d\d)(?P=t)(?P<second>\d\d)"
    r"(?:[.,](?P<fraction>\d{1,6})|(?P<ms>\d{3}))?(?!\d)"
    r"(?P<zone>[Zz](?![A-Za-z])|\+\d\d:?\d\d(?!\d)|-\d\d:\d\d(?!\d))?"
)
_EPOCH: Final = re.compile(r"(?<![0-9A-Za-z])(1\d{9})(?:\.(\d{1,6})|(\d{3}))?(?!\d)")
_DAY: Final = re.compile(r"(?:^|/)(\d{4})([-_./]?)(\d\d)\2(\d\d)(?=/|$)")
_TIME: Final = re.compile(r"(?<!\d)(\d\d)([-_.:]?)(\d\d)\2(\d\d)(?!\d)")
_FIRST_YEAR: Final = 1990
_LAST_YEAR: Final = 2099


def start_in_name(path: Path, zone: tzinfo | None = None) -> datetime | None:
    """The first moment that a file's name says, in UTC; None without one, or for a date that cannot be.

    A name without a time zone means `zone`, which is this machine's where it is None. A folder may say the
    day and the name the time.

    >>> start_in_name(Path("ch01_20240101120000_20240101121000.mp4"), timezone.utc)
    datetime.datetime(2024, 1, 1, 12, 0, tzinfo=datetime.timezone.utc)
    >>> start_in_name(Path("2024/01/01/12-00-00.mp4"), timezone.utc)
    datetime.datetime(2024, 1, 1, 12, 0, tzinfo=datetime.timezone.utc)
    """
    name = path.name if path.suffix[1:].isdigit() else path.stem
    return next(_moments(path, name, zone), None)


def _moments(path: Path, name: str, zone: tzinfo | None) -> Iterator[datetime]:
    for found in _MOMENT.finditer(name):
        parts = [int(found[part]) for part in ("year", "month", "day", "hour", "minute", "second")]
        moment = _moment(parts, _zone(found["zone"]) or zone)
        if moment is not None:
            yield moment + _fraction(found["fraction"] or found["ms"])
    for found in _EPOCH.finditer(name):
        yield datetime.fromtimestamp(int(found[1]), timezone.utc) + _fraction(found[2] or found[3])
    days = list(_DAY.finditer("/".join(path.absolute().parts[1:-1])))
    for found in _TIME.finditer(name) if days else ():
        day = days[-1]
        moment = _moment([int(part) for part in (*day.group(1, 3, 4), *found.group(1, 3, 4))], zone)
        if moment is not None:
            yield moment


def _moment(parts: list[int], zone: tzinfo | None) -> datetime | None:
    year, month, day, hour, minute, second = parts
    if not _FIRST_YEAR <= year <= _LAST_YEAR:
        return None
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=zone).astimezone(timezone.utc)
    except ValueError:
        return None


def _zone(text: str | None) -> tzinfo | None:
    if text is None:
        return None
    if text in "Zz":
        return timezone.utc
    digits = text[1:].replace(":", "")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if text[0] == "-" else offset) if offset < timedelta(hours=24) else None


def _fraction(digits: str | None) -> timedelta:
    return timedelta(microseconds=int((digits or "0").ljust(6, "0")))
