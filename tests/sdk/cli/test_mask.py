from __future__ import annotations

import contextlib
import http.client
import json
import stat
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from tests.support.footage import quiet_frames, with_block, write_video

from vad_edge.bundle.archive import Bundle
from vad_edge.bundle.pack import read_pack
from vad_edge.cli import main
from vad_edge.config.load import load_site
from vad_edge.mask_editor.editor import MaskEditor, MaskServer

LEFT = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    write_video(tmp_path / "clip.mkv", quiet_frames(20))
    path = tmp_path / "site.toml"
    path.write_text('# mine\n[[camera]]\nname = "yard"\nsource = "clip.mkv"\n', encoding="utf-8")
    return path


@pytest.fixture
def server(config: Path) -> Iterator[MaskServer]:
    with MaskServer(MaskEditor(config, None)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join(5)
        assert not thread.is_alive()


def vad_edge(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    return result.exit_code, result.stdout, result.stderr


def ask(url: str, content: object | None = None) -> tuple[int, bytes]:
    data = None if content is None else json.dumps(content).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data), timeout=5) as answer:  # noqa: S310
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_a_place_is_added_without_a_display_and_drawn(config: Path, tmp_path: Path) -> None:
    picture = tmp_path / "yard.png"
    code, out, err = vad_edge(
        "mask", "--config", config, "--polygon", "0,0 32,0 32,48 0,48", "--name", "tree", "--picture", picture
    )
    assert (code, out) == (0, f"{config}: ignore tree on camera yard\n"), err
    assert load_site(config).camera[0].ignored == (LEFT,)
    assert config.read_text(encoding="utf-8").startswith("# mine\n")
    drawn = cv2.imread(str(picture))
    assert drawn is not None
    assert drawn[24:40, 4:28, 2].mean() > drawn[24:40, 36:60, 2].mean() + 20


def test_what_may_not_be_added_is_one_line_and_leaves_the_file(config: Path) -> None:
    before = config.read_text(encoding="utf-8")
    for polygon, name in (("0,0 1,1", "tree"), ("0,0 1,0 1,1", "a tree"), ("0,0 99,0 99,99", "tree")):
        code, _, err = vad_edge("mask", "--config", config, "--polygon", polygon, "--name", name)
        assert code == 2
        assert err.count("\n") == 1
    assert config.read_text(encoding="utf-8") == before


@pytest.mark.parametrize("picture", ["yard", "yard.xyz"])
def test_a_picture_of_an_unknown_kind_is_refused_before_anything_is_written(
    config: Path, tmp_path: Path, picture: str
) -> None:
    before = config.read_text(encoding="utf-8")
    place = ["--polygon", "0,0 1,0 1,1", "--name", "tree"]
    code, _, err = vad_edge("mask", "--config", config, *place, "--picture", tmp_path / picture)
    assert (code, err.count("\n")) == (2, 1)
    assert "let it end in .png" in err
    assert config.read_text(encoding="utf-8") == before


def test_a_picture_that_cannot_be_written_is_one_line(config: Path, tmp_path: Path) -> None:
    code, _, err = vad_edge("mask", "--config", config, "--picture", tmp_path / "nowhere" / "yard.png")
    assert (code, err.count("\n")) == (2, 1)
    assert "cannot be written" in err


def test_a_port_that_is_taken_is_one_line(config: Path, server: MaskServer) -> None:
    code, _, err = vad_edge("mask", "--config", config, "--port", server.server_address[1])
    assert (code, err.count("\n")) == (2, 1)
    assert "cannot be served" in err


def test_a_zone_without_a_polygon_is_refused(config: Path) -> None:
    code, _, err = vad_edge("mask", "--config", config, "--zone")
    assert code == 2
    assert "--zone belongs to --polygon" in err


def test_the_page_shows_the_frame_and_adds_places(server: MaskServer, config: Path) -> None:
    assert ask(server.url)[1].startswith(b"<!doctype html>")
    frame = cv2.imdecode(np.frombuffer(ask(f"{server.url}frame.png")[1], np.uint8), cv2.IMREAD_COLOR)
    assert frame is not None
    assert frame.shape == (48, 64, 3)
    assert json.loads(ask(f"{server.url}places")[1]) == {"camera": "yard", "places": []}
    place = {"kind": "zone", "name": "gate", "polygon": LEFT}
    status, answer = ask(f"{server.url}places", place)
    assert status == 200
    assert json.loads(answer)["places"] == [{**place, "polygon": [list(corner) for corner in LEFT]}]
    assert load_site(config).camera[0].zone[0].name == "gate"


@pytest.mark.parametrize(
    "content",
    [
        {"kind": "zone", "name": "gate", "polygon": LEFT[:2]},
        {"kind": "zone", "name": 'x"\n[broker]', "polygon": LEFT},
        {"kind": "other", "name": "gate", "polygon": LEFT},
        {"kind": "zone", "name": "gate", "polygon": [[0, 0], [9, 9], [0, 1]]},
        {"kind": "zone"},
        [],
        "x" * 70_000,
    ],
)
def test_the_page_refuses_what_is_no_place(server: MaskServer, config: Path, content: Any) -> None:
    before = config.read_text(encoding="utf-8")
    status, answer = ask(f"{server.url}places", content)
    assert status in (400, 413)
    assert json.loads(answer)["error"]
    assert config.read_text(encoding="utf-8") == before


@pytest.mark.parametrize("length", ["x", "-1", "1e3", ""])
def test_a_length_that_is_no_number_is_refused(server: MaskServer, length: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=5)
    with contextlib.closing(connection):
        connection.putrequest("POST", f"/{server.secret}/places")
        connection.putheader("Content-Length", length)
        connection.endheaders()
        assert connection.getresponse().status == 413


def test_places_that_come_at_once_are_all_kept(server: MaskServer, config: Path) -> None:
    places = [{"kind": "zone", "name": f"zone{number}", "polygon": LEFT} for number in range(12)]
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda place: ask(f"{server.url}places", place)[0], places))
    assert answers == [200] * 12
    assert {zone.name for zone in load_site(config).camera[0].zone} == {place["name"] for place in places}


def test_a_site_file_keeps_its_mode_and_stays_where_its_link_leads(config: Path, tmp_path: Path) -> None:
    config.chmod(0o640)
    link = tmp_path / "link.toml"
    link.symlink_to(config)
    code, _, err = vad_edge("mask", "--config", link, "--polygon", "0,0 1,0 1,1", "--name", "tree")
    assert code == 0, err
    assert link.is_symlink()
    assert load_site(config).camera[0].ignore[0].name == "tree"
    assert stat.S_IMODE(config.stat().st_mode) == 0o640


def test_without_the_secret_nothing_is_shown_of_anything(server: MaskServer) -> None:
    root = f"http://127.0.0.1:{server.server_address[1]}/"
    for path in ("", "frame.png", "places", "wrong/frame.png"):
        assert ask(root + path)[0] == 404
    assert ask(f"{root}wrong/places", {"kind": "zone"})[0] == 404


def test_done_ends_the_server(config: Path) -> None:
    with MaskServer(MaskEditor(config, None)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        assert ask(f"{server.url}done", {})[0] == 200
        thread.join(5)
        assert not thread.is_alive()


def test_what_is_ignored_is_left_out_of_calibration_and_of_the_run(
    calibrated_bundle: Bundle, tmp_path: Path, config: Path
) -> None:
    """A block that would be an incident passes on the left, where everything is ignored."""
    write_video(tmp_path / "clip.mkv", with_block(quiet_frames(900, seed=2), 700, 720))
    bundle, pack = calibrated_bundle.path, tmp_path / "yard.vadc"
    vad_edge("mask", "--config", config, "--polygon", "0,0 0.75,0 0.75,1 0,1", "--name", "tree")

    code, _, err = vad_edge(
        "calibrate", "--config", config, "--camera", "yard", "--source", tmp_path / "clip.mkv",
        "--bundle", bundle, "--output", pack, "--json",
    )  # fmt: skip
    assert code == 0, err
    made = read_pack(pack)
    assert made.weight is not None
    assert np.array(made.weight)[:, 0].max() == 0.0
    assert len(made.masks) == 1
    run = ["run", "--config", config, "--bundle", bundle, "--calibration", pack, "--output", tmp_path / "out"]
    code, out, err = vad_edge(*run, "--json")
    assert code == 0, err
    told = [json.loads(line)["data"] for line in out.splitlines()]
    assert not [each for each in told if 69.5 < each["time_s"] < 73.0 and each["level"] == "alarm"]

    vad_edge("mask", "--config", config, "--polygon", "0.8,0 1,0 1,0.2", "--name", "clock")
    code, _, err = vad_edge(*run)
    assert code == 2
    assert "it was made with 1 ignore masks, and the site file has 2" in err
