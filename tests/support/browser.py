"""Chromium, which plays a video as people would and says how far it came."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

PAGE = """<!doctype html><video id="v" muted src="{source}"></video><script>
const v = document.getElementById("v");
const say = (error) => {{ new Image().src = "{answer}?" + encodeURIComponent(JSON.stringify(
  {{error, duration: v.duration, width: v.videoWidth, height: v.videoHeight, at: v.currentTime,
    frames: v.getVideoPlaybackQuality().totalVideoFrames}})); }};
v.playbackRate = 4;
v.onerror = () => say(v.error.message || "error " + v.error.code);
v.ontimeupdate = () => {{ if (v.currentTime > {until}) {{ v.ontimeupdate = null; v.pause(); say(""); }} }};
v.play().catch(error => say(String(error)));
</script>"""
PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Played:
    """What the browser says of a video: sizes in pixels, times in seconds, the pictures it has shown."""

    error: str
    duration: float
    width: int
    height: int
    at: float
    frames: int


class Browser:
    """Plays files."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program = program
        self._folder = folder

    def play(self, video: Path, until_s: float) -> Played:
        """Play a file up to a time, at four times its speed."""
        answers: list[dict[str, Any]] = []
        came = threading.Event()

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answers.append(json.loads(unquote(self.path.partition("?")[2])))
                self.send_response(204)
                self.end_headers()
                came.set()

            def log_message(self, *args: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = self._folder / "page.html"
        answer = f"http://127.0.0.1:{server.server_port}/"
        page.write_text(PAGE.format(source=video.resolve().as_uri(), answer=answer, until=until_s))
        options = [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
            "--autoplay-policy=no-user-gesture-required", f"--user-data-dir={self._folder / 'profile'}",
            "--no-proxy-server",
        ]  # fmt: skip
        browser = subprocess.Popen(
            [self._program, *options, page.as_uri()],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        try:
            assert came.wait(PATIENCE_S), f"Chromium said nothing of {video}"
        finally:
            os.killpg(browser.pid, signal.SIGKILL)
            browser.wait()
            server.shutdown()
            server.server_close()
        return Played(**answers[0])


@pytest.fixture
def browser(tmp_path_factory: pytest.TempPathFactory) -> Browser:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("Chromium is not installed: whether a browser plays the video is not checked")
    return Browser(program, tmp_path_factory.mktemp("browser"))
