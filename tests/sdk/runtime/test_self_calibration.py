"""A camera that learns from what it sees: real scores files, a real fit in a process of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.support.cameras import a_camera, a_context, a_result

from vad_edge.bundle.archive import Bundle
from vad_edge.config.site import CameraConfig, LearningConfig, PlaceConfig
from vad_edge.health.board import HealthBoard
from vad_edge.inference.select import open_engine
from vad_edge.pipeline import Lane, ScoredFrame, VideoPipeline
from vad_edge.runtime import self_calibration as learner_module
from vad_edge.runtime.profile import resolve_camera
from vad_edge.runtime.self_calibration import SelfCalibration
from vad_edge.scoring.score_log import read_scores
from vad_edge.video.frame import Frame
from vad_edge.video.validity import VALID

IMAGE = np.zeros((32, 48, 3), np.uint8)
MINUTES = 4


class School:
    """One camera of the tiny bundle and its learner; `live` lets it see so many seconds of calm life."""

    def __init__(
        self,
        bundle: Bundle,
        folder: Path,
        ignore: tuple[PlaceConfig, ...] = (),
        budget: str = "1/hour",
        **more: object,
    ) -> None:
        self.bundle, self.folder, self.health = bundle, folder, HealthBoard()
        self.engine = open_engine(bundle, batch=1, engine="onnxruntime")
        self.camera = a_camera(CameraConfig(name="door", ignore=ignore), a_context(health=self.health))
        profile = resolve_camera(self.camera.config, bundle, self.engine.graph, learned=folder)
        self.camera.use(profile)
        self.pipeline = VideoPipeline(self.engine, bundle.manifest, [Lane("door", profile.full.scorer, None)])
        asked = LearningConfig(hours=MINUTES / 60.0, alarm_budget=budget)
        self.learner = SelfCalibration(
            [self.camera], self.pipeline, bundle, self.engine.graph, folder, asked, self.health, **more
        )  # type: ignore[arg-type]
        self._random = np.random.default_rng(3)

    def live(self, seconds: float, warm: bool = True) -> None:
        for number in range(round(seconds * 10)):
            mean, peak = np.exp(self._random.normal(0.0, 0.5, 2)).tolist()
            scored = ScoredFrame(
                Frame(number, number / 10, IMAGE), VALID, warm=warm, scores={"mean": mean, "peak": peak}
            )
            self.learner.on_frame(a_result("door", scored))
        self.learner.on_tick(0.0)

    def wait(self, done: Callable[[], bool]) -> None:
        deadline_s = time.monotonic() + 240.0  # in a process that gives way to all others
        while not done():
            assert time.monotonic() < deadline_s
            self.learner.on_tick(0.0)
            time.sleep(0.02)

    def pack(self) -> Path | None:
        profile = self.camera.profile
        return None if profile is None or profile.pack is None else profile.pack.path

    def close(self) -> None:
        self.learner.close()
        self.engine.close()


@pytest.fixture
def enrol(
    calibrated_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., School]]:
    monkeypatch.setattr(learner_module, "LOOK_EVERY_S", 0.0)
    made: list[School] = []

    def build(**more: object) -> School:
        made.append(School(calibrated_bundle, tmp_path / "learned", **more))
        return made[-1]

    yield build
    for each in made:
        each.close()


def test_a_camera_learns_over_a_restart_and_keeps_its_levels_then(enrol: Callable[..., School]) -> None:
    first = enrol()
    first.live(100)
    first.live(50, warm=False)
    first.close()
    second = enrol()
    before = second.camera.profile
    second.live(MINUTES * 60 - 100)
    second.wait(lambda: second.camera.profile is not before)
    assert second.pack() == second.folder / "door.vadc"
    assert second.camera.limiter is not None
    assert second.camera.rate is not None
    assert second.pipeline.lanes[0].scorer is second.camera.rate.scorer
    assert not (second.folder / "door.scores").exists()
    second.live(1)
    third = enrol()
    assert third.pack() == third.folder / "door.vadc"
    third.live(5)
    assert not (third.folder / "door.scores").exists()

    assert not third.health.snapshot().conditions

    fourth = enrol(budget="2/day")
    (condition,) = fourth.health.snapshot().conditions
    assert (condition.code, condition.subject) == ("budget_not_kept", "door")
    assert "keeps 1/hour, and 2/day is asked for: delete" in condition.message
    assert condition.params == {"kept": "1/hour", "asked": "2/day"}

    camera, graph = CameraConfig(name="door"), third.engine.graph
    slower = third.bundle.at_rate(5.0)
    assert resolve_camera(camera, slower, graph, learned=third.folder).pack is None
    (third.folder / "door.vadc").write_text("{}")
    found = resolve_camera(camera, third.bundle, graph, learned=third.folder)
    assert found.pack is None
    assert "door.vadc" in found.unused


def test_what_is_learned_belongs_to_the_ignore_masks(enrol: Callable[..., School]) -> None:
    corner = PlaceConfig(name="tree", polygon=((0.0, 0.0), (0.5, 0.0), (0.0, 0.5)))
    masked = enrol(ignore=(corner,))
    masked.live(MINUTES * 60)
    before = masked.camera.rate
    masked.wait(lambda: masked.camera.rate is not before)
    assert before is not None
    assert before.weight is not None
    assert masked.camera.rate is not None
    np.testing.assert_array_equal(masked.camera.rate.weight, before.weight)
    graph = masked.engine.graph
    plain = resolve_camera(CameraConfig(name="door"), masked.bundle, graph, learned=masked.folder)
    assert plain.pack is None
    again = resolve_camera(masked.camera.config, masked.bundle, graph, learned=masked.folder)
    assert again.pack is not None
    assert again.pack.path == masked.folder / "door.vadc"


def test_a_fit_that_fails_is_told_and_tried_again_with_more(
    enrol: Callable[..., School], tmp_path: Path
) -> None:
    tries = tmp_path / "tries"
    script = f"echo once >>{tries}; echo too little footage >&2; exit 2"
    school = enrol(command=("sh", "-c", script))
    school.live(MINUTES * 60)
    school.wait(lambda: bool(school.health.snapshot().conditions))
    (condition,) = school.health.snapshot().conditions
    assert (condition.code, condition.subject) == ("learning_failed", "door")
    assert condition.message == "too little footage"
    school.live(10)
    assert tries.read_text() == "once\n"
    school.live(MINUTES * 60)
    school.wait(lambda: tries.read_text() == "once\nonce\n")


def test_after_a_change_of_engine_nothing_is_learned(enrol: Callable[..., School]) -> None:
    school = enrol()
    school.live(10)
    school.learner.close()
    school.live(MINUTES * 60)
    assert not (school.folder / "door.vadc").exists()


def test_a_fit_that_cannot_be_started_is_told_and_tried_again_with_more(enrol: Callable[..., School]) -> None:
    school = enrol(command=("/nowhere/vad-edge",))
    school.live(MINUTES * 60)
    (condition,) = school.health.snapshot().conditions
    assert (condition.code, condition.subject) == ("learning_failed", "door")
    assert "/nowhere/vad-edge" in condition.message
    rows = len(read_scores(school.folder / "door.scores")[1])
    school.live(10)
    school.close()
    assert len(read_scores(school.folder / "door.scores")[1]) == rows + 100


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no disk that is always full")
def test_a_disk_that_is_full_ends_neither_the_run_nor_its_end(enrol: Callable[..., School]) -> None:
    school = enrol()
    keeper = school.learner._jobs["door"].log
    keeper._file.close()
    keeper._file = Path("/dev/full").open("r+b")  # noqa: SIM115 - closed by the keeper
    school.live(5)  # less than is written at once
    school.learner.close()
    assert keeper._file.closed
    (condition,) = school.health.snapshot().conditions
    assert "its last scores are lost" in condition.message
    school.live(5)


def test_a_camera_whose_scores_cannot_be_kept_ends_its_fit(
    enrol: Callable[..., School], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    school = enrol(command=("sleep", "600"))
    school.live(MINUTES * 60)
    (job,) = school.learner._jobs.values()
    assert job.process is not None

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(job.log, "add", refuse)
    school.live(1)
    assert job.process.returncode is not None
    assert job.log._file.closed
    (condition,) = school.health.snapshot().conditions
    assert "No space left on device" in condition.message


@pytest.mark.parametrize("made", ["true", "echo {{}} >{pack}"])
def test_a_fit_whose_pack_does_not_do_is_a_failure_and_the_scores_stay(
    enrol: Callable[..., School], tmp_path: Path, made: str
) -> None:
    school = enrol(command=("sh", "-c", made.format(pack=tmp_path / "learned" / "door.vadc")))
    school.live(MINUTES * 60)
    before = school.camera.profile
    school.wait(lambda: bool(school.health.snapshot().conditions))
    (condition,) = school.health.snapshot().conditions
    assert condition.code == "learning_failed"
    assert condition.message.startswith("what it has learned is not used: ")
    assert school.camera.profile is before
    assert (school.folder / "door.scores").exists()
