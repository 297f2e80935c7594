"""What a library or the system refused, in one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import ValidationError

from vad_edge.errors import VadEdgeError


def first_problem(error: ValidationError, *, whole: str = "") -> str:
    """The first thing that is wrong with a table, and where in it; `whole` names the table itself."""
    first = error.errors(include_url=False, include_context=False)[0]
    place = ".".join(str(part) for part in first["loc"]) or whole
    what = first["msg"].removeprefix("Value error, ")
    return f"{place}: {what}" if place else what


@contextmanager
def system_errors_as(kind: type[VadEdgeError], what: str, where: object, *, fix: str = "") -> Iterator[None]:
    """Raise what the system refuses inside as `kind`: ``WHERE: WHAT: No space left on device``."""
    try:
        yield
    except OSError as error:
        raise kind(f"{what}: {error.strerror or error}", where=str(where), fix=fix) from error
