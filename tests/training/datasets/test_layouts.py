"""The published datasets' own layouts, on trees of their shape with a few frames of noise."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.io import savemat
from tests.support.footage import quiet_frames, write_video
from tests.training.conftest import MakeData

from vad_edge.errors import DataError
from vad_edge_training.datasets.avenue import Avenue
from vad_edge_training.datasets.clips import ClipFolder
from vad_edge_training.datasets.dataset import Dataset
from vad_edge_training.datasets.layouts import open_dataset
from vad_edge_training.datasets.shanghaitech import ShanghaiTech
from vad_edge_training.datasets.ucsd import Ucsd, frame_flags

BoolArray = NDArray[np.bool_]
FRAMES = 12
ABNORMAL = range(4, 9)


def masks() -> BoolArray:
    made = np.zeros((FRAMES, 48, 64), np.bool_)
    made[list(ABNORMAL), 16:32, 8:24] = True
    return made


def write_frames(folder: Path, images: list[NDArray[np.uint8]], suffix: str) -> None:
    folder.mkdir(parents=True)
    for number, image in enumerate(images, start=1):
        assert cv2.imwrite(str(folder / f"{number:03d}{suffix}"), image)


@pytest.fixture
def ucsd(tmp_path: Path) -> Path:
    root = tmp_path / "UCSDped2"
    for clip in ("Train001", "Train002"):
        write_frames(root / "Train" / clip, quiet_frames(FRAMES), ".tif")
    for clip in ("Test001", "Test002"):
        write_frames(root / "Test" / clip, quiet_frames(FRAMES), ".tif")
    write_frames(root / "Test" / "Test001_gt", [255 * mask.astype(np.uint8) for mask in masks()], ".bmp")
    lines = ["TestVideoFile = {};", "TestVideoFile{end+1}.gt_frame = [5:9];"]
    lines.append("TestVideoFile{end+1}.gt_frame = [1:2, 12:12];")
    (root / "Test" / "UCSDped2.m").write_text("\n".join(lines))
    return root


@pytest.fixture
def avenue(tmp_path: Path) -> Path:
    root = tmp_path / "Avenue Dataset"
    write_video(root / "training_videos" / "01.avi", quiet_frames(FRAMES), fps=25)
    write_video(root / "testing_videos" / "01.avi", quiet_frames(FRAMES), fps=25)
    cells = np.empty((1, FRAMES), object)
    for number, mask in enumerate(masks()):
        cells[0, number] = mask.astype(np.uint8)
    folder = root / "ground_truth_demo" / "testing_label_mask"
    folder.mkdir(parents=True)
    savemat(folder / "1_label.mat", {"volLabel": cells})
    return root


@pytest.fixture
def shanghaitech(tmp_path: Path) -> Path:
    root = tmp_path / "shanghaitech"
    write_video(root / "training" / "videos" / "01_001.avi", quiet_frames(FRAMES), fps=24)
    write_frames(root / "testing" / "frames" / "01_0014", quiet_frames(FRAMES), ".jpg")
    for part, values in (("test_frame_mask", masks().any(axis=(1, 2))), ("test_pixel_mask", masks())):
        (root / "testing" / part).mkdir()
        np.save(root / "testing" / part / "01_0014.npy", values.astype(np.uint8))
    return root


@pytest.fixture(params=["ucsd", "avenue", "shanghaitech"])
def published(request: pytest.FixtureRequest) -> Dataset:
    return open_dataset(request.getfixturevalue(request.param))


def test_a_published_layout_is_recognised_read_and_labelled(published: Dataset) -> None:
    assert isinstance(published, Ucsd | Avenue | ShanghaiTech)
    assert published.training
    clip = published.testing[0]
    frames = list(published.frames(clip))
    assert len(frames) == FRAMES
    assert frames[0].image.shape == (48, 64, 3)
    assert np.flatnonzero(published.labels(clip)).tolist() == list(ABNORMAL)
    found = published.masks(clip)
    assert found is not None
    np.testing.assert_array_equal(found, masks())
    assert len(published.fingerprint) == 64
    assert not published.synthetic


def test_ranges_of_matlab_count_from_one_and_include_their_end(ucsd: Path) -> None:
    data = open_dataset(ucsd)
    assert np.flatnonzero(data.labels(data.testing[1])).tolist() == [0, 1, 11]
    assert data.masks(data.testing[1]) is None
    assert np.flatnonzero(frame_flags("60:62, 80", 100, Path("clip"))).tolist() == [59, 60, 61, 79]
    with pytest.raises(DataError, match="labels for frames 90 to 101 of 100"):
        frame_flags("90:101", 100, Path("clip"))


def test_without_matlabs_ranges_the_masks_label_the_frames(ucsd: Path) -> None:
    (ucsd / "Test" / "UCSDped2.m").unlink()
    data = open_dataset(ucsd)
    assert np.flatnonzero(data.labels(data.testing[0])).tolist() == list(ABNORMAL)
    with pytest.raises(DataError, match="Test002: neither Test/"):
        data.labels(data.testing[1])


def test_masks_and_labels_of_different_lengths_are_refused(ucsd: Path) -> None:
    (ucsd / "Test" / "Test001_gt" / "012.bmp").unlink()
    data = open_dataset(ucsd)
    with pytest.raises(DataError, match="11 masks for 12 labels"):
        data.masks(data.testing[0])


def test_a_missing_label_file_of_avenue_says_where_it_belongs(avenue: Path) -> None:
    (avenue / "ground_truth_demo" / "testing_label_mask" / "1_label.mat").unlink()
    data = open_dataset(avenue)
    with pytest.raises(DataError, match=r"no 1_label\.mat; put it into testing_label_mask/"):
        data.labels(data.testing[0])


def test_a_file_that_is_not_matlabs_is_refused(avenue: Path) -> None:
    (avenue / "ground_truth_demo" / "testing_label_mask" / "1_label.mat").write_bytes(b"hello" * 100)
    data = open_dataset(avenue)
    with pytest.raises(DataError, match=r"1_label\.mat: not a file of masks"):
        data.labels(data.testing[0])


def test_labels_that_hold_code_or_are_missing_are_refused(shanghaitech: Path) -> None:
    path = shanghaitech / "testing" / "test_frame_mask" / "01_0014.npy"
    data = open_dataset(shanghaitech)
    np.save(path, np.array([{"no": "numbers"}], object))
    with pytest.raises(DataError, match=r"01_0014\.npy: not an array"):
        data.labels(data.testing[0])
    path.unlink()
    with pytest.raises(DataError, match="no such file; the dataset is incomplete"):
        data.labels(data.testing[0])


def test_a_published_folder_without_clips_says_so(shanghaitech: Path) -> None:
    (shanghaitech / "training" / "videos" / "01_001.avi").unlink()
    with pytest.raises(DataError, match="videos: there is no clip; unpack the dataset again"):
        _ = open_dataset(shanghaitech).training


def test_any_other_folder_is_a_plain_clip_folder(make_data: MakeData) -> None:
    data = open_dataset(make_data())
    assert isinstance(data, ClipFolder)
    assert data.masks(data.testing[0]) is None


def packed(folder: Path, width: int = 64, frames: int = 24) -> BoolArray:
    made = np.zeros((frames, 48, width), np.bool_)
    made[14:21, 16:32, 8:24] = True
    folder.mkdir(exist_ok=True)
    np.savez_compressed(folder / "01.npz", masks=np.packbits(made, axis=-1), width=width)
    return made


def test_a_clip_folders_masks_lie_beside_it(make_data: MakeData) -> None:
    root = make_data()
    made = packed(root / "masks")
    data = ClipFolder(root)
    found = data.masks(data.testing[0])
    assert found is not None
    np.testing.assert_array_equal(found, made)


def test_masks_of_all_clips_may_lie_in_one_file(make_data: MakeData) -> None:
    root = make_data()
    made = np.zeros((48, 48, 64), np.bool_)
    made[24 + 14 : 24 + 21, 16:32, 8:24] = True
    np.savez_compressed(root / "masks.npz", masks_packbits=np.packbits(made, axis=-1))
    data = ClipFolder(root)
    found = data.masks(data.testing[1])
    assert found is not None
    np.testing.assert_array_equal(found, made[24:])


@pytest.mark.parametrize(
    ("content", "message"), [(b"hello", "not an archive of masks"), (None, "there is no masks in it")]
)
def test_masks_that_are_none_are_refused(make_data: MakeData, content: bytes | None, message: str) -> None:
    root = make_data()
    packed(root / "masks")
    if content is None:
        np.savez(root / "masks" / "01.npz", other=np.zeros(3))
    else:
        (root / "masks" / "01.npz").write_bytes(content)
    data = ClipFolder(root)
    with pytest.raises(DataError, match=message):
        data.masks(data.testing[0])
