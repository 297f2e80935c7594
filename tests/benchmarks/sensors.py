"""Topic storms through a real Mosquitto, and what a decision costs with 20 streams: `make bench-sensors`."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import psutil
from rich.console import Console
from rich.table import Table
from tests.support.mosquitto import Mosquitto

from vad_edge.bundle.levels import Accumulation
from vad_edge.bundle.pack import PackedStream
from vad_edge.clock import LiveClock
from vad_edge.config.site import BrokerConfig, CameraConfig, PolicyConfig, SensorConfig, SiteConfig
from vad_edge.health.board import HealthBoard
from vad_edge.mqtt.client import MqttClient
from vad_edge.mqtt.sensors import PACE_S, SensorSubscriber
from vad_edge.pipeline import ScoredFrame
from vad_edge.runtime.camera import Camera
from vad_edge.runtime.context import RunContext
from vad_edge.runtime.profile import CameraProfile, RateProfile
from vad_edge.scoring.scorer import Surprise
from vad_edge.sensors.hub import SensorHub
from vad_edge.video.frame import Frame
from vad_edge.video.validity import VALID

TOPICS = 200
SECONDS = int(os.environ.get("SECONDS", "15"))
FRAME_S = 0.1
FRAMES = 20_000


@dataclass(frozen=True)
class Weathered:
    """One storm: how much came, the share of a core it cost, how late the last message was, and growth."""

    sent: int
    received: int
    core: float
    late_s: float
    growth_mb: float


def storm(
    broker: BrokerConfig, port: int, rate: int, *, streams: int = TOPICS, pace_s: float = PACE_S
) -> Weathered:
    """Take in a storm as a run does, looking at the evidence ten times a second.

    With streams 0 nothing is taken in: what the network client alone costs. pace_s 0 is stock paho.
    """
    configs = [SensorConfig(name=f"s{n}", topic=f"storm/{n}", kind="analog") for n in range(TOPICS)]
    hub = SensorHub(configs, LiveClock())
    heard = [0]
    client = MqttClient(broker, client_id="bench", pace_s=pace_s)
    subscriber = SensorSubscriber(client, hub, "bench")
    if not streams:

        def count(topic: str, payload: bytes) -> None:
            heard[0] += 1

        client.on_message = count
    subscriber.start()
    assert subscriber.wait_ready(10)
    process = psutil.Process()
    before, used = process.memory_info().rss, process.cpu_times()
    sender = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.storm_sender", *map(str, (port, TOPICS, rate, SECONDS))],
        stdout=subprocess.PIPE,
        text=True,
    )
    began = time.perf_counter()
    while sender.poll() is None:
        hub.evidence("camera", time.perf_counter() - began)
        time.sleep(FRAME_S)
    assert sender.stdout is not None
    sent, ended = int(sender.stdout.read()), time.perf_counter()
    took_s = ended - began
    now = process.cpu_times()
    core = (now.user + now.system - used.user - used.system) / took_s

    def received() -> int:
        return hub.received if streams else heard[0]

    while received() < sent and time.perf_counter() - ended < 30.0:
        time.sleep(0.01)
    late_s = time.perf_counter() - ended
    growth = max(process.memory_info().rss - before, 0) / 1e6
    subscriber.stop()
    return Weathered(sent, received(), core, late_s, growth)


class _Simulated(LiveClock):
    """A live clock that stands at the frame's time."""

    time_s = 0.0

    def now(self) -> float:
        return self.time_s


def decisions(streams: int) -> list[float]:
    """Microseconds from the evidence of so many streams to a level, frame by frame, under an alarm budget."""
    kinds = ("analog", "binary", "pulse")
    configs = [SensorConfig(name=f"s{n}", topic=f"t/{n}", kind=kinds[n % 3]) for n in range(streams)]
    clock, policy = _Simulated(), PolicyConfig()
    hub = SensorHub(configs, clock)
    packed = {config.name: PackedStream(weight=config.weight, learned={}) for config in configs}
    rate = RateProfile(
        1.0 / FRAME_S, 1.0, None, policy, 0, 0.0, alarms_per_hour=1.0,
        weights={config.name: config.weight for config in configs},
        streams=packed, accumulation=Accumulation(block_s=5.0, usual=1.0),
    )  # fmt: skip
    camera = Camera(
        CameraConfig(name="camera", policy=policy), RunContext(SiteConfig(), clock, HealthBoard())
    )
    camera.use(CameraProfile(rate))
    frame = Frame(0, 0.0, np.zeros((2, 2, 3), np.uint8))
    random, costs = np.random.default_rng(1), []
    said = random.integers(0, 2, (FRAMES, streams)).tolist()
    for number in range(FRAMES):
        clock.time_s = time_s = number * FRAME_S
        if number % 10 == 0:
            for stream, word in enumerate(said[number]):
                hub.accept(f"t/{stream}", b"%d" % word)
        began = time.perf_counter()
        surprise = Surprise(time_s, 0.5, {"look": 0.2, "motion": 0.3})
        scored = ScoredFrame(frame, VALID, warm=True, surprise=surprise)
        camera.decide(time_s, scored, camera.counted(hub.evidence("camera", time_s), time_s))
        costs.append(1e6 * (time.perf_counter() - began))
    return costs


def main() -> None:
    table = Table("storm", "came", "of a core", "last one late by", "growth", box=None)
    with TemporaryDirectory() as name:
        broker = Mosquitto(Path(name), "allow_anonymous true\nmax_queued_messages 0\n")
        broker.start()
        try:
            for title, rate, streams, pace_s in (
                ("1,000/s, no streams", 1_000, 0, PACE_S),
                ("1,000/s", 1_000, TOPICS, PACE_S),
                ("1,000/s, stock paho", 1_000, TOPICS, 0.0),
                ("10,000/s", 10_000, TOPICS, PACE_S),
                ("10,000/s, stock paho", 10_000, TOPICS, 0.0),
            ):
                found = storm(broker.broker, broker.port, rate, streams=streams, pace_s=pace_s)
                table.add_row(
                    title,
                    f"{found.received:,} of {found.sent:,}",
                    f"{100 * found.core:.1f} %",
                    f"{found.late_s:.2f} s",
                    f"{found.growth_mb:.1f} MB",
                )
        finally:
            broker.kill()
    console = Console(width=110)
    load = f"load {os.getloadavg()[0]:.1f} in the end"
    console.print(f"{date.today()}, {platform.machine()}, {os.cpu_count()} cores, {load}, Mosquitto, MQTT 5")
    console.print(table)
    costs = " / ".join(f"{cost:.0f}" for cost in np.percentile(decisions(20), [50, 90, 99]))
    console.print(f"a decision with 20 streams, p50 / p90 / p99, microseconds: {costs}")


if __name__ == "__main__":
    main()
