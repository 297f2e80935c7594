"""What the service manager hears of a run: the decision by a table, the whole by a real process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from tests.support.cameras import a_result
from tests.support.service_manager import Notifications

import vad_edge.demo
from vad_edge.health.systemd import ServiceManager
from vad_edge.pipeline import ScoredFrame
from vad_edge.runtime.camera import Camera
from vad_edge.runtime.liveness import Liveness
from vad_edge.scoring.scorer import Surprise
from vad_edge.video.frame import Frame
from vad_edge.video.validity import VALID, Validity

DEMO = Path(vad_edge.demo.__file__).parent
FRAME = Frame(index=0, time_s=0.0, image=np.zeros((8, 8, 3), np.uint8))

COLD = ScoredFrame(FRAME, VALID, warm=False, scores={"a": 1.0})
GOOD = ScoredFrame(FRAME, VALID, warm=True, scores={"a": 1.0}, surprise=Surprise(0.0, 1.0, {"a": 1.0}))
BLACK = ScoredFrame(FRAME, Validity(False, "black"), warm=True)
NOT_FINITE = ScoredFrame(FRAME, VALID, warm=True)


def cameras_with(*errors: Exception | None) -> Sequence[Camera]:
    cameras = [SimpleNamespace(reader=SimpleNamespace(error=error), shed=False) for error in errors]
    return cast("Sequence[Camera]", cameras)


def turn(liveness: Liveness, scored: Sequence[ScoredFrame | None]) -> None:
    for each in scored:
        if each is not None:
            liveness.on_frame(a_result("front", each))
    liveness.on_tick(0.0)


SENSORS_ONLY = cast("Sequence[Camera]", [SimpleNamespace(reader=None)])
LOST = OSError("unplugged")
SHED = cast("Camera", SimpleNamespace(reader=SimpleNamespace(error=None), shed=True))


@pytest.mark.parametrize(
    ("cameras", "scored", "said"),
    [
        (cameras_with(None), [GOOD], ["READY=1", "WATCHDOG=1"]),
        (cameras_with(None), [COLD], ["READY=1", "WATCHDOG=1"]),
        (cameras_with(None), [BLACK], ["READY=1", "WATCHDOG=1"]),
        (cameras_with(None), [NOT_FINITE], []),
        (cameras_with(None), [None], []),
        (cameras_with(None, None), [None, GOOD], ["READY=1", "WATCHDOG=1"]),
        (cameras_with(LOST), [None], ["WATCHDOG=1"]),
        (cameras_with(LOST, None), [None, None], []),
        (SENSORS_ONLY, [None], ["READY=1", "WATCHDOG=1"]),
        ([*cameras_with(LOST), SHED], [None, None], ["WATCHDOG=1"]),
    ],
    ids=[
        "a score is ready and alive",
        "a model that is not warm yet is ready",
        "a dark room is ready: its picture is reported",
        "a model that gives nothing finite is neither",
        "a camera that is silent and not known as lost is neither",
        "one of two cameras is enough",
        "a lost camera is reported, so it is alive",
        "one lost and one silent is neither",
        "sensors alone are ready at once",
        "a camera that is not watched owes no frame",
    ],
)
def test_ready_and_alive_are_what_was_really_dealt_with(
    notifications: Notifications,
    cameras: Sequence[Camera],
    scored: Sequence[ScoredFrame | None],
    said: list[str],
) -> None:
    with closing(ServiceManager(notifications.address, 30.0)) as manager:
        turn(Liveness(manager, cameras), scored)
    assert notifications.receive() == said


def test_ready_is_said_once(notifications: Notifications) -> None:
    with closing(ServiceManager(notifications.address)) as manager:
        liveness = Liveness(manager, cameras_with(None))
        for _ in range(3):
            turn(liveness, [GOOD])
    assert notifications.receive() == ["READY=1"]


Service = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def service(notifications: Notifications, tmp_path: Path) -> Iterator[Service]:
    """`vad-edge run` as systemd would start it."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*options: Any) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            "NOTIFY_SOCKET": notifications.address,
            "WATCHDOG_USEC": "2000000",
            "XDG_STATE_HOME": str(tmp_path / "state"),
        }
        environment.pop("WATCHDOG_PID", None)
        command = [sys.executable, "-m", "vad_edge", "run", *map(str, options)]
        started.append(subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_a_run_says_ready_at_its_first_frame_and_stopping_at_its_end(
    notifications: Notifications, service: Service
) -> None:
    process = service("--source", DEMO / "clip.mp4", "--bundle", DEMO / "scene.vadb")
    notifications.wait_for("STOPPING=1", timeout_s=120)
    assert process.wait(60) == 0
    said = [line for line in notifications.receive() if line != "WATCHDOG=1"]
    assert said == ["READY=1", "STOPPING=1"]
    assert "WATCHDOG=1" in notifications.said


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site of sensors alone: it runs until it is stopped."""
    path = tmp_path / "site.toml"
    path.write_text(
        '[broker]\nurl = "embedded"\n[[sensor]]\nname = "door"\ntopic = "door"\nkind = "binary"\n'
    )
    return path


def test_a_hangup_reads_the_site_anew_and_a_stop_ends_it(
    notifications: Notifications, service: Service, site: Path
) -> None:
    process = service("--config", site)
    notifications.wait_for("READY=1")
    process.send_signal(signal.SIGHUP)
    notifications.wait_for("READY=1", times=2)
    process.terminate()
    assert process.wait(60) == 0
    said = [line.partition("\n")[0] for line in notifications.receive() if line != "WATCHDOG=1"]
    assert said == ["READY=1", "RELOADING=1", "READY=1", "STOPPING=1"]


def test_a_site_file_that_became_wrong_does_not_end_the_run(
    notifications: Notifications, service: Service, site: Path
) -> None:
    process = service("--config", site)
    notifications.wait_for("READY=1")
    site.write_text("[[sensor]\n")
    process.send_signal(signal.SIGHUP)
    notifications.wait_for("READY=1", times=2)
    assert process.poll() is None


def test_a_process_that_hangs_kicks_no_more(
    notifications: Notifications, service: Service, site: Path
) -> None:
    process = service("--config", site)
    notifications.wait_for("WATCHDOG=1", times=2)
    process.send_signal(signal.SIGSTOP)
    time.sleep(0.3)
    before = len(notifications.receive())
    time.sleep(1.5)
    assert len(notifications.receive()) == before
