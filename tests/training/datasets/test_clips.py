from __future__ import annotations

import contextlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.training.conftest import MakeData, label_lines, write_labels

from vad_edge.errors import DataError
from vad_edge_training.datasets.clips import ClipFolder


def refusal(folder: ClipFolder, what: str) -> str:
    with pytest.raises(DataError) as caught:
        getattr(folder, what) if what != "labels" else folder.labels(folder.testing[0])
    return str(caught.value)


def test_a_folder_has_clips_labels_and_facts(make_data: MakeData) -> None:
    root = make_data()
    (root / "dataset.toml").write_text('name = "hall"\nsynthetic = true\nfps = 12.5\n')
    folder = ClipFolder(root)
    assert [clip.name for clip in folder.training] == ["01.mkv", "02.mkv", "03.mkv"]
    assert [clip.name for clip in folder.testing] == ["01.mkv", "02.mkv"]
    assert (folder.name, folder.synthetic, folder.fps) == ("hall", True, 12.5)
    assert np.flatnonzero(folder.labels(folder.testing[0])).tolist() == list(range(14, 21))
    assert sum(1 for _ in folder.frames(folder.training[0])) == 24


def test_without_a_dataset_file_the_folder_names_the_data(make_data: MakeData) -> None:
    folder = ClipFolder(make_data())
    assert (folder.name, folder.synthetic, folder.fps) == ("data", False, None)


def test_image_folders_are_clips_and_hidden_files_are_not(make_data: MakeData) -> None:
    root = make_data(training=1)
    (root / "training" / ".20260101.avi").write_bytes(b"unfinished")
    (root / "training" / "images").mkdir()
    for number in range(3):
        cv2.imwrite(str(root / "training" / "images" / f"{number}.png"), np.zeros((8, 8, 3), np.uint8))
    (root / "training" / "empty").mkdir()
    folder = ClipFolder(root)
    assert [clip.name for clip in folder.training] == ["01.mkv", "images"]
    assert len(list(folder.frames(folder.training[1]))) == 3


def test_a_folder_without_clips_says_where_they_belong(tmp_path: Path) -> None:
    assert (
        refusal(ClipFolder(tmp_path / "none"), "training")
        == f"{tmp_path}/none: no such folder; check the path"
    )
    assert refusal(ClipFolder(tmp_path), "training").startswith(
        f"{tmp_path}/training: there is no clip to train on; record normal life with `vad-edge record`"
    )
    assert "an evaluation needs testing/ and labels.csv" in refusal(ClipFolder(tmp_path), "testing")


def test_two_clips_that_would_share_their_labels_are_refused(make_data: MakeData) -> None:
    root = make_data()
    (root / "testing" / "1.avi").write_bytes(b"x")
    assert "would share their labels" in refusal(ClipFolder(root), "testing")


def test_footage_is_synthetic_or_not_but_never_perhaps(make_data: MakeData) -> None:
    root = make_data()
    (root / "dataset.toml").write_text('synthetic = "false"\n')
    assert "synthetic: 'false' is neither true nor false" in refusal(ClipFolder(root), "synthetic")


@pytest.mark.parametrize("fps", ['"fast"', "0", "-3", "true", "nan", "inf"])
def test_a_frame_rate_that_is_none_is_refused(make_data: MakeData, fps: str) -> None:
    root = make_data()
    (root / "dataset.toml").write_text(f"fps = {fps}\n")
    text = refusal(ClipFolder(root), "fps")
    assert "is not a frame rate; give frames a second, for instance fps = 10" in text
    assert str(root / "dataset.toml") in text


def test_a_dataset_file_that_is_no_toml_is_refused(make_data: MakeData) -> None:
    root = make_data()
    (root / "dataset.toml").write_text("fps = = 3\n")
    assert str(root / "dataset.toml") in refusal(ClipFolder(root), "fps")


def test_labels_may_be_padded_otherwise_than_the_clips(make_data: MakeData) -> None:
    root = make_data(testing=1, frames=21)
    write_labels(root, *label_lines("001", [0, 1, 0]))
    folder = ClipFolder(root)
    assert folder.labels(folder.testing[0]).tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["01,0,0", "01,2,1"], "line 3: clip 01 goes on with frame 2, 1 was to come"),
        (["01,0,maybe"], "line 2: not a label: 01,0,maybe"),
        (["01,0"], "line 2: not a label: 01,0,None"),
        (
            ["01,-1,0"],
            "line 2: clip 01 goes on with frame -1, 0 was to come; one row for every frame",
        ),
        (["", "01,0,0", "", "01,0,1"], "line 5: clip 01 goes on with frame 0, 1 was to come"),
        (["x" * 200_000 + ",0,0"], "line 2: not CSV: field larger than field limit"),
        (["01,0,2"], "line 2: not a label: 01,0,2"),
        (["99,0,1"], "line 2: labels for clip 99, which is not in testing/; the clips are 01.mkv, 02.mkv"),
        (["02,0,1"], "no labels for clip 01.mkv"),
    ],
)
def test_a_wrong_label_is_named_with_its_line(make_data: MakeData, lines: list[str], message: str) -> None:
    root = make_data(frames=21)
    write_labels(root, *lines)
    assert message in refusal(ClipFolder(root), "labels")


def test_labels_without_their_header_are_refused(make_data: MakeData) -> None:
    root = make_data(testing=1, frames=21)
    (root / "labels.csv").write_text("01,0,0\n01,1,0\n")
    text = refusal(ClipFolder(root), "labels")
    assert "line 2: not a label" in text
    assert "the columns are clip,frame0,abnormal" in text


def test_labels_may_come_from_a_spreadsheet(make_data: MakeData) -> None:
    root = make_data(testing=1, frames=21)
    lines = ["note,abnormal,clip,frame0", "a door, 1 ,01,0", "", ",0,1,1"]
    (root / "labels.csv").write_bytes("\r\n".join(lines).encode("utf-8-sig"))
    folder = ClipFolder(root)
    assert folder.labels(folder.testing[0]).tolist() == [True, False]


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one testing clip, which is not opened."""
    root = tmp_path_factory.mktemp("labelled")
    (root / "testing").mkdir()
    (root / "testing" / "07.mkv").write_bytes(b"x")
    return root


@given(st.lists(st.booleans(), min_size=1, max_size=30), st.integers(0, 4))
def test_labels_read_back_as_written(labelled: Path, abnormal: list[bool], zeros: int) -> None:
    write_labels(labelled, *label_lines("0" * zeros + "7", abnormal=[int(flag) for flag in abnormal]))
    folder = ClipFolder(labelled)
    assert folder.labels(folder.testing[0]).tolist() == abnormal


@given(st.text(max_size=60))
@example("7,0,1\n7,1,\x00")
@example('7,"0')
@example("7," + "9" * 5000 + ",0")
def test_no_labels_raise_anything_but_a_data_error(labelled: Path, text: str) -> None:
    content = f"clip,frame0,abnormal\n{text}".encode(errors="surrogatepass")
    (labelled / "labels.csv").write_bytes(content)
    folder = ClipFolder(labelled)
    with contextlib.suppress(DataError):
        assert folder.labels(folder.testing[0]).dtype == np.bool_


def test_missing_and_unreadable_labels_are_named(make_data: MakeData) -> None:
    root = make_data()
    (root / "labels.csv").write_bytes(b"\xff\xfe\x00")
    assert "not a text file" in refusal(ClipFolder(root), "labels")
    (root / "labels.csv").unlink()
    assert "there are no labels" in refusal(ClipFolder(root), "labels")


def test_the_fingerprint_follows_the_training_clips_alone(make_data: MakeData) -> None:
    root = make_data()
    before = ClipFolder(root).fingerprint
    (root / "testing" / "01.mkv").write_bytes(b"other")
    assert ClipFolder(root).fingerprint == before
    (root / "training" / "01.mkv").rename(root / "training" / "00.mkv")
    assert ClipFolder(root).fingerprint != before
