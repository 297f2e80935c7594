"""What is constant in a run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from vad_edge.bundle.archive import Bundle
from vad_edge.clock import LiveClock, MediaClock
from vad_edge.config.site import SiteConfig
from vad_edge.health.board import HealthBoard


@dataclass(frozen=True, slots=True)
class RunContext:
    """The site, the clock, the health board and the model that every part of a run shares."""

    site: SiteConfig
    clock: LiveClock | MediaClock
    health: HealthBoard
    bundle: Bundle | None = None

    @property
    def is_media(self) -> bool:
        """Whether the run is on recordings, and its time is theirs."""
        return self.clock.is_media

    def now(self) -> float:
        """Seconds on the run clock."""
        return self.clock.now()

    def wall(self, time_s: float) -> datetime:
        """The UTC wall time of a time on the run clock."""
        return self.clock.wall(time_s)
