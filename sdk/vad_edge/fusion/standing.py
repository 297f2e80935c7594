"""Which levels hold, by which of the streams behind an alarm budget can be believed."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from vad_edge.config.site import PolicyConfig

RETURN_S = 60.0
"""How long a stream must have been back before levels count on it again."""


class Standing:
    """Levels are set for all streams together; without one of them they would be too high.

    policies holds one for each stream that may be missing, by its name, and under "" the one for video alone,
    for when more are missing. A stream that drops out counts at once, one that is back after `RETURN_S`.
    """

    def __init__(
        self, streams: Collection[str], whole: PolicyConfig, policies: Mapping[str, PolicyConfig]
    ) -> None:
        self._streams = frozenset(streams)
        self._whole = whole
        self._policies = policies
        self._absent: dict[str, float] = {}

    def update(self, believed: Collection[str], time_s: float) -> tuple[PolicyConfig, frozenset[str]]:
        """The policy at `time_s`, and the streams that count by it."""
        for stream in self._streams.difference(believed):
            self._absent[stream] = time_s
        if self._absent:
            self._absent = {
                stream: at_s for stream, at_s in self._absent.items() if abs(time_s - at_s) < RETURN_S
            }
        if not self._absent:
            return self._whole, self._streams
        if len(self._absent) == 1:
            (missing,) = self._absent
            if missing in self._policies:
                return self._policies[missing], self._streams - {missing}
        if "" in self._policies:
            return self._policies[""], frozenset()
        return self._whole, self._streams
