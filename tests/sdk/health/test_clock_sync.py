from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from vad_edge.health.clock_sync import clock_synced, kept, kernel_status, stamps_true

UNSYNC, PLL = 0x40, 0x01
NOW = datetime(2026, 11, 26, 12, 0, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("status", "service", "marked", "verdict"),
    [
        (PLL, False, False, True),
        (0, True, False, True),
        (UNSYNC | PLL, False, False, False),
        (UNSYNC, True, True, False),
        (None, True, True, True),
        (None, True, False, False),
        (None, False, False, None),
    ],
)
def test_the_kernels_word_counts_then_the_time_services(
    status: int | None, service: bool, marked: bool, verdict: bool | None
) -> None:
    assert kept(status, service=service, marked=marked) is verdict


@pytest.mark.parametrize(
    ("ahead_s", "synced", "verdict"),
    [
        (0.0, True, True),
        (-0.9, True, True),
        (-3600.0, True, False),
        (1e8, True, False),
        (0.0, False, False),
        (1e8, None, None),
        (0.0, None, None),
    ],
)
def test_stamps_are_true_while_they_follow_a_clock_that_is_kept(
    ahead_s: float, synced: bool | None, verdict: bool | None
) -> None:
    assert stamps_true(NOW + timedelta(seconds=ahead_s), NOW, synced) is verdict


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux is asked")
def test_the_kernel_is_really_asked() -> None:
    """Python's own time module knows nothing of it; the system's tool does, where it is installed."""
    status = kernel_status()
    assert status is None or status >= 0
    tool = shutil.which("timedatectl")
    if status is not None and tool is not None and Path("/run/systemd/system").exists():
        shown = subprocess.run(
            [tool, "show", "--property=NTPSynchronized", "--value"],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "LC_ALL": "C"},
        ).stdout.strip()
        assert clock_synced() is (shown == "yes")


def test_another_system_is_not_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("vad_edge.health.clock_sync.sys.platform", "darwin")
    assert kernel_status() is None
    assert clock_synced(tmp_path / "nobody") is None
    assert clock_synced(tmp_path) is False
    (tmp_path / "synchronized").touch()
    assert clock_synced(tmp_path) is True
