from __future__ import annotations

import csv
import json
from importlib.util import find_spec
from pathlib import Path

import click
import cv2
import pytest
from click.testing import CliRunner
from tests.support.footage import quiet_frames, write_video

import vad_edge.demo
from vad_edge import score
from vad_edge.bundle.archive import Bundle
from vad_edge.cli import main
from vad_edge.cli.app import COMMANDS, missing_extra
from vad_edge.cli.types import DURATION, FRAME_SIZE, SETTING

DEMO = Path(vad_edge.demo.__file__).parent


def every_command(group: click.Group, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    context = click.Context(group)
    found: list[tuple[str, ...]] = []
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        found += (
            every_command(command, (*path, name)) if isinstance(command, click.Group) else [(*path, name)]
        )
    return found


@pytest.mark.parametrize("path", every_command(main), ids=" ".join)
def test_every_command_shows_how_it_is_used(path: tuple[str, ...]) -> None:
    result = CliRunner().invoke(main, [*path, "--help"])
    assert result.exit_code == 0
    assert f"vad-edge {' '.join(path)}" in result.output.replace("main", "vad-edge")


@pytest.mark.parametrize("path", every_command(main), ids=" ".join)
def test_every_option_says_what_it_is_for(path: tuple[str, ...]) -> None:
    command: click.Command | None = main
    for name in path:
        assert isinstance(command, click.Group)
        command = command.get_command(click.Context(command), name)
    assert command is not None
    options = [option for option in command.params if isinstance(option, click.Option)]
    assert [option.opts for option in options if not option.help] == []


def test_the_commands_are_listed_in_the_order_a_user_meets_them() -> None:
    lines = CliRunner().invoke(main, ["--help"]).output.partition("Commands:")[2].splitlines()
    assert [line.split()[0] for line in lines if line.strip()] == list(COMMANDS)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("1.5s", 1.5), ("5m", 300), ("2h", 7200), ("1d", 86400)]
)
def test_durations_have_units(text: str, seconds: float) -> None:
    assert DURATION.convert(text, None, None) == seconds


def test_sizes_are_height_by_width() -> None:
    assert FRAME_SIZE.convert("240x360", None, None) == (240, 360)


def test_a_missing_package_names_its_extra() -> None:
    error = missing_extra(ModuleNotFoundError("No module named 'torch'", name="torch"))
    assert str(error) == "this command needs torch; pip install 'vad-edge[train]'"
    assert missing_extra(ModuleNotFoundError("No module named 'other'", name="other")) is None


def test_a_bundle_is_shown_to_people_and_to_machines() -> None:
    shown = CliRunner().invoke(main, ["bundle", "show", str(DEMO / "scene.vadb")])
    assert shown.exit_code == 0
    assert "scene (synthetic)" in shown.output
    facts = json.loads(
        CliRunner().invoke(main, ["bundle", "show", str(DEMO / "scene.vadb"), "--json"]).stdout
    )
    assert facts["cues"] == ["speed", "rarity", "background"]
    assert facts["graphs"][0]["calibration"]["seconds"] > 60


def test_the_doctor_finds_nothing_in_the_way_of_the_demo() -> None:
    result = CliRunner().invoke(main, ["doctor", "--bundle", str(DEMO / "scene.vadb"), "--json"])
    findings = {finding["subject"]: finding for finding in json.loads(result.stdout)["findings"]}
    assert findings["bundle"]["state"] == "ok"
    assert findings["engine"]["state"] == "ok"
    assert "the bundle" in findings["tensorrt"]["text"]
    assert result.exit_code == 0


def test_the_doctor_fails_where_the_broker_does_not_answer() -> None:
    result = CliRunner().invoke(main, ["doctor", "--broker", "mqtt://127.0.0.1:9"])
    assert result.exit_code == 1
    assert "fail broker" in result.output


def test_recording_leaves_segments_that_train_can_read(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "camera.mkv", quiet_frames(60))
    result = CliRunner().invoke(
        main, ["record", "--source", str(clip), "--output", str(tmp_path / "data"), "--segment", "4s"]
    )
    assert result.exit_code == 0
    files = sorted((tmp_path / "data" / "training").iterdir())
    assert [str(file) for file in files] == result.stdout.splitlines()
    assert len(files) == 2


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(shell: str) -> None:
    result = CliRunner().invoke(main, ["completion", shell])
    assert result.exit_code == 0
    assert "_VAD_EDGE_COMPLETE" in result.output


def test_json_prints_events_alone_on_standard_output(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        main,
        ["run", "--source", str(DEMO / "clip.mp4"), "--bundle", str(DEMO / "scene.vadb"), "--json",
         "--output", str(tmp_path), "--duration", "34s"],
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert events[0]["type"] == "io.vad-edge.incident.opened"
    assert "frames in" in result.stderr
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["frames"] == 341


def test_a_run_into_the_same_folder_keeps_what_the_one_before_left(tmp_path: Path) -> None:
    def run_for(duration: str, bundle: str = "scene.vadb") -> str:
        arguments = ["run", "--source", str(DEMO / "clip.mp4"), "--bundle", str(DEMO / bundle), "--json"]
        result = CliRunner().invoke(
            main, [*arguments, "--output", str(tmp_path), "--duration", duration, "--engine", "onnxruntime"]
        )
        return result.stdout if result.exit_code == 0 else ""

    first = run_for("32s")
    before = {path.name: path.read_bytes() for path in tmp_path.glob("*.*") if "events" not in path.name}
    assert not run_for("1s", "gone.vadb")
    second = run_for("1s")
    assert set(before) == {
        "annotated.mp4", "annotated.png", "scores.csv", "summary.json", "timeline.png",
    }  # fmt: skip
    for name, content in before.items():
        stem, suffix = name.split(".")
        assert (tmp_path / f"{stem}.1.{suffix}").read_bytes() == content
        assert (tmp_path / name).read_bytes() != content
    assert first
    assert (tmp_path / "events.jsonl").read_text() == first + second


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        ("items=20", ("items", 20)),
        ("widths=[4, 8]", ("widths", [4, 8])),
        ("abnormal_updates_memory=true", ("abnormal_updates_memory", True)),
        ("mode=reconstruction", ("mode", "reconstruction")),
    ],
)
def test_settings_are_numbers_lists_or_words(text: str, setting: tuple[str, object]) -> None:
    assert SETTING.convert(text, None, None) == setting


@pytest.mark.parametrize("text", ["items", "=3", "items="])
def test_what_is_no_setting_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not a setting; write name=value"):
        SETTING.convert(text, None, None)


@pytest.mark.skipif(find_spec("lightning") is None, reason="needs the extra train")
def test_models_are_listed_for_people_and_for_machines() -> None:
    shown = CliRunner().invoke(main, ["models", "list"])
    assert shown.exit_code == 0
    assert "memory-guided frame prediction" in shown.output
    assert shown.output.index("see labelled anomalies, too") < shown.output.index("smdnet")
    assert shown.output.index("fusion_stream") < shown.output.index("see labelled anomalies, too")
    listed = {
        model["name"]: model
        for model in json.loads(CliRunner().invoke(main, ["models", "list", "--json"]).output)
    }
    assert listed["mnad"]["paper_auc"]["ped2"] == 97.0
    assert listed["smdnet"]["one_class"] is False
    for model in listed.values():
        for found in model["measured"].values():
            assert {"auc", "resolution", "reduced"} <= found.keys()


@pytest.mark.parametrize("more", [(), ("--source",)])
def test_recording_a_camera_of_a_site_file_leaves_nothing_under_its_masks(
    more: tuple[str, ...], tmp_path: Path
) -> None:
    clip = write_video(tmp_path / "normal.mkv", quiet_frames(60))
    config = tmp_path / "site.toml"
    left = "[[[0.0, 0.0], [0.5, 0.0], [0.5, 1.0], [0.0, 1.0]]]"
    config.write_text(
        f'[[camera]]\nname = "left"\nsource = "{clip}"\nprivacy_masks = {left}\n'
        f'[[camera]]\nname = "right"\nsource = "{clip}"\n'
    )
    arguments = ["record", "--config", str(config), "--output", str(tmp_path / "data")]
    refused = CliRunner().invoke(main, arguments)
    assert refused.exit_code == 2
    assert "there are 2 cameras; give its name, one of: left, right" in refused.output
    result = CliRunner().invoke(main, [*arguments, "--name", "left", *more, *([str(clip)] if more else [])])
    assert result.exit_code == 0, result.output
    (segment,) = (tmp_path / "data" / "training").glob("*.mkv")
    capture = cv2.VideoCapture(str(segment))
    images = []
    while (read := capture.read())[0]:
        images.append(read[1])
    assert len(images) == 60
    width = images[0].shape[1]
    assert max(image[:, : width // 2 - 8].max() for image in images) < 10
    assert min(image[:, width // 2 + 8 :].mean() for image in images) > 50


def test_conditions_are_explained_for_people_and_for_machines() -> None:
    shown = CliRunner().invoke(main, ["conditions", "camera_lost"])
    assert shown.exit_code == 0
    assert "fix:   Check power, cable and network" in shown.stdout
    found = json.loads(CliRunner().invoke(main, ["conditions", "--json"]).stdout)
    assert found["disk_full"]["documentation"] == "docs/troubleshooting.md#disk_full"


@pytest.mark.parametrize(
    ("code", "fix"),
    [("CAMERA_LOS", "did you mean camera_lost?"), ("xyz", "vad-edge conditions lists all codes")],
)
def test_an_unknown_condition_is_refused_in_one_line_with_the_nearest(code: str, fix: str) -> None:
    refused = CliRunner().invoke(main, ["conditions", code])
    assert refused.exit_code == 2
    assert refused.stderr.splitlines()[-1].endswith(f"{code!r} is not the code of a condition; {fix}")
    assert "store_damaged" not in refused.stderr


def test_scores_are_printed_as_a_table_or_as_json_and_are_those_of_the_api(
    calibrated_bundle: Bundle, tmp_path: Path
) -> None:
    clip = write_video(tmp_path / "clip.mkv", quiet_frames(40, seed=3))
    options = ["score", str(clip), "--bundle", str(calibrated_bundle.path)]
    table = list(csv.DictReader(CliRunner().invoke(main, options).stdout.splitlines()))
    assert [row["frame"] for row in table] == [str(number) for number in range(40)]
    assert table[0]["risk"] == "0"
    lines = CliRunner().invoke(main, [*options, "--json", "--duration", "2"]).stdout.splitlines()
    assert len(lines) == 20
    for frame, line, row in zip(score(clip, bundle=calibrated_bundle), lines, table, strict=False):
        assert json.loads(line)["risk"] == frame.risk
        assert row["risk"] == f"{frame.risk:.6g}"
