"""What runs in the machine: says what the disk holds, then commits until the power goes.

One word and its matter a line, on standard output:
``sound WHAT`` for the database, ``has ID`` and ``file NAME`` for what is there and whole, ``torn NAME`` for
evidence that is not what its row says, ``ready``, then ``tried ID`` before and ``kept ID`` after a commit,
``filed NAME`` after a file of evidence.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from vad_edge.clock import utc_now
from vad_edge.events.commissioning import made_up_incident
from vad_edge.events.incidents import Incidents
from vad_edge.events.store import EventStore
from vad_edge.evidence.files import EvidenceFiles


def say(word: str, matter: str = "") -> None:
    os.write(sys.stdout.fileno(), f"{word} {matter}\n".encode())


def look(path: Path) -> None:
    """Say what is there, with SQLite's own word on the database before the store may repair anything."""
    if path.exists():
        with closing(sqlite3.connect(path)) as connection:
            say("sound", str(connection.execute("PRAGMA integrity_check").fetchone()[0]))
    with closing(EventStore(path)) as store:
        if store.quarantined is not None:
            say("sound", f"quarantined as {store.quarantined.name}")
        for event in store.events():
            say("has", event.id)
        evidence_files = EvidenceFiles(store.database)
        for incident in Incidents(store.database).find(limit=1_000_000):
            for file in evidence_files.of(incident.id):
                place = evidence_files.path(file)
                whole = place.exists() and hashlib.sha256(place.read_bytes()).hexdigest() == file.sha256
                say("file" if whole else "torn", file.name)
        say("ready")


def commit(path: Path, incidents: int, *, careless: bool) -> None:
    """Commit made-up incidents, each with a file of evidence; careless commits do not wait for the disk."""
    with closing(EventStore(path)) as store:
        if careless:
            store.database.read(lambda connection: connection.execute("PRAGMA synchronous = OFF"))
        evidence_files = EvidenceFiles(store.database)
        for _ in range(incidents):
            for event in made_up_incident("home", "walkway", utc_now()):
                say("tried", event.id)
                if store.add(event).durable:
                    say("kept", event.id)
            name = f"picture-{event.id}.jpg"
            evidence_files.keep(event.incident, event.camera, "picture", name, os.urandom(5_000))
            say("filed", f"{event.incident}/{name}")


def main() -> None:
    path = Path(sys.argv[1]) / "events.db"
    look(path)
    commit(path, int(sys.argv[2]), careless=sys.argv[3] == "careless")


if __name__ == "__main__":
    main()
