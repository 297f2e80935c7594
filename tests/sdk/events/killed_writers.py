"""Writers of one store that are killed, one after another: run as a program by the kill test.

Each child is forked without the imports to pay for, commits events, says each id once its commit has
returned, and is killed at a moment of chance. Prints one JSON object: the ids begun, kept, and delivered.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

from vad_edge.events.event import Event, from_cloudevent
from vad_edge.events.store import EventStore

LONGEST_S = 0.12


def write(path: Path, template: Event, child: int, said: int) -> None:
    store = EventStore(path)
    for number in range(1_000_000):
        name = f"{child:03d}-{number:05d}"
        kind = ("opened", "raised", "lowered", "cleared")[number % 4]
        event = replace(template, id=name, incident=f"{child:03d}-{number // 4:05d}", kind=kind)  # type: ignore[arg-type]
        os.write(said, f"begun {name}\n".encode())
        if store.add(event).durable:
            os.write(said, f"kept {name}\n".encode())
        if number % 7 == 3:
            store.mark_delivered(name)
            os.write(said, f"delivered {name}\n".encode())


def kill_one(path: Path, template: Event, child: int, chance: random.Random) -> bytes:
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(reading)
        with contextlib.suppress(BrokenPipeError):
            write(path, template, child, writing)
        os._exit(1)
    os.close(writing)
    time.sleep(chance.uniform(0.0, LONGEST_S))
    os.kill(process, signal.SIGKILL)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read()
    _, status = os.waitpid(process, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    return said


def main() -> None:
    path, kills, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    template = from_cloudevent(json.loads(sys.stdin.read()))
    chance = random.Random(seed)
    said: dict[str, list[str]] = {"begun": [], "kept": [], "delivered": []}
    for child in range(kills):
        for line in kill_one(path, template, child, chance).decode().splitlines():
            what, name = line.split()
            said[what].append(name)
    print(json.dumps(said))  # noqa: T201 - this is what it is for


if __name__ == "__main__":
    main()
