from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.support.footage import quiet_frames, with_block, write_video
from tests.support.small_disk import fill

from vad_edge.bundle.archive import Bundle
from vad_edge.bundle.pack import pack_fits, read_pack
from vad_edge.calibration.recorded_scores import read_recorded_scores
from vad_edge.cli import main


@pytest.fixture
def normal(tmp_path: Path) -> Path:
    """Two minutes of noise, in which a block passes now and then."""
    images = quiet_frames(1200, seed=4)
    for begin in range(30, 1150, 90):
        images = with_block(images, begin, begin + 3)
    return write_video(tmp_path / "normal.mkv", images)


def vad_edge(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    return result.exit_code, result.stdout, result.stderr


def test_a_camera_is_calibrated_and_runs_at_its_levels(
    calibrated_bundle: Bundle, normal: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bundle, pack, plot = calibrated_bundle.path, tmp_path / "camera.vadc", tmp_path / "fit.png"

    code, out, err = vad_edge(
        "calibrate", "--source", normal, "--bundle", bundle, "--alarm-budget", "1/hour", "--output", pack,
        "--plot", plot, "--json",
    )  # fmt: skip
    assert code == 0, err
    values = json.loads(out)
    assert values["budget_asked"] == "1/hour"
    assert not values["backed"]
    assert values["budget_kept"].endswith("/hour")
    assert any("of footage cannot show what 1/hour means" in note for note in values["notes"])
    assert values["footage_hours_needed"] > values["footage_hours"]
    assert plot.stat().st_size > 10_000
    assert pack_fits(read_pack(pack), calibrated_bundle, calibrated_bundle.graph()).ok

    code, out, err = vad_edge(
        "run", "--source", normal, "--bundle", bundle, "--calibration", pack, "--json", "--output", tmp_path
    )
    assert code == 0, err
    assert f"camera camera keeps {values['budget_kept']}" in caplog.text


def test_the_budget_is_told_to_people(calibrated_bundle: Bundle, normal: Path, tmp_path: Path) -> None:
    code, out, _ = vad_edge(
        "calibrate", "--source", normal, "--bundle", calibrated_bundle.path, "--output", tmp_path / "c.vadc"
    )
    assert code == 0
    assert "note: 119.9 s of footage cannot show" in out or "min of footage cannot show" in out


def test_a_budget_that_is_none_is_turned_away(tmp_path: Path) -> None:
    code, _, err = vad_edge(
        "calibrate", "--source", "x", "--bundle", "y", "--output", "z", "--alarm-budget", "often"
    )
    assert code == 2
    assert "'often' is no alarm budget; write 1/week, 2/day or 1/hour" in err


def test_a_pack_for_several_cameras_is_refused(tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    site.write_text('[[camera]]\nname = "a"\nsource = 0\n[[camera]]\nname = "b"\nsource = 1\n')
    code, _, err = vad_edge("run", "--config", site, "--bundle", "x.vadb", "--calibration", "y.vadc")
    assert code == 2
    assert "there are 2 cameras; whose calibration is it?" in err


def test_a_simulation_is_told_to_machines() -> None:
    code, out, err = vad_edge("simulate", "--hours", 30, "--alarm-budget", "4/hour", "--seed", 2, "--json")
    assert code == 0, err
    values = json.loads(out)
    assert values["expected"] == 120.0
    assert 0 < values["false_alarms"] < 360


def test_a_camera_is_calibrated_at_a_lower_rate_for_hard_times(
    calibrated_bundle: Bundle, normal: Path, tmp_path: Path
) -> None:
    pack = tmp_path / "slow.vadc"
    common = ("calibrate", "--source", normal, "--bundle", calibrated_bundle.path, "--output", pack)
    code, _, err = vad_edge(*common, "--model-fps", 10)
    assert code == 2
    assert "10 is no lower rate: the model's own is 10" in err
    code, _, err = vad_edge(*common, "--model-fps", 5, "--alarm-budget", "1/hour", "--all-normal")
    assert code == 0, err
    slowed = calibrated_bundle.at_rate(5.0)
    assert pack_fits(read_pack(pack), slowed, slowed.graph()).ok
    assert not pack_fits(read_pack(pack), calibrated_bundle, calibrated_bundle.graph()).ok


def test_sensors_recorded_beside_the_footage_join_the_calibration_and_the_evaluation(
    calibrated_bundle: Bundle, normal: Path, tmp_path: Path
) -> None:
    site, pack = tmp_path / "site.toml", tmp_path / "camera.vadc"
    site.write_text(
        '[[camera]]\nname = "hall"\nsource = 0\n'
        '[[sensor]]\nname = "sound"\ntopic = "sound"\nkind = "analog"\nhold_s = 2.0\n'
        '[[sensor]]\nname = "gone"\ntopic = "gone"\nkind = "binary"\n'
    )
    said = [{"t": n / 2, "topic": "sound", "payload": 40 + n * 7 % 5} for n in range(240)]
    (tmp_path / "normal.jsonl").write_text("".join(f"{json.dumps(message)}\n" for message in said))

    code, out, err = vad_edge(
        "calibrate", "--source", normal, "--bundle", calibrated_bundle.path, "--output", pack, "--json",
        "--config", site, "--alarm-budget", "60/hour", "--recorded-scores", tmp_path / "scores.npz",
    )  # fmt: skip
    assert code == 0, err
    values = json.loads(out)
    assert values["sensors"] == ["sound"]
    recorded = read_recorded_scores(tmp_path / "scores.npz")
    assert recorded.streams == ("sound", "gone")
    assert recorded.about.startswith("camera hall (")
    code, _, err = vad_edge("simulate", "--recorded-scores", tmp_path / "scores.npz")
    assert "too few to resample, 24 are needed; calibrate on four hours or more" in err
    assert any(note.startswith("sensor gone is in no recording") for note in values["notes"])
    made = read_pack(pack)
    assert set(made.partial_levels) == {"sound", ""}
    assert made.sensors["sound"].learned["kind"] == "analog"

    data = tmp_path / "data"
    (data / "testing").mkdir(parents=True)
    (data / "testing" / "one.mkv").write_bytes(normal.read_bytes())
    (data / "testing" / "one.jsonl").write_bytes((tmp_path / "normal.jsonl").read_bytes())
    (data / "labels.csv").write_text("clip,frame0,abnormal\n" + "".join(f"one,{n},0\n" for n in range(1200)))
    for extra in ((), ("--config", site), ("--config", site, "--sensor-fault", "lie:sound")):
        code, out, err = vad_edge(
            "evaluate", "--bundle", calibrated_bundle.path, "--data", data, "--events", "--calibration", pack,
            "--json", *extra,
        )  # fmt: skip
        assert code == 0, err
        assert json.loads(out)["incidents_total"] == 0


def test_a_camera_that_the_site_file_does_not_know_is_named(tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    site.write_text('[[camera]]\nname = "hall"\nsource = 0\n')
    code, _, err = vad_edge(
        "calibrate", "--source", "x", "--bundle", "y", "--output", "z", "--config", site, "--camera", "yard"
    )
    assert code == 2
    assert "there is no camera 'yard'" in err
    assert "give its name, one of: hall" in err


def test_a_pack_that_cannot_be_written_where_it_was_asked_for_is_not_lost(
    calibrated_bundle: Bundle, normal: Path, tmp_path: Path, small_disk: Path
) -> None:
    fill(small_disk)
    code, _, err = vad_edge(
        "calibrate", "--source", normal, "--bundle", calibrated_bundle.path, "--output", small_disk / "c.vadc"
    )
    assert code == 2
    found = re.search(
        r"c\.vadc: cannot be written: No space left on device; the pack lies in (\S+): move it", err
    )
    assert found is not None, err
    assert read_pack(Path(found[1])).camera == "camera"


def test_a_missing_package_is_told_before_a_camera_is_watched_for_days(
    calibrated_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vad_edge.cli.app.importlib.util.find_spec", lambda name: None)
    code, _, err = vad_edge(
        "calibrate", "--source", tmp_path / "never_opened.mkv", "--bundle", calibrated_bundle.path,
        "--output", tmp_path / "c.vadc",
    )  # fmt: skip
    assert (code, err) == (
        2,
        "vad-edge: error: this command needs scipy; pip install 'vad-edge[calibrate]'\n",
    )
