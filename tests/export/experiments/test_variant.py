from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from tests.support.footage import quiet_frames, with_block, write_video

from vad_edge.cli import main
from vad_edge.errors import ConfigError
from vad_edge_export.experiments.variant import event_recall, read_variant
from vad_edge_export.experiments.variant_table import read_table, row_of

VARIANT = """
name = "narrow"
model = "predictor"
seeds = [0, 1]
config = { height = 32, width = 48, channels = 4 }
fit = { epochs = 1, stride = 8, batch_size = 2 }
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("hall")
    for number in range(4):
        write_video(root / "training" / f"{number:02d}.mkv", quiet_frames(48, seed=number))
    write_video(root / "testing" / "01.mkv", with_block(quiet_frames(24, seed=9), 14, 20))
    rows = [f"01,{frame},{int(14 <= frame <= 20)}" for frame in range(24)]
    (root / "labels.csv").write_text("\n".join(["clip,frame0,abnormal", *rows]) + "\n")
    (root / "dataset.toml").write_text('name = "hall"\nfps = 10.0\nsynthetic = true\n')
    return root


@pytest.mark.slow
def test_a_variant_gets_a_row_that_is_not_measured_twice(data: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "narrow.toml"
    recipe.write_text(VARIANT)
    output = tmp_path / "out"
    call = ["models", "try", str(recipe), f"--data={data}", f"--output={output}", "--json"]
    first = CliRunner().invoke(main, call)
    assert first.exit_code == 0, first.output
    (row,) = json.loads(first.stdout)["rows"]
    assert (row["dataset"], row["name"], row["seeds"]) == ("hall", "narrow", 2)
    assert 0.0 <= row["micro_online"] <= 1.0
    assert row["ms"] > 0
    assert (output / "variants.png").stat().st_size > 1000
    stamps = [path.stat().st_mtime_ns for path in sorted(output.rglob("best.ckpt"))]
    assert len(stamps) == 2
    again = CliRunner().invoke(main, call)
    assert json.loads(again.stdout)["rows"] == [row]
    assert [path.stat().st_mtime_ns for path in sorted(output.rglob("best.ckpt"))] == stamps
    assert len(read_table(output / "variants.csv")) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = 'a b'", "name: String should match"),
        ("name = 'a'\nseeds = []", "seeds: List should have at least 1 item"),
        ("name = 'a'\nfit = { speed = 1 }", "fit of student: there is no speed; one of epochs"),
        ("name = 'a'\nfit = { epochs = 'x' }", "fit of student: epochs: Input should be a valid integer"),
        ("name = 'a'\nconfig = { widht = 8 }", "widht"),
        ("name = 'a'\nmodels = 'student'", "models: Extra inputs are not permitted"),
        ("name = ", "not valid TOML"),
    ],
)
def test_a_variant_that_is_none_is_refused(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "variant.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_variant(path)


def test_a_missing_variant_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: cannot be read: No such file"):
        read_variant(tmp_path / "none.toml")


def test_events_count_as_found_above_what_normal_life_reaches_once_an_hour() -> None:
    normal = [np.concatenate([np.zeros(7199), [9.0]]), np.concatenate([np.zeros(7199), [5.0]])]
    tested = [np.array([0.0, 6.0, 0.0, 0.0, 4.0, np.nan])]
    truth = [np.array([False, True, False, False, True, True])]
    recall, hours = event_recall(normal, tested, truth, fps=4.0)
    assert (recall, hours) == (0.5, 1.0)


def test_of_less_than_an_hour_nothing_normal_may_be_above() -> None:
    recall, hours = event_recall([np.array([1.0, 9.0])], [np.array([8.0])], [np.array([True])], fps=1.0)
    assert (recall, hours) == (0.0, pytest.approx(2 / 3600))


def test_a_row_holds_means_and_deviations() -> None:
    result = {
        "parameters": 100, "gmacs": 0.5, "ms": 4.0, "micro_online": 0.9, "micro_per_clip": 0.8, "macro": 0.7,
        "trial": 0.95, "average_precision": 0.6, "recall": 1.0, "hours": 2.0, "minutes": 3.0,
    }  # fmt: skip
    row = row_of("hall", "narrow", [result, {**result, "micro_online": 0.94}])
    assert row.micro_online == pytest.approx(0.92)
    assert row.micro_online_sd == pytest.approx(0.0283, abs=1e-4)
    assert row.macro_sd == 0.0
    alone = row_of("hall", "narrow", [result])
    assert math.isnan(alone.micro_online_sd)
    assert alone.to_dict()["micro_online_sd"] is None
    assert alone.to_dict()["seeds"] == 1


def test_the_variant_that_comes_along_is_the_student_as_it_is_trained() -> None:
    variant = read_variant(Path(__file__).parents[3] / "training" / "recipes" / "student.toml")
    assert (variant.model, variant.config, variant.fit, variant.seeds) == ("student", {}, {}, [0, 1, 2])
