"""A publishing process killed at random, again and again: nothing lost, nothing invented."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vad_edge.events.store import EventStore
from vad_edge.mqtt.publisher import camera_publisher

KILLS = {"mosquitto": 100, "embedded": 10}

# It forks before any thread is there, so that a child costs no imports.
_VICTIMS = """
import os, random, signal, sys, time
from pathlib import Path
from vad_edge.clock import utc_now
from vad_edge.config.site import BrokerConfig
from vad_edge.events.commissioning import made_up_incident
from vad_edge.events.store import EventStore
from vad_edge.mqtt.publisher import camera_publisher

url, path, log, kills = sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])

def child():
    note = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    store = EventStore(path)
    publisher = camera_publisher(BrokerConfig(url=url), site="home", camera="walkway", store=store)
    publisher.start()
    while True:
        for event in made_up_incident("home", "walkway", utc_now()):
            os.write(note, f"tried {event.id}\\n".encode())
            store.add(event)
            os.write(note, f"kept {event.id}\\n".encode())
            publisher.wake()
            time.sleep(0.01)

random.seed(7)
for _ in range(kills):
    victim = os.fork()
    if victim == 0:
        child()
    time.sleep(random.uniform(0.02, 0.6))
    os.kill(victim, signal.SIGKILL)
    os.waitpid(victim, 0)
"""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_event_that_was_kept_arrives_however_often_the_process_is_killed(
    request: pytest.FixtureRequest,
    any_broker: Any,
    listen: Callable[..., Any],
    tmp_path: Path,
    eventually: Callable[..., None],
) -> None:
    kills = KILLS[request.node.callspec.params["any_broker"]]
    path, log = tmp_path / "events.db", tmp_path / "log.txt"
    listener = listen(any_broker.broker, "vad-edge/home/walkway/event/#").ready()
    arguments = [sys.executable, "-c", _VICTIMS, any_broker.broker.address, str(path), str(log), str(kills)]
    subprocess.run(arguments, check=True, timeout=800)

    store = EventStore(path)
    publisher = camera_publisher(any_broker.broker, site="home", camera="walkway", store=store)
    publisher.start()
    eventually(lambda: not store.pending("walkway", 1), "the rest to be delivered", timeout_s=60)
    publisher.stop()
    store.close()

    lines = [line.split() for line in log.read_text().splitlines()]
    tried = {event for word, event in lines if word == "tried"}
    kept = {event for word, event in lines if word == "kept"}
    heard = [json.loads(payload) for _, payload in listener.messages]
    assert len(kept) > kills
    assert kept <= {event["id"] for event in heard} <= tried
    first = list(dict.fromkeys(event["id"] for event in heard))
    order = {event: place for place, (word, event) in enumerate(lines) if word == "tried"}
    assert [order[event] for event in first] == sorted(order[event] for event in first)
