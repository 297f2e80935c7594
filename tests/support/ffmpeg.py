"""The real ffmpeg: video that OpenCV cannot write, and a small RTSP server that speaks what ffmpeg sends."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.support.mosquitto import wait_until


@dataclass(frozen=True, slots=True)
class Facts:
    """Codec, frames a second, (width, height), seconds, and when the first picture was taken."""

    codec: str
    fps: float
    size: tuple[int, int]
    duration_s: float
    began: datetime | None


class Ffmpeg:
    """Encodes and looks into files."""

    def encode(
        self,
        path: Path,
        frames: Sequence[NDArray[np.uint8]],
        *,
        fps: float = 10.0,
        codec: str = "libx264",
        key_every: int = 10,
        created: str | None = None,
    ) -> Path:
        """Write frames as H.264 or H.265 with a key frame every so many; created is noted in the file."""
        height, width = frames[0].shape[:2]
        raw = [
            "-f",
            "rawvideo",
            "-pix_fmt",
            "bgr24",
            "-s",
            f"{width}x{height}",
            "-r",
            str(fps),
            "-i",
            "pipe:0",
        ]
        coding = ["-c:v", codec, "-preset", "ultrafast", "-g", str(key_every), "-pix_fmt", "yuv420p"]
        quiet = ["-x265-params", "log-level=error"] if codec == "libx265" else []
        noted = [] if created is None else ["-metadata", f"creation_time={created}"]
        subprocess.run(
            ["ffmpeg", "-v", "error", "-y", *raw, *coding, *quiet, *noted, str(path)],
            input=b"".join(frame.tobytes() for frame in frames),
            check=True,
        )
        return path

    def codec(self, path: Path) -> str:
        """The codec of a file's only stream."""
        wanted = ["-show_entries", "stream=codec_name", "-of", "csv=p=0"]
        found = subprocess.run(
            ["ffprobe", "-v", "error", *wanted, str(path)], capture_output=True, text=True, check=True
        )
        return found.stdout.strip()

    def times(self, path: Path) -> list[float]:
        """The presentation time of each picture, in seconds; empty while there is nothing to read."""
        wanted = ["-select_streams", "v", "-show_entries", "packet=pts_time", "-of", "csv=p=0"]
        found = subprocess.run(
            ["ffprobe", "-v", "error", *wanted, str(path)], capture_output=True, text=True, check=False
        )
        return [float(line.strip(",")) for line in found.stdout.split()]

    def complaints(self, path: Path) -> str:
        """What ffmpeg has to say of a file that it decodes to its end."""
        command = ["ffmpeg", "-v", "warning", "-i", str(path), "-f", "null", "-"]
        found = subprocess.run(command, capture_output=True, text=True, check=True)
        return "\n".join(line for line in found.stderr.splitlines() if "deprecated pixel format" not in line)

    def facts(self, path: Path) -> Facts:
        """What the container says of itself."""
        wanted = "format=duration:format_tags=creation_time:stream=codec_name,avg_frame_rate,width,height"
        found = subprocess.run(
            ["ffprobe", "-v", "error", "-show_entries", wanted, "-of", "json", str(path)],
            capture_output=True,
            text=True,
            check=True,
        )
        said = json.loads(found.stdout)
        (stream,) = said["streams"]
        began = said["format"].get("tags", {}).get("creation_time")
        return Facts(
            codec=stream["codec_name"],
            fps=float(Fraction(stream["avg_frame_rate"])),
            size=(stream["width"], stream["height"]),
            duration_s=float(said["format"].get("duration", "nan")),
            began=None if began is None else datetime.fromisoformat(began.replace("Z", "+00:00")),
        )


@pytest.fixture
def ffmpeg() -> Ffmpeg:
    if shutil.which("ffmpeg") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("ffmpeg is not installed; see tests/install_ffmpeg.sh")
        pytest.skip("ffmpeg is not installed")
    return Ffmpeg()


class RtspServer:
    """Serves a transport stream of H.264 over and over, in real time, over TCP alone, with Basic auth."""

    def __init__(self, clip: Path, folder: Path, user: str, password: str) -> None:
        self._clip = clip
        self._folder = folder
        self._secret = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        self._server = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._senders: dict[int, subprocess.Popen[bytes]] = {}
        port = self._server.getsockname()[1]
        self.url = f"rtsp://{user}:{password}@127.0.0.1:{port}/live"
        self.played = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def hang_up(self) -> None:
        """Cut every connection; the next one is served again."""
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def close(self) -> None:
        with contextlib.suppress(OSError):  # closing alone lets one more viewer in
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.hang_up()
        for port in list(self._senders):
            self._stop_sending(port)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                self._open.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), contextlib.ExitStack() as viewer:
            viewer.enter_context(connection)
            packets = viewer.enter_context(socket.socket(type=socket.SOCK_DGRAM))
            packets.bind(("127.0.0.1", 0))
            viewer.callback(self._stop_sending, packets.getsockname()[1])
            requests = connection.makefile("rb")
            while first := requests.readline().decode().split():
                headers = {}
                while line := requests.readline().decode().strip():
                    name, _, value = line.partition(":")
                    headers[name.lower()] = value.strip()
                self._answer(connection, packets, first[0], first[1], headers)

    def _answer(
        self,
        connection: socket.socket,
        packets: socket.socket,
        method: str,
        url: str,
        headers: dict[str, str],
    ) -> None:
        status, extra, body = "200 OK", "Session: 1\r\n", b""
        if method == "OPTIONS":
            extra = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"
        elif headers.get("authorization") != self._secret:
            status, extra = "401 Unauthorized", 'WWW-Authenticate: Basic realm="camera"\r\n'
        elif "/live" not in url:
            status = "404 Not Found"
        elif method == "DESCRIBE":
            body = self._describe(packets.getsockname()[1])
            extra = f"Content-Type: application/sdp\r\nContent-Base: {url}/\r\n"
        elif method == "SETUP" and "TCP" not in headers["transport"]:
            status = "461 Unsupported Transport"
        elif method == "SETUP":
            extra += "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
        head = f"RTSP/1.0 {status}\r\nCSeq: {headers['cseq']}\r\n{extra}Content-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)
        if method == "PLAY":
            self.played += 1
            threading.Thread(target=self._forward, args=(packets, connection), daemon=True).start()

    def _describe(self, port: int) -> bytes:
        sdp = self._folder / f"stream-{port}.sdp"
        sdp.unlink(missing_ok=True)
        source = ["-re", "-stream_loop", "-1", "-i", str(self._clip)]
        target = ["-f", "rtp", f"rtp://127.0.0.1:{port}?pkt_size=1200", "-sdp_file", str(sdp)]
        command = ["ffmpeg", "-v", "error", "-nostdin", *source, "-c", "copy", *target]
        self._senders[port] = subprocess.Popen(command)
        wait_until(lambda: sdp.exists() and "a=fmtp" in sdp.read_text(), "ffmpeg's description")
        lines = [line for line in sdp.read_text().splitlines() if "=" in line]
        lines = ["m=video 0 RTP/AVP 96" if line.startswith("m=") else line for line in lines]
        return ("\r\n".join([*lines, "a=control:track1"]) + "\r\n").encode()

    def _forward(self, packets: socket.socket, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                packet = packets.recv(65536)
                connection.sendall(b"$\0" + len(packet).to_bytes(2, "big") + packet)

    def _stop_sending(self, port: int) -> None:
        sender = self._senders.pop(port, None)
        if sender is not None:
            sender.kill()
            sender.wait()


@pytest.fixture
def rtsp(ffmpeg: Ffmpeg, tmp_path: Path) -> Iterator[RtspServer]:
    """A camera that shows twenty seconds of moving bars, again and again."""
    bars = [np.roll(np.repeat(np.arange(0, 256, 4, np.uint8), 3).reshape(1, 64, 3), n, 1) for n in range(200)]
    clip = ffmpeg.encode(tmp_path / "bars.ts", [np.ascontiguousarray(np.repeat(bar, 48, 0)) for bar in bars])
    server = RtspServer(clip, tmp_path, "viewer", "s3cret")
    yield server
    server.close()
