from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vad_edge_devices.flash.progress import Progress, explain_failure, read_progress


@pytest.mark.parametrize(
    ("line", "progress"),
    [
        ("*  Step 2: Boot Device with flash initrd  *\n", Progress("step 2: Boot Device with flash initrd")),
        ("Starting to flash to qspi", Progress("Starting to flash to qspi")),
        ("[................................................] 100%", Progress("", 1.0)),
        ("[ 12.1] Writing partition APP with system.img 42%", Progress("Writing partition APP")),
        ("copying 7%\r", Progress("", 0.07)),
        ("Warning: 250% of nothing", None),
        ("", None),
    ],
)
def test_progress_is_read_from_what_the_tools_print(line: str, progress: Progress | None) -> None:
    assert read_progress(line) == progress


@given(st.text())
def test_any_line_may_come(line: str) -> None:
    progress = read_progress(line)
    assert progress is None or progress.share is None or 0 <= progress.share <= 1


@pytest.mark.parametrize(
    ("lines", "reason", "fix"),
    [
        (["*** Error: No Jetson device found."], "not in recovery mode any more", "into recovery mode again"),
        (["*** Error: Too many Jetson devices found."], "more than one board", "connect one only"),
        (
            ["*** Error: ECID read failed.", "Put the target board in RCM mode and retry."],
            "does not answer",
            "again",
        ),
        (["Error: probing the target board failed."], "does not answer over USB", "again"),
        (["Error: Target board not found."], "no board with that EEPROM", "check module and carrier"),
        (
            ["dd: error writing: No space left on device", "cleaning up"],
            "disk of this machine is full",
            "make room",
        ),
        (["Error: might be timeout in USB write."], "USB", "again"),
        (["Error: xmlstarlet is not installed."], "a program is missing", "prerequisites"),
        (["what is this", ""], "it ended with 3: what is this", "read the log"),
        ([], "it ended with 3: it said nothing", "read the log"),
    ],
)
def test_a_failure_is_explained_with_the_one_next_step(lines: list[str], reason: str, fix: str) -> None:
    verdict = explain_failure(lines, 3)
    assert not verdict.ok
    assert reason in verdict.reason
    assert fix in verdict.fix
