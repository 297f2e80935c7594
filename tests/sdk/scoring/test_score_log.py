from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vad_edge.errors import DataError
from vad_edge.scoring.score_log import ScoreHead, ScoreLog, read_scores, unbroken

HEAD = ScoreHead("ab" * 32, "fp32", 10.0, ("mean", "peak"))


def keep(path: Path, rows: Sequence[tuple[float, tuple[float, float]]], head: ScoreHead = HEAD) -> int:
    keeper = ScoreLog(path, head)
    for time_s, scores in rows:
        keeper.add(time_s, scores)
    keeper.close()
    return keeper.rows


def test_what_is_kept_is_read_and_goes_on_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "learned" / "door.scores"
    assert keep(path, [(0.0, (1.0, 2.0)), (0.1, (3.0, 4.0))]) == 2
    assert keep(path, [(0.0, (5.0, 6.0))]) == 3
    head, times, scores = read_scores(path)
    assert head == HEAD
    assert times.tolist() == [0.0, 0.1, 0.0]
    assert scores.tolist() == [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]


def test_scores_of_another_graph_begin_anew(tmp_path: Path) -> None:
    keep(tmp_path / "x", [(0.0, (1.0, 2.0))])
    assert keep(tmp_path / "x", [], ScoreHead("cd" * 32, "fp32", 10.0, ("mean", "peak"))) == 0


def test_scores_with_other_ignore_masks_begin_anew(tmp_path: Path) -> None:
    corner = ((0.0, 0.0), (0.5, 0.0), (0.0, 0.3))
    masked = replace(HEAD, masks=(corner,))
    keep(tmp_path / "x", [(0.0, (1.0, 2.0))])
    assert keep(tmp_path / "x", [(0.0, (1.0, 2.0))], masked) == 1
    assert read_scores(tmp_path / "x")[0] == masked
    assert keep(tmp_path / "x", []) == 0


@given(st.integers(0, 60), st.integers(0, 5))
def test_a_power_cut_costs_at_most_the_row_it_cuts(cut: int, more: int) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "door.scores"
        keep(path, [(float(number), (number, number)) for number in range(5)])
        content = path.read_bytes()
        path.write_bytes(content[: len(content) - cut])
        left = 5 - -(-cut // HEAD.row_type.itemsize)
        assert len(read_scores(path)[1]) == left
        assert keep(path, [(9.0, (9.0, 9.0))] * more) == left + more
        assert read_scores(path)[1].tolist() == [*map(float, range(left)), *[9.0] * more]


def test_a_gap_and_a_clock_that_begins_again_break_a_stretch() -> None:
    times = np.array([0.0, 0.1, 0.2, 5.0, 5.1, 0.0, 0.1])
    assert [times[part].tolist() for part in unbroken(times, 2.0)] == [
        [0.0, 0.1, 0.2],
        [5.0, 5.1],
        [0.0, 0.1],
    ]
    assert list(unbroken(np.array([]), 2.0)) == []


@pytest.mark.parametrize("content", [b"", b"{}\n", b"no json\nxx", b'{"cues": 3}\n'])
def test_what_is_no_such_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(DataError, match="it holds no kept scores"):
        read_scores(tmp_path / "x")
