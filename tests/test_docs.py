"""The examples of the API's page run as they stand."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest
from tests.support.footage import quiet_frames, with_block, write_video

from vad_edge.bundle.archive import Bundle

PAGE = Path(__file__).parents[1] / "docs" / "api.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_the_examples_of_the_api_run_one_after_another(
    calibrated_bundle: Bundle,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_video(tmp_path / "clip.mkv", with_block(quiet_frames(120, seed=1), 40, 50))
    shutil.copy(calibrated_bundle.path, tmp_path / "my.vadb")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", os.fspath(tmp_path / "state"))
    assert len(EXAMPLES) == 5
    for example in EXAMPLES:
        exec(compile(example, str(PAGE), "exec"), {})  # noqa: S102 - our own page
    said = capsys.readouterr().out
    assert "alarm" in said
    assert "120 " in said
    assert "True 120" in said
