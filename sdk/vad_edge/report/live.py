"""A run on standard error: as a live table on a terminal, as log lines elsewhere."""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from collections.abc import Mapping

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from vad_edge.events.event import Event
from vad_edge.fusion.machine import Level
from vad_edge.health.board import HealthEvent
from vad_edge.report.drawing import sensor_text
from vad_edge.report.observer import FrameResult, Observer

REFRESH_HZ = 4
STYLES: Mapping[Level, str] = {
    Level.NORMAL: "green",
    Level.WATCH: "cyan",
    Level.WARNING: "yellow",
    Level.ALARM: "bold white on red",
}
NEWS_KEPT = 6


class LiveTable(Observer):
    """One row a camera (rate, score, risk, level, dropped frames), the sensors, and the latest news."""

    def __init__(self, console: Console) -> None:
        self._results: dict[str, FrameResult] = {}
        self._counted: dict[str, deque[float]] = {}
        self._news: deque[Text] = deque(maxlen=NEWS_KEPT)
        self._live = Live(console=console, refresh_per_second=REFRESH_HZ, get_renderable=self._render)
        self._live.start()

    def on_frame(self, result: FrameResult) -> None:
        """Take up the newest figures; drawing happens a few times a second."""
        self._results[result.camera] = result
        self._counted.setdefault(result.camera, deque(maxlen=60)).append(time.monotonic())

    def on_event(self, event: Event) -> None:
        """Show the event."""
        line = f"{event.time:%H:%M:%S} {event.camera}: {event.previous} -> {event.level}, {event.rarity}"
        self._news.append(Text(line, style=STYLES[event.level]))

    def on_condition(self, event: HealthEvent) -> None:
        """Show the condition."""
        raised = event.state == "raised"
        said = f" {event.message}. {event.code.about.fix}" if raised else f" is over {event.message}"
        self._news.append(Text(f"{event.subject}: {event.code}{said}", style="magenta"))

    def close(self) -> None:
        """Leave the last state on the screen."""
        self._live.stop()

    def _render(self) -> Group:
        return Group(self._cameras(), self._sensors(), *self._news)

    def _cameras(self) -> Table:
        table = Table("camera", "time", "frames/s", "surprise", "risk", "level", "dropped", box=None)
        for camera, result in list(self._results.items()):
            surprise = result.scored.surprise if result.scored is not None else None
            table.add_row(
                camera,
                f"{result.frame.time_s:.1f} s",
                f"{_rate(self._counted[camera]):.1f}",
                f"{surprise.total:.2f}" if surprise is not None else "-",
                f"{result.risk:.2f}" if result.risk is not None else "-",
                Text(str(result.level), style=STYLES[result.level]),
                str(result.counters.get("dropped", 0)),
            )
        return table

    def _sensors(self) -> Text:
        results = list(self._results.values())
        if not results or not results[-1].sensors:
            return Text("waiting for the first frame" if not results else "no sensors", style="dim")
        return Text("   ".join(f"{view.name}: {sensor_text(view)}" for view in results[-1].sensors))


def _rate(times: deque[float]) -> float:
    return (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 and times[-1] > times[0] else 0.0


_log = logging.getLogger("vad_edge.run")

STATUS_EVERY_S = 10.0


class LogLines(Observer):
    """Logs level changes and conditions as they come, and a status line for each camera every ten seconds."""

    def __init__(self) -> None:
        self._last_s: dict[str, float] = {}
        self._frames: Counter[str] = Counter()

    def on_frame(self, result: FrameResult) -> None:
        """Count the frame; now and then say how its camera goes."""
        camera, now_s = result.camera, time.monotonic()
        self._frames[camera] += 1
        elapsed_s = now_s - self._last_s.setdefault(camera, now_s)
        if elapsed_s < STATUS_EVERY_S:
            return
        _log.info(
            "%s: %.1f frames/s, risk %s, %s, %d dropped",
            camera,
            self._frames[camera] / elapsed_s,
            f"{result.risk:.2f}" if result.risk is not None else "-",
            result.level,
            result.counters.get("dropped", 0),
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

    def on_condition(self, event: HealthEvent) -> None:
        """Say what is wrong, or well again."""
        about = {"fields": {"CONDITION": event.code, "SUBJECT": event.subject}}
        if event.state == "raised":
            fix = event.code.about.fix
            _log.warning("%s: %s: %s. %s", event.subject, event.code, event.message, fix, extra=about)
        else:
            _log.info("%s: %s is over", event.subject, event.code, extra=about)


def _largest(event: Event) -> list[tuple[str, float]]:
    return sorted(event.shares.items(), key=lambda share: -share[1])[:3]
