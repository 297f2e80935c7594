"""A run as log lines, for a terminal nobody looks at and for journals."""

from __future__ import annotations

import logging
import time
from collections import Counter

from vad_edge.events.event import Event
from vad_edge.fusion.level import Level
from vad_edge.health.board import HealthEvent
from vad_edge.report.moment import Moment

_log = logging.getLogger("vad_edge.run")

STATUS_EVERY_S = 10.0


class LogLines:
    """Logs level changes and conditions as they come, and a status line for each camera every ten seconds."""

    def __init__(self) -> None:
        self._last_s: dict[str, float] = {}
        self._frames: Counter[str] = Counter()

    def on_moment(self, moment: Moment) -> None:
        """Count the frame; now and then say how its camera goes."""
        camera, now_s = moment.camera, time.monotonic()
        self._frames[camera] += 1
        elapsed_s = now_s - self._last_s.setdefault(camera, now_s)
        if elapsed_s < STATUS_EVERY_S:
            return
        _log.info(
            "%s: %.1f frames/s, risk %s, %s, %d dropped",
            camera,
            self._frames[camera] / elapsed_s,
            f"{moment.risk.value:.2f}" if moment.risk is not None else "-",
            moment.level,
            moment.counters.get("dropped", 0),
        )
        self._last_s[camera], self._frames[camera] = now_s, 0

    def on_event(self, event: Event) -> None:
        """Say what changed, and why."""
        _log.log(
            logging.WARNING if event.level >= Level.WARNING else logging.INFO,
            "%s: %s, %s -> %s at %.1f s, risk %.2f (%s)%s",
            event.camera,
            event.kind,
            event.previous,
            event.level,
            event.time_s,
            event.risk,
            ", ".join(f"{name} {share:.2f}" for name, share in _largest(event)),
            f", {event.rarity}" if event.rarity else "",
            extra={
                "fields": {
                    "CAMERA": event.camera,
                    "LEVEL": event.level,
                    "INCIDENT": event.incident,
                    "EVENT": event.id,
                }
            },
        )

    def on_health(self, event: HealthEvent) -> None:
        """Say what is wrong, or well again."""
        about = {"fields": {"CONDITION": event.code, "SUBJECT": event.subject}}
        if event.state == "raised":
            _log.warning("%s: %s: %s", event.subject, event.code, event.message, extra=about)
        else:
            _log.info("%s: %s is over", event.subject, event.code, extra=about)

    def close(self) -> None:
        """Nothing to finish."""


def _largest(event: Event) -> list[tuple[str, float]]:
    return sorted(event.shares.items(), key=lambda share: -share[1])[:3]
