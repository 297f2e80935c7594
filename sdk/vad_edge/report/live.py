"""A run as a live table on a terminal."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from vad_edge.events.event import Event
from vad_edge.fusion.level import Level
from vad_edge.health.board import HealthEvent
from vad_edge.report.drawing import sensor_text
from vad_edge.report.moment import Moment

REFRESH_HZ = 4
STYLES: Mapping[Level, str] = {
    Level.NORMAL: "green",
    Level.WATCH: "cyan",
    Level.WARNING: "yellow",
    Level.ALARM: "bold white on red",
}
NEWS_KEPT = 6


class LiveTable:
    """One row a camera (rate, score, risk, level, dropped frames), the sensors, and the latest news."""

    def __init__(self, console: Console) -> None:
        self._moments: dict[str, Moment] = {}
        self._counted: dict[str, deque[float]] = {}
        self._news: deque[Text] = deque(maxlen=NEWS_KEPT)
        self._live = Live(console=console, refresh_per_second=REFRESH_HZ, get_renderable=self._render)
        self._live.start()

    def on_moment(self, moment: Moment) -> None:
        """Take up the newest figures; drawing happens a few times a second."""
        self._moments[moment.camera] = moment
        self._counted.setdefault(moment.camera, deque(maxlen=60)).append(time.monotonic())

    def on_event(self, event: Event) -> None:
        """Show the event."""
        line = f"{event.time:%H:%M:%S} {event.camera}: {event.previous} -> {event.level}, {event.rarity}"
        self._news.append(Text(line, style=STYLES[event.level]))

    def on_health(self, event: HealthEvent) -> None:
        """Show the condition."""
        ended = "" if event.state == "raised" else " is over"
        self._news.append(Text(f"{event.subject}: {event.code}{ended} {event.message}", style="magenta"))

    def close(self) -> None:
        """Leave the last state on the screen."""
        self._live.stop()

    def _render(self) -> Group:
        return Group(self._cameras(), self._sensors(), *self._news)

    def _cameras(self) -> Table:
        table = Table("camera", "time", "frames/s", "surprise", "risk", "level", "dropped", box=None)
        for camera, moment in list(self._moments.items()):
            surprise = moment.scored.surprise if moment.scored is not None else None
            table.add_row(
                camera,
                f"{moment.frame.time_s:.1f} s",
                f"{_rate(self._counted[camera]):.1f}",
                f"{surprise.total:.2f}" if surprise is not None else "-",
                f"{moment.risk.value:.2f}" if moment.risk is not None else "-",
                Text(str(moment.level), style=STYLES[moment.level]),
                str(moment.counters.get("dropped", 0)),
            )
        return table

    def _sensors(self) -> Text:
        moments = list(self._moments.values())
        if not moments or not moments[-1].sensors:
            return Text("waiting for the first frame" if not moments else "no sensors", style="dim")
        return Text("   ".join(f"{view.name}: {sensor_text(view)}" for view in moments[-1].sensors))


def _rate(times: deque[float]) -> float:
    return (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 and times[-1] > times[0] else 0.0
