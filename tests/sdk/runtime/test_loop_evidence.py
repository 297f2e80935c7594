"""What a run keeps of an incident, and what it does not."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest
from tests.support.ffmpeg import Ffmpeg, RtspServer
from tests.support.footage import quiet_frames, with_block, write_video
from tests.support.runs import POLICY, Notes

from vad_edge.config.site import CameraConfig, EvidenceConfig, PrivacyConfig, SiteConfig
from vad_edge.events.incidents import Incidents
from vad_edge.events.store import EventStore
from vad_edge.evidence import recorder as keeper
from vad_edge.evidence.files import EvidenceFiles
from vad_edge.report.observer import FrameResult
from vad_edge.runtime import assembly as assemble
from vad_edge.runtime.settings import RunSummary

FULL = PrivacyConfig(evidence="full")
LEFT_HALF = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))


def evidence_of(folder: Path) -> dict[str, Path]:
    """The evidence of a run's worst incident, by kind; H.264 adds noise of its own that may be others."""
    with contextlib.closing(EventStore(folder / "events.db")) as store:
        evidence_files = EvidenceFiles(store.database)
        incident = max(Incidents(store.database).find(), key=lambda found: found.peak_risk)
        return {file.kind: evidence_files.path(file) for file in evidence_files.of(incident.id)}


def test_an_incident_leaves_its_heat_map_and_nothing_of_the_picture_unless_told(
    go: Callable[..., RunSummary], tmp_path: Path
) -> None:
    clip = write_video(tmp_path / "clip.mkv", with_block(quiet_frames(80, seed=1), 40, 50))
    notes = Notes()

    go(clip, notes=notes)

    assert set(evidence_of(tmp_path / "out")) == {"heatmap"}
    assert set(notes.events[0].evidence) == {"heatmap"}


def test_evidence_in_full_shows_the_block_in_pictures_and_in_the_clip(
    go: Callable[..., RunSummary], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A recording runs faster than life: on a busy machine its frames would be dropped, as a camera's are.
    monkeypatch.setattr(keeper, "FRAMES_WAITING", 1000)
    monkeypatch.setattr(keeper, "PICTURE_WAIT_S", 10.0)
    clip = write_video(tmp_path / "clip.mkv", with_block(quiet_frames(80, seed=1), 40, 50))
    site = SiteConfig(camera=(CameraConfig(name="yard", source=str(clip), policy=POLICY),), privacy=FULL)

    go(notes=Notes(), site=site)

    found = evidence_of(tmp_path / "out")
    assert set(found) == {"before", "picture", "heatmap", "after", "clip"}
    assert cv2.imread(str(found["before"])).max() < 200
    assert cv2.imread(str(found["picture"])).max() > 240
    assert found["clip"].suffix == ".webm"
    assert cv2.VideoCapture(str(found["clip"])).read()[0]


def test_an_h264_recording_is_cut_without_encoding(
    go: Callable[..., RunSummary], ffmpeg: Ffmpeg, tmp_path: Path
) -> None:
    clip = ffmpeg.encode(tmp_path / "clip.mp4", with_block(quiet_frames(80, seed=1), 40, 50))
    site = SiteConfig(camera=(CameraConfig(name="yard", source=str(clip), policy=POLICY),), privacy=FULL)

    go(notes=Notes(), site=site)

    assert ffmpeg.codec(evidence_of(tmp_path / "out")["clip"]) == "h264"


def test_nothing_under_a_mask_leaves_the_loop_and_the_model_sees_it_all(
    go: Callable[..., RunSummary], ffmpeg: Ffmpeg, tmp_path: Path
) -> None:
    clip = ffmpeg.encode(tmp_path / "clip.mp4", with_block(quiet_frames(80, seed=1), 40, 50))
    camera = CameraConfig(name="yard", source=str(clip), policy=POLICY, privacy_masks=(LEFT_HALF,))
    shown: list[bool] = []

    def look(result: FrameResult) -> None:
        shown.append(bool(result.frame.image[:, :32].any()))
        if result.scored is not None:
            shown.append(bool(result.scored.frame.image[:, :32].any()))

    go(notes=Notes(at=look), site=SiteConfig(camera=(camera,), privacy=FULL))

    found = evidence_of(tmp_path / "out")
    assert shown
    assert not any(shown)
    assert cv2.imread(str(found["picture"]))[:, :28].max() < 20
    assert found["clip"].suffix == ".webm"


def test_no_evidence_is_kept_where_none_is_wanted(go: Callable[..., RunSummary], tmp_path: Path) -> None:
    clip = write_video(tmp_path / "clip.mkv", with_block(quiet_frames(80, seed=1), 40, 50))
    camera = CameraConfig(name="yard", source=str(clip), policy=POLICY)
    notes = Notes()

    go(notes=notes, site=SiteConfig(camera=(camera,), privacy=PrivacyConfig(evidence="none")))

    assert evidence_of(tmp_path / "out") == {}
    assert notes.events[0].evidence == {}


@pytest.mark.slow
def test_the_clip_of_a_network_camera_is_what_the_camera_sent(
    go: Callable[..., RunSummary], ffmpeg: Ffmpeg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assemble, "clock_synced", lambda: True)
    notes = Notes()
    quiet = quiet_frames(30, seed=1)
    scene = ffmpeg.encode(tmp_path / "scene.ts", [*quiet, *with_block(quiet, 0, 29)] * 3)
    server = RtspServer(scene, tmp_path, "viewer", "s3cret")
    camera = CameraConfig(name="yard", source=server.url, policy=POLICY)
    evidence = EvidenceConfig(before_s=2.0, after_s=1.0, max_clip_s=5.0)
    with contextlib.closing(server):
        summary = go(
            notes=notes,
            site=SiteConfig(camera=(camera,), privacy=FULL, evidence=evidence),
            duration_s=20.0,
        )
    assert summary.incidents > 0
    assert {event.time_synced for event in notes.events} == {True}
    clips = list((tmp_path / "out" / "evidence").glob("*/clip.mp4"))
    assert clips
    assert {ffmpeg.codec(clip) for clip in clips} == {"h264"}
    assert all(cv2.VideoCapture(str(clip)).read()[0] for clip in clips)
    assert not list((tmp_path / "out" / "evidence").glob("*/clip.webm"))
