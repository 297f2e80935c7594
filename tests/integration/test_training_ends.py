from __future__ import annotations

import os
import signal
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.integration.conftest import VAD_EDGE
from tests.support.footage import quiet_frames, write_video


@pytest.mark.skipif(find_spec("lightning") is None, reason="needs the extra train")
def test_a_training_in_two_processes_ends_when_both_are_told_to(tmp_path: Path) -> None:
    """As systemd does, which signals every process of a service."""
    write_video(tmp_path / "data" / "training" / "0.mkv", quiet_frames(60))
    options = {"data": tmp_path / "data", "output": tmp_path / "out", "model": "predictor", "size": "32x32"}
    arguments = [str(part) for name, value in options.items() for part in (f"--{name}", value)]
    training = subprocess.Popen(
        [*VAD_EDGE, "train", *arguments, "--devices", "2", "--epochs", "100000"],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        while not (tmp_path / "out" / "last.ckpt").exists():
            assert training.poll() is None
            time.sleep(0.1)
        os.killpg(training.pid, signal.SIGTERM)
        _, said = training.communicate(timeout=60)  # until both have let go of it
    finally:
        if training.poll() is None:
            os.killpg(training.pid, signal.SIGKILL)
    assert training.returncode == 130, said
    assert "the same command with --resume goes on after the last whole epoch" in said
