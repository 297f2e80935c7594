"""The demo: the whole job on shipped synthetic files, inside one process."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vad_edge.api import Watch
from vad_edge.bundle.archive import read_bundle
from vad_edge.config.load import checked, load_site
from vad_edge.config.site import BrokerConfig
from vad_edge.demo.findings import LabelledIncident, find_incidents, read_incidents
from vad_edge.errors import VadEdgeError
from vad_edge.events.event import Event
from vad_edge.mqtt.broker import EmbeddedBroker
from vad_edge.mqtt.replay import replay_sensors
from vad_edge.report.observer import Observer
from vad_edge.report.outputs import output_observers
from vad_edge.runtime.settings import RunSummary

FILES = Path(__file__).parent
TITLE = "synthetic"
REPLAY_WAIT_S = 30.0


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What the demo found: a line for each incident that is in the clip, and one for false alarms."""

    findings: Sequence[str]
    summary: RunSummary


def run_demo(output: Path, observers: Sequence[Observer], stop: threading.Event) -> DemoResult:
    """Run the shipped bundle on the shipped clip, with its sensors replayed through an embedded broker.

    Leaves events.jsonl, scores.csv, annotated.mp4 and timeline.png in `output`. Raises MissingExtraError
    without the extra ``broker``.
    """
    truth = read_incidents(FILES / "events.csv")
    bundle = read_bundle(FILES / "scene.vadb", trusted=())
    kept = _KeptEvents()
    with EmbeddedBroker() as broker:
        address = checked(BrokerConfig, url=broker.url)
        site = load_site(FILES / "site.toml")
        camera = checked(site.camera[0], source=str(FILES / "clip.mp4"))
        site = site.model_copy(update={"camera": (camera,), "broker": address})
        watching = output_observers(output, site, bundle, title=TITLE, truth=_spans(truth))
        replay = _Replay(FILES / "sensors.jsonl", address, site.site)
        replay.start()
        watch = Watch.from_site(
            site,
            bundle=bundle,
            store=output,
            replay_wait_s=REPLAY_WAIT_S,
            observers=[*observers, *watching, kept],
        )
        summary = watch.run(stop=stop)
        replay.join()
    findings = find_incidents(truth, kept.events)
    return DemoResult([*findings, *replay.problems], summary)


def _spans(truth: Sequence[LabelledIncident]) -> list[tuple[float, float, str]]:
    return [(incident.first_s, incident.last_s, incident.kind.replace("_", " ")) for incident in truth]


class _KeptEvents(Observer):
    """An observer that remembers events."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def on_event(self, event: Event) -> None:
        self.events.append(event)


class _Replay(threading.Thread):
    """Replays the sensors beside the run, as `vad-edge sensors replay` would."""

    def __init__(self, recording: Path, broker: BrokerConfig, site: str) -> None:
        super().__init__(name="sensor replay", daemon=True)
        self._recording = recording
        self._broker = broker
        self._site = site
        self.problems: list[str] = []

    def run(self) -> None:
        try:
            replay_sensors(self._recording, self._broker, site=self._site, wait_for_run_s=REPLAY_WAIT_S)
        except VadEdgeError as error:
            self.problems.append(f"the sensors were not replayed: {error}")
