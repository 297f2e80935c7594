"""An event as the database holds it."""

from __future__ import annotations

import json
import zlib

from vad_edge.events.event import Event, from_cloudevent, to_cloudevent


def pack(event: Event) -> bytes:
    """Its CloudEvent, compressed: a third of the text. Raises ValueError for a number JSON does not know."""
    return compressed(json.dumps(to_cloudevent(event), allow_nan=False))


def compressed(text: str) -> bytes:
    """JSON as the column of bodies holds it."""
    return zlib.compress(text.encode(), 6)


def unpack(body: bytes) -> Event:
    """The event in a body. Raises ValueError if it is damaged or not one of ours."""
    try:
        return from_cloudevent(json.loads(zlib.decompress(body)))
    except (TypeError, zlib.error) as error:
        raise ValueError(f"its body is damaged: {error}") from error
