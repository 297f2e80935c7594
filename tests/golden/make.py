"""Writes the files of this release that all later ones must read: ``python -m tests.golden.make FOLDER``.

`first_release/events.db` was written by the code of the first release and cannot be made again.
"""

from __future__ import annotations

import contextlib
import sqlite3
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import onnx.parser
from tests.support.tiny_bundle import STEP_GRAPH, tiny_manifest

from vad_edge.bundle.archive import read_bundle, write_bundle
from vad_edge.bundle.calibration import Calibration
from vad_edge.bundle.levels import AlarmLevels
from vad_edge.bundle.pack import CameraPack, write_pack
from vad_edge.config.site import PolicyConfig
from vad_edge.events.announce import event_from_change
from vad_edge.events.incidents import Incidents
from vad_edge.events.store import EventStore
from vad_edge.fusion.fuse import Risk
from vad_edge.fusion.machine import WarningMachine
from vad_edge.scoring.scorer import Surprise
from vad_edge.scoring.tail import fit_calibration

START = datetime(2026, 1, 2, 3, 4, 5, 600_000, tzinfo=timezone.utc)
SITE = """# A site file of this release.
site = "shop"
bundle = "tiny.vadb"

[[camera]]
name = "front"
source = "clip.mkv"
calibration = "front.vadc"
privacy_masks = [[[0.0, 0.0], [0.1, 0.0], [0.1, 0.1]]]
policy = { watch = 2.0, warning = 3.0, alarm = 4.0 }
[[camera.zone]]
name = "till"
polygon = [[0.5, 0.5], [1.0, 0.5], [1.0, 1.0]]

[[sensor]]
name = "door"
topic = "shop/door"
kind = "binary"
cameras = ["front"]

[broker]
url = "mqtt://127.0.0.1:1883"
username = "vad"
password_file = "password"

[privacy]
evidence = "heatmap"

[schedule]
timezone = "Europe/Berlin"
"""


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    calibration = _calibration()
    _bundle(folder / "tiny.vadb", calibration)
    _pack(folder, calibration)
    _store(folder / "events.db")
    (folder / "site.toml").write_text(SITE, encoding="utf-8")


def _calibration() -> Calibration:
    scores = np.exp(np.random.default_rng(1).normal(0.0, 0.5, (6000, 2)))
    return fit_calibration(scores, ("mean", "peak"), fps=10.0)


def _bundle(path: Path, calibration: Calibration) -> None:
    background = path.with_name("background.npy")
    np.save(background, np.full((32, 48, 3), 100.0, np.float32))
    graph: bytes = onnx.parser.parse_model(STEP_GRAPH).SerializeToString()
    write_bundle(
        path, tiny_manifest(calibration), {"model.onnx": graph, "background.npy": background.read_bytes()}
    )
    background.unlink()


def _pack(folder: Path, calibration: Calibration) -> None:
    bundle = read_bundle(folder / "tiny.vadb")
    levels = AlarmLevels(
        asked="1/day", kept="1/hour", cameras=1, watch=2.0, warning=3.0, alarm=4.0, hysteresis=0.2,
        dwell_s=0.2, clear_s=0.5, cooldown_s=0.0, smoothing_s=0.0, persistence=(2, 3),
        rates_per_hour=(10.0, 1.0), risks=(3.0, 4.0), backed_per_hour=1.0, armed_s=7200.0, needed_s=43200.0,
    )  # fmt: skip
    pack = CameraPack(
        camera="front", graph_sha256=bundle.manifest.members["model.onnx"], precision="fp32", fps=10.0,
        calibration=calibration, levels=levels, created="2026-01-01T00:00:00+00:00",
    )  # fmt: skip
    write_pack(folder / "front.vadc", pack)


def _store(path: Path) -> None:
    path.unlink(missing_ok=True)
    store = EventStore(path)
    machine = WarningMachine(PolicyConfig(dwell_s=0.0, clear_s=0.0), new_incident=lambda: "i-1")
    for time_s, value in enumerate((0.0, 2.5, 4.5, 3.2, 0.0)):
        risk = Risk(float(time_s), value, {"motion": value - value / 4, "door": value / 4})
        change = machine.update(risk)
        if change is not None:
            store.add(
                event_from_change(
                    change, risk, Surprise(risk.time_s, value, {"motion": value}), site="shop",
                    camera="front", wall=lambda at: START + timedelta(seconds=at), footage_frames=5000,
                    sequence=len(store.events()) + 1, ending="calm" if change.kind == "cleared" else "",
                )
            )  # fmt: skip
    Incidents(store.database).acknowledge("i-1", "false", by="alice", note="a cat")
    store.close()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")  # one file, without its log beside it
    path.with_name(f"{path.name}.reserve").unlink(missing_ok=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
