"""The outbox after an outage and what publishing costs a frame, with a real Mosquitto: `make bench-mqtt`."""

from __future__ import annotations

import os
import platform
import time
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import psutil
from rich.console import Console
from rich.table import Table
from tests.support.mosquitto import Mosquitto

from vad_edge.clock import age_s, utc_now
from vad_edge.config.site import BrokerConfig
from vad_edge.events.commissioning import made_up_incident
from vad_edge.events.store import EventStore
from vad_edge.fusion.machine import Level
from vad_edge.mqtt.client import MqttClient
from vad_edge.mqtt.outbox import Outbox
from vad_edge.mqtt.publisher import camera_publisher
from vad_edge.mqtt.topics import CameraTopics

EVENTS = int(os.environ.get("EVENTS", "50000"))
FRAMES = 5_000
FRAME_S = 0.005
UNLIMITED_PER_S = 1e6


def fill(store: EventStore) -> list[float]:
    """An outage that began a day ago, three events an incident; milliseconds each commit took."""
    start, costs = utc_now() - timedelta(days=1), []
    for number in range(0, EVENTS, 3):
        moment = start + timedelta(seconds=number * 80_000 / EVENTS)
        for event in made_up_incident("home", "bench", moment)[: EVENTS - number]:
            began = time.perf_counter()
            store.add(event)
            costs.append(1000 * (time.perf_counter() - began))
    return costs


def drain(broker: BrokerConfig, store: EventStore, rate: float) -> tuple[float, float, float]:
    """Until the store has every acknowledgement: events a second, microseconds of processor time an event,
    and by how many MB the process grew.
    """
    client = MqttClient(broker, client_id="bench")
    topics = CameraTopics("home", "bench")
    outbox = Outbox(client, topics, store, age_s=age_s, fresh_s=300.0, replay_per_s=rate)
    client.start()
    assert client.wait_connected(10)
    process = psutil.Process()
    before, peak, began, used_s = process.memory_info().rss, 0, time.perf_counter(), time.process_time()
    while store.newest_pending("bench", 1):
        time.sleep(min(outbox.turn(), 1.0))
        peak = max(peak, process.memory_info().rss)
    took_s, used_s = time.perf_counter() - began, time.process_time() - used_s
    client.stop()
    return EVENTS / took_s, 1e6 * used_s / EVENTS, max(peak - before, 0) / 1e6


def frame_costs(broker: BrokerConfig, folder: Path) -> list[float]:
    """Milliseconds that the loop spends in the publisher, frame by frame, a level change every second."""
    store = EventStore(folder / "frames.db")
    publisher = camera_publisher(broker, site="home", camera="bench", store=store)
    publisher.start()
    assert publisher.client.wait_connected(10)
    costs = []
    for number in range(FRAMES):
        began = time.perf_counter()
        publisher.publish_risk(number % 50 / 10)
        if number % 25 == 0:
            publisher.publish_state(Level(number // 25 % 4), risk=2.0, time=utc_now())
        costs.append(1000 * (time.perf_counter() - began))
        time.sleep(max(FRAME_S - costs[-1] / 1000, 0.0))
    publisher.stop()
    store.close()
    return costs


def main() -> None:
    table = Table("figure", "value", box=None)
    with TemporaryDirectory() as name:
        folder = Path(name)
        broker = Mosquitto(folder)
        broker.start()
        try:
            store = EventStore(folder / "events.db")
            commits = fill(store)
            size = sum((folder / name).stat().st_size for name in ("events.db", "events.db-wal"))
            rate, cpu_us, growth = drain(broker.broker, store, UNLIMITED_PER_S)
            store.close()
            costs = frame_costs(broker.broker, folder)
        finally:
            broker.kill()
    table.add_row("events queued", f"{EVENTS:,}")
    table.add_row("commit p50 / p99 / worst, ms", _spread(commits))
    table.add_row("store on disk, MB", f"{size / 1e6:.0f}")
    table.add_row("drained, events a second", f"{rate:,.0f}")
    table.add_row("processor time an event, microseconds", f"{cpu_us:.0f}")
    table.add_row("growth of the process while draining, MB", f"{growth:.1f}")
    table.add_row("publisher a frame, p50 / p99 / worst, ms", _spread(costs))
    console = Console()
    load = f"load {os.getloadavg()[0]:.1f} in the end"
    console.print(f"{date.today()}, {platform.machine()}, {os.cpu_count()} cores, {load}, Mosquitto, MQTT 5")
    console.print(table)


def _spread(values: list[float]) -> str:
    return " / ".join(f"{value:.3f}" for value in np.percentile(values, [50, 99, 100]))


if __name__ == "__main__":
    main()
