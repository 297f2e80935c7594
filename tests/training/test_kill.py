"""A training that is killed goes on where it stood, in a process of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.training.conftest import MakeData


def command(data: Path, output: Path, epochs: int, *more: str) -> list[str]:
    return [
        sys.executable, "-m", "vad_edge", "train", "--data", str(data), "--output", str(output),
        "--size", "16x24", "--model", "predictor", "--set", "channels=4", "--epochs", str(epochs),
        "--stride", "4", *more,
    ]  # fmt: skip


@pytest.mark.slow
def test_a_killed_training_goes_on_after_its_last_whole_epoch(make_data: MakeData, tmp_path: Path) -> None:
    data, output = make_data(), tmp_path / "out"
    with subprocess.Popen(command(data, output, 10_000), stderr=subprocess.DEVNULL) as training:
        deadline = time.monotonic() + 120
        while not (output / "last.ckpt").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        training.send_signal(signal.SIGKILL)
    assert training.returncode == -signal.SIGKILL
    assert not (output / "training.json").exists()

    again = command(data, output, 10_000, "--resume", "--max-minutes", "0.0001")
    resumed = subprocess.run(again, capture_output=True, text=True, timeout=120, check=False)
    assert resumed.returncode == 0
    assert "epochs done; the same command with --resume goes on" in resumed.stderr
    losses = json.loads((output / "training.json").read_text())["losses"]
    assert [row["epoch"] for row in losses] == list(range(len(losses)))
    assert len(losses) >= 2
