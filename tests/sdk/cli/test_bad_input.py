"""What a user reads who gave something wrong: what it was, where, and what to do."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.support.footage import quiet_frames, write_video
from tests.support.tiny_bundle import MakeBundle

import vad_edge.demo
from vad_edge.bundle.manifest import Graph
from vad_edge.cli import main
from vad_edge.video.reader import Reader

CLIP = str(Path(vad_edge.demo.__file__).parent / "clip.mp4")
BUNDLE = str(Path(vad_edge.demo.__file__).parent / "scene.vadb")

Invoke = Callable[..., Result]

needs_training = pytest.mark.skipif(
    find_spec("lightning") is None or find_spec("onnxscript") is None,
    reason="needs the extras train and export",
)


@pytest.fixture
def invoke() -> Invoke:
    return lambda *arguments: CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "there is nothing to watch; give --camera 0, --source PATH or --config SITE.toml"),
        (("--camera", "0", "--source", "x.mkv"), "both --camera and --source are given; give one of them"),
        (("--source", "x.mkv"), "no model is given; give --bundle NAME.vadb"),
        (
            ("--source", "x.mkv", "--bundle", "no.vadb"),
            "no.vadb: cannot be read: No such file or directory",
        ),
        (("--source", "missing.mkv", "--bundle", BUNDLE), "missing.mkv: no such file; check the path"),
        (("--camera", "97", "--bundle", BUNDLE), "camera 97: no such device /dev/video97; cameras here:"),
        (("--config", "missing.toml"), "missing.toml: cannot read the site file: No such file or directory"),
        (
            ("--source", CLIP, "--bundle", BUNDLE, "--broker", "http://somewhere"),
            "'http://somewhere': not an MQTT URL; give mqtt://host[:port]",
        ),
    ],
)
def test_run_says_what_is_wrong_and_what_to_do(
    invoke: Invoke, arguments: tuple[str, ...], message: str
) -> None:
    result = invoke("run", *arguments)
    assert result.exit_code != 0
    assert message in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("graphs", "exit_code", "message"),
    [
        (
            [Graph(member="model.onnx", precision="fp32")],
            2,
            "it has no int8 graph, only fp32; `vad-edge quantize` adds fp16 and int8, but none that loses",
        ),
        (
            [
                Graph(member="model.onnx", precision="fp32"),
                Graph(member="model.onnx", precision="int8", backend="tensorrt"),
            ],
            1,
            "it has no int8 graph for onnxruntime, only fp32 for any, int8 for tensorrt",
        ),
    ],
)
def test_a_run_at_a_precision_that_was_left_out_says_what_there_is(
    invoke: Invoke, make_bundle: MakeBundle, graphs: list[Graph], exit_code: int, message: str
) -> None:
    bundle = make_bundle(graphs=tuple(graphs)).path
    arguments = ("--engine", "onnxruntime", "--precision", "int8")
    result = invoke("run", "--source", CLIP, "--bundle", bundle, *arguments)
    assert result.exit_code == exit_code
    assert message in result.output
    assert "Traceback" not in result.output


def test_run_refuses_a_folder_without_frames(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    result = invoke("run", "--source", tmp_path, "--bundle", BUNDLE)
    assert result.exit_code == 1
    assert f"{tmp_path}: no frames in this folder; it should hold images (.jpg" in result.output


def test_run_refuses_a_file_that_is_no_video(invoke: Invoke, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mkv"
    clip.write_text("not a video")
    result = invoke("run", "--source", clip, "--bundle", BUNDLE)
    assert result.exit_code == 1
    assert "not a video, or cut off before its index; play it with another program" in result.output


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[camera]]\nname = 'front'\nsorce = 0\n", "sorce"),
        ("[[camera]]\nname = 'front'\nfps = 'fast'\n", "fps"),
        ("[[camera]\n", "site.toml"),
    ],
)
def test_run_names_the_key_of_a_site_file_that_is_wrong(
    invoke: Invoke, tmp_path: Path, text: str, message: str
) -> None:
    site = tmp_path / "site.toml"
    site.write_text(text)
    result = invoke("run", "--config", site)
    assert result.exit_code == 2
    assert message in result.output
    assert str(site) in result.output


def test_run_refuses_a_broken_bundle(invoke: Invoke, tmp_path: Path) -> None:
    broken = tmp_path / "broken.vadb"
    data = bytearray(Path(BUNDLE).read_bytes())
    data[len(data) // 2] ^= 0xFF
    broken.write_bytes(data)
    result = invoke("run", "--source", "x.mkv", "--bundle", broken)
    assert result.exit_code != 0
    assert str(broken) in result.output
    assert "it is damaged or no bundle at all" in result.output
    assert "fetch or export the bundle again" in result.output


def test_run_ends_with_1_and_the_reason_when_the_file_was_truncated(invoke: Invoke, tmp_path: Path) -> None:
    whole = write_video(tmp_path / "whole.avi", quiet_frames(40))
    cut = tmp_path / "cut.avi"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    result = invoke("run", "--source", cut, "--bundle", BUNDLE, "--output", tmp_path / "out")
    assert result.exit_code == 1
    assert "bytes of the file are missing" in result.output
    assert (tmp_path / "out" / "timeline.png").exists()


@pytest.mark.parametrize("value", ["soon", "-3s", "0", "1w"])
def test_a_duration_that_is_none_shows_what_one_looks_like(invoke: Invoke, value: str) -> None:
    result = invoke("run", "--source", "x.mkv", "--duration", value)
    assert result.exit_code == 2
    assert "is not a duration; write 30s, 5m, 2h or 1d" in result.output


def test_record_needs_one_source(invoke: Invoke, tmp_path: Path) -> None:
    result = invoke("record", "--output", tmp_path)
    assert result.exit_code == 2
    assert "one source is needed; give --camera 0, --source PATH|URL or --config SITE.toml" in result.output


def test_without_a_broker_record_closes_its_source(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = []
    stop = Reader.stop
    monkeypatch.setattr(Reader, "stop", lambda self: (closed.append(self.name), stop(self)))
    monkeypatch.setattr("vad_edge.mqtt.sensors._READY_S", 0.3)
    video = write_video(tmp_path / "door.avi", quiet_frames(5))
    site = tmp_path / "site.toml"
    site.write_text(
        f'[broker]\nurl = "mqtt://127.0.0.1:9"\n\n[[camera]]\nname = "door"\nsource = "{video}"\n\n'
        '[[sensor]]\nname = "bell"\ntopic = "bell"\nkind = "pulse"\n'
    )
    result = invoke("record", "--config", site, "--output", tmp_path / "data")
    assert result.exit_code != 0
    assert "127.0.0.1:9" in result.output
    assert closed == [str(video)]


def test_recording_a_truncated_file_keeps_what_there_was_and_ends_with_1(
    invoke: Invoke, tmp_path: Path
) -> None:
    whole = write_video(tmp_path / "whole.avi", quiet_frames(40))
    cut = tmp_path / "cut.avi"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    result = invoke("record", "--source", cut, "--output", tmp_path / "data")
    assert result.exit_code == 1
    assert "bytes of the file are missing" in result.output
    assert len(list((tmp_path / "data" / "training").iterdir())) == 1


@needs_training
def test_train_without_clips_says_where_they_belong(invoke: Invoke, tmp_path: Path) -> None:
    result = invoke("train", "--data", tmp_path, "--output", tmp_path / "out")
    assert result.exit_code == 2
    assert str(tmp_path / "training") in result.output


@needs_training
def test_a_size_that_the_model_cannot_have_is_refused_before_any_work(invoke: Invoke, tmp_path: Path) -> None:
    result = invoke("train", "--data", tmp_path, "--output", tmp_path / "out", "--size", "100x100")
    assert result.exit_code == 2
    assert "multiples of 8" in result.output


@needs_training
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--model", "oracle"), "there is no model 'oracle'; one of student, distilled"),
        (("--set", "wings=2"), "model 'student': wings: Unexpected keyword argument"),
        (("--set", "wings"), "is not a setting; write name=value"),
        (("--fold", "1/5"), "fold: student learns from normal footage alone; leave --fold out"),
        (("--model", "smdnet"), "fold: smdnet learns from labelled anomalies too"),
        (("--model", "smdnet", "--fold", "9/5"), "9/5 is not a fold; give one such as 1/5"),
    ],
)
def test_train_refuses_what_a_model_cannot_be(
    invoke: Invoke, tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    result = invoke("train", "--data", tmp_path, "--output", tmp_path / "out", *options)
    assert result.exit_code == 2
    assert message in result.output


@needs_training
def test_a_sweep_without_its_recipe_says_where_recipes_are(invoke: Invoke, tmp_path: Path) -> None:
    result = invoke(
        "models", "sweep", tmp_path / "none.toml", "--data", tmp_path, "--output", tmp_path / "out"
    )
    assert result.exit_code == 2
    assert "no such recipe; see training/recipes/" in result.output


@needs_training
def test_evaluate_without_labels_says_what_it_needs(invoke: Invoke, tmp_path: Path) -> None:
    write_video(tmp_path / "testing" / "01.mkv", quiet_frames(5))
    result = invoke("evaluate", "--bundle", BUNDLE, "--data", tmp_path)
    assert result.exit_code == 2
    assert "there are no labels" in result.output


@needs_training
def test_export_refuses_a_file_that_is_no_checkpoint(invoke: Invoke, tmp_path: Path) -> None:
    checkpoint = tmp_path / "best.ckpt"
    checkpoint.write_text("hello")
    result = invoke(
        "export", "--checkpoint", checkpoint, "--data", tmp_path, "--output", tmp_path / "my.vadb"
    )
    assert result.exit_code == 2
    assert "not a checkpoint of a model" in result.output


def test_a_replay_without_a_broker_names_the_broker(invoke: Invoke, tmp_path: Path) -> None:
    recording = tmp_path / "sensors.jsonl"
    recording.write_text('{"t": 0, "topic": "door", "payload": "open"}\n')
    result = invoke("sensors", "replay", recording, "--broker", "mqtt://127.0.0.1:9", "--wait", "1s")
    assert result.exit_code == 1
    assert "127.0.0.1:9" in result.output


def test_a_scene_with_an_unknown_incident_lists_the_known_ones(invoke: Invoke, tmp_path: Path) -> None:
    result = invoke("scene", "clip", "--output", tmp_path, "--incident", "flood")
    assert result.exit_code == 2
    assert "'flood' is none of cyclist, vehicle, running" in result.output


@pytest.mark.parametrize(
    "command",
    [
        ("calibrate", "--source", CLIP, "--bundle", BUNDLE, "--output", "{nowhere}/door.vadc"),
        (
            "calibrate",
            "--source",
            CLIP,
            "--bundle",
            BUNDLE,
            "--output",
            "x.vadc",
            "--plot",
            "{nowhere}/fit.png",
        ),
        ("benchmark", "--bundle", BUNDLE, "--plot", "{nowhere}/speed.png"),
        ("bundle", "sign", BUNDLE, "--key", "site.key", "--output", "{nowhere}/my.vadb"),
    ],
)
def test_a_result_that_cannot_be_kept_is_refused_before_the_work(
    invoke: Invoke, tmp_path: Path, command: tuple[str, ...]
) -> None:
    nowhere = tmp_path / "nowhere"
    result = invoke(*(part.format(nowhere=nowhere) for part in command))
    assert result.exit_code == 2
    assert f"there is no folder '{nowhere}'; make it first (mkdir -p)" in result.output


@pytest.mark.parametrize("command", ["run", "record"])
def test_a_folder_that_cannot_be_made_is_refused_before_the_work(
    invoke: Invoke, tmp_path: Path, command: str
) -> None:
    (tmp_path / "file").touch()
    result = invoke(command, "--source", CLIP, "--output", tmp_path / "file" / "out")
    assert result.exit_code == 2
    assert f"'{tmp_path}/file' is a file, and not a folder" in result.output


def test_a_folder_on_a_disk_that_is_read_only_is_refused(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vad_edge.cli.types.os.access", lambda *_: False)  # root may write everywhere
    result = invoke("record", "--source", CLIP, "--output", tmp_path / "a" / "b")
    assert result.exit_code == 2
    assert f"'{tmp_path}' cannot be written to; choose another place" in result.output


@pytest.mark.parametrize("command", ["train", "distill", "export", "quantize", "evaluate", "parity"])
def test_data_that_is_not_there_is_told_before_torch_is_loaded(invoke: Invoke, command: str) -> None:
    result = invoke(command, "--data", "nowhere")
    assert result.exit_code == 2
    assert "Invalid value for '--data': Directory 'nowhere' does not exist." in result.output


def test_a_site_file_that_watches_nothing_is_named(invoke: Invoke, tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    site.touch()
    result = invoke("run", "--config", site)
    assert result.exit_code == 2
    assert f"{site}: there is nothing to watch; add a [[camera]] or [[sensor]] table" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("evaluate", "--bundle", BUNDLE, "--data", ".", "--calibration", "door.vadc"),
            "--calibration, --alarm-budget, --config and --sensor-fault belong to --events",
        ),
        (
            ("evaluate", "--bundle", BUNDLE, "--data", ".", "--events", "--baselines"),
            "--baselines and --output do not go with --events",
        ),
        (
            ("evaluate", "--bundle", BUNDLE, "--data", ".", "--events", "--precision", "fp32"),
            "--precision does not go with --events: the pack says which graph it is for",
        ),
        (
            ("calibrate", "--bundle", BUNDLE, "--source", CLIP, "--output", "x.vadc", "--since", "7d"),
            "--since belongs to --store or --false-alarms",
        ),
    ],
)
def test_an_option_that_would_be_ignored_is_refused(
    invoke: Invoke, arguments: tuple[str, ...], message: str
) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert message in result.output
