from __future__ import annotations

import csv
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from vad_edge.clock import MediaClock
from vad_edge.config.load import load_site
from vad_edge.sensors.hub import SensorHub
from vad_edge.sensors.recording import envelope, read_recording
from vad_edge_training.datasets.clips import ClipFolder
from vad_edge_training.datasets.scene.dataset import plan_clips, read_masks, render_dataset, render_story
from vad_edge_training.datasets.scene.render import render
from vad_edge_training.datasets.scene.sensors import record_sensors
from vad_edge_training.datasets.scene.story import KINDS, tell_story


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("scene")
    render_dataset(root, training_clips=1, testing_clips=2, clip_s=30, height=64, width=96, fps=5)
    return root


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_a_dataset_is_a_clip_folder_that_says_it_is_synthetic(dataset: Path) -> None:
    folder = ClipFolder(dataset)
    assert (folder.name, folder.synthetic, folder.fps) == ("scene", True, 5.0)
    assert [clip.name for clip in folder.training] == ["01.mp4"]
    for clip in folder.testing:
        frames = list(folder.frames(clip))
        assert len(frames) == 150
        assert frames[0].image.shape == (64, 96, 3)
        assert 0 < folder.labels(clip).sum() < 150


def test_masks_labels_and_events_agree(dataset: Path) -> None:
    folder = ClipFolder(dataset)
    events = rows(dataset / "events.csv")
    assert [event["kind"] for event in events] == list(KINDS[:2])
    for clip, event in zip(folder.testing, events, strict=True):
        masks = read_masks(dataset / "masks" / f"{clip.stem}.npz")
        assert masks.shape == (150, 64, 96)
        abnormal = folder.labels(clip)
        assert masks[~abnormal].sum(axis=(1, 2)).max() < 8
        seen_s = np.flatnonzero(abnormal) / 5
        assert (float(event["first_s"]), float(event["last_s"])) == pytest.approx((seen_s[0], seen_s[-1]))
        assert float(event["lead_s"]) > 1.5


def test_the_sensors_of_a_clip_speak_as_the_site_file_declares(dataset: Path) -> None:
    clock = MediaClock()
    site = load_site(dataset / "site.toml")
    hub = SensorHub(site.sensor, clock)
    for message in read_recording(dataset / "sensors" / "testing" / "02.jsonl"):
        hub.accept(message.topic, envelope(message))
    clock.advance(29.0)
    assert {view.status for view in hub.views(29.0)} == {"ok"}
    assert hub.rejected == 0
    assert hub.received > 100


def test_an_interrupted_rendering_goes_on_with_the_clips_that_are_missing(dataset: Path) -> None:
    kept, lost = dataset / "testing" / "01.mp4", dataset / "training" / "01.mp4"
    stamp, content = kept.stat().st_mtime_ns, lost.read_bytes()
    lost.unlink()
    seen: list[tuple[int, int]] = []
    render_dataset(
        dataset, training_clips=1, testing_clips=2, clip_s=30, height=64, width=96, fps=5,
        on_progress=lambda *at: seen.append(at),
    )  # fmt: skip
    assert kept.stat().st_mtime_ns == stamp
    assert lost.read_bytes() == content
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_the_same_seed_renders_the_same_pictures_and_another_seed_others() -> None:
    story = tell_story(2, 1)

    def first(seed: int) -> np.ndarray:
        return next(iter(render(story, height=48, width=64, fps=5, seed=seed)))[0]

    assert np.array_equal(first(1), first(1))
    assert not np.array_equal(first(1), first(2))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_incident_is_seen_in_its_mask(kind: str) -> None:
    story = tell_story(24, 2, [kind])  # type: ignore[list-item]
    (incident,) = story.incidents
    found = [mask.sum() for _, mask in render(story, height=96, width=160, fps=5, seed=1)]
    before, during = found[: int(incident.first_s * 5) - 1], found[int(incident.first_s * 5) + 3 :]
    assert max(before) == 0
    assert max(during) > 12


def test_a_person_in_front_of_an_anomaly_hides_it() -> None:
    story = tell_story(30, 4, ["vehicle"])
    (incident,) = story.incidents
    alone = tell_story(30, 4, ["vehicle"])
    alone.actors = [alone.actors[incident.actor]]
    alone.incidents = [type(incident)("vehicle", 0, incident.first_s, incident.last_s, incident.lead_s)]
    crowded, free = (
        sum(int(mask.sum()) for _, mask in render(each, height=96, width=160, fps=5, seed=1))
        for each in (story, alone)
    )
    assert 0.5 * free < crowded < free


def test_plans_go_round_all_kinds_and_no_clip_shares_its_seed() -> None:
    plans = plan_clips(4, 7, 60, seed=7)
    testing = [plan for plan in plans if plan.part == "testing"]
    assert {kind for plan in testing for kind in plan.incidents} == set(KINDS)
    assert all(len(plan.incidents) == 2 for plan in testing)
    assert len({plan.seed for plan in plans}) == 11


def test_one_clip_of_ones_own_choice(tmp_path: Path) -> None:
    render_story(tmp_path, ["running"], clip_s=21, height=64, width=96, fps=5)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "clip.mp4", "events.csv", "labels.csv", "sensors.jsonl", "site.toml",
    ]  # fmt: skip
    (event,) = rows(tmp_path / "events.csv")
    assert event["kind"] == "running"
    assert sum(row["abnormal"] == "1" for row in rows(tmp_path / "labels.csv")) > 5


def test_the_door_of_a_story_opens_and_closes_as_its_sensor_says() -> None:
    story = tell_story(60, 1, ["running"])
    states = [message.payload for message in record_sensors(story, 1) if "door/contact" in message.topic]
    assert states[0] == b"closed"
    assert states[1:3] == [b"open", b"closed"]
    assert all(a != b for a, b in pairwise(states))
