"""Payloads that are a bare number or a declared word, as most are: read without looking for JSON in them."""

from __future__ import annotations

import math

from vad_edge.config.site import SensorConfig


class BareReader:
    """Reads what one stream says where that takes no second look.

    What `parse` makes of a payload is the rule, and only it says what is wrong with one.
    """

    def __init__(self, config: SensorConfig) -> None:
        self._bare = config.field is None and config.time_field is None
        self._lowest = -math.inf if config.minimum is None else config.minimum
        self._highest = math.inf if config.maximum is None else config.maximum
        if config.kind == "pulse":
            self._lowest = max(self._lowest, 0.0)
        self._words: dict[bytes, float] | None = None
        if config.kind == "binary":
            declared = (*((word, 0.0) for word in config.off), *((word, 1.0) for word in config.on))
            self._words = {word.strip().casefold().encode(): value for word, value in declared}

    def read(self, payload: bytes) -> float | None:
        """The value, None for what takes a second look."""
        if not self._bare:
            return None
        if self._words is not None:
            return self._words.get(payload.strip().lower())
        try:
            number = float(payload)
        except ValueError:
            return None
        # Python takes digits apart with underscores, nobody else does.
        fits = self._lowest <= number <= self._highest and math.isfinite(number) and b"_" not in payload
        return number if fits else None
