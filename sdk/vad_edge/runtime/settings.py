"""What a run is told, and what it tells in the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import platformdirs

from vad_edge.bundle.archive import Bundle
from vad_edge.bundle.manifest import Precision
from vad_edge.common.verdict import Verdict
from vad_edge.config.site import SiteConfig
from vad_edge.runtime.pushed_sensor import PushedSensor
from vad_edge.sensors.hub import PUSHED
from vad_edge.video.open import SourceSpec


@dataclass(frozen=True, slots=True)
class RunSettings:
    """One run.

    bundle may be None for a site without cameras. output is the folder of the event store, the user's state
    folder where None. duration_s ends the run on its own clock. replay_wait_s is how long a run on recordings
    waits for a sensor replay before its first frame. threads is the engine's share of the cores, all of them
    where None. precision is the fastest the bundle has where None. sources holds, by the camera's name, what
    is opened instead of its site file's source; pushed the sensors whose values the program gives itself.
    """

    site: SiteConfig
    bundle: Bundle | None = None
    output: Path | None = None
    duration_s: float | None = None
    engine: str = "auto"
    precision: Precision | None = None
    threads: int | None = None
    replay_wait_s: float = 0.0
    sources: Mapping[str, SourceSpec] = field(default_factory=dict)
    pushed: Sequence[PushedSensor] = ()

    @property
    def store_path(self) -> Path:
        """Where the events of this site are kept."""
        return store_path(self.output, self.site.site)

    @property
    def learned(self) -> Path:
        """Where cameras of this site keep what they learn themselves."""
        return self.store_path.parent / "learned"


def store_path(folder: Path | None, site: str) -> Path:
    """The event store in a run's output folder, or that of a site in the user's state folder."""
    return (folder or platformdirs.user_state_path("vad-edge") / site) / "events.db"


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What happened in a run.

    frames counts the source frames dealt with, scored those the model scored, invalid those it could not,
    skipped those the resampler left out, dropped those a live reader threw away. latency_ms holds the p50 and
    p99 from a frame's leaving the reader to its risk. seconds says where the time went; decode runs in
    threads of its own, beside the others. first_score_s is from the run's start to the first valid score.
    problems lists what went wrong on the way, such as a truncated file; remarks what is worth knowing and no
    failure, such as frames that there was no time to draw.
    """

    frames: int
    scored: int
    invalid: int
    skipped: int
    dropped: int
    events: int
    incidents: int
    wall_s: float
    first_score_s: float | None
    latency_ms: Mapping[str, float]
    seconds: Mapping[str, float]
    problems: tuple[str, ...]
    remarks: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def sensors_heard(site: SiteConfig) -> Verdict:
    """Sensors speak over MQTT, but for those whose values are pushed: the others need a broker."""
    heard = [sensor.name for sensor in site.sensor if not sensor.topic.startswith(PUSHED)]
    if not heard or site.broker.address != "none":
        return Verdict(ok=True)
    names = ", ".join(heard)
    return Verdict(
        ok=False,
        reason=f"there is no broker, so no sensor is heard ({names})",
        fix="give --broker mqtt://HOST or the site file a [broker] url, or leave the sensors out",
    )
