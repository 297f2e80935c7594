"""How a run ends, in words and in files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from vad_edge.cli.run_output import exit_after, keep_summary, summary_line
from vad_edge.runtime.settings import RunSummary

SUMMARY = RunSummary(
    frames=150,
    scored=140,
    invalid=10,
    skipped=0,
    dropped=0,
    events=3,
    incidents=1,
    wall_s=10.0,
    first_score_s=0.5,
    latency_ms={"p50": 2.0, "p99": 9.0},
    seconds={},
    problems=(),
)


def test_one_incident_is_no_plural() -> None:
    assert "; 1 incident, 3 events;" in summary_line(SUMMARY)
    assert "; 2 incidents, 1 event;" in summary_line(replace(SUMMARY, incidents=2, events=1))


def test_the_figures_of_a_run_are_left_as_json(tmp_path: Path) -> None:
    assert keep_summary(SUMMARY, tmp_path / "summary.json") == SUMMARY
    assert json.loads((tmp_path / "summary.json").read_text())["frames"] == 150


def test_a_disk_that_takes_no_figures_is_told_after_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = keep_summary(SUMMARY, tmp_path / "gone" / "summary.json")
    with pytest.raises(SystemExit) as ended:
        exit_after(kept)
    assert ended.value.code == 1
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("150 frames in 10.0 s")
    assert second.endswith("summary.json: cannot be written: No such file or directory")
