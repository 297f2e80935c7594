"""Why a network camera gives no video, from what ffmpeg said: each cause its sentence and its fix."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from vad_edge.common.secret import HINT


@dataclass(frozen=True, slots=True)
class OpenFault:
    """What is wrong with a stream, and what to do."""

    what: str
    fix: str


_CAUSES: Final = (
    (r"401|unauthorized|authori[sz]ation failed", "the camera refuses the user name or the password",
     f"check both in the camera's own page; {HINT}"),
    (r"403|forbidden", "the camera does not let this user see the stream",
     "give the user the right to view live video, in the camera's own page"),
    (r"404|not found|bad request|\b400\b|\b454\b|\b455\b", "the camera has no stream at this path",
     "`vad-edge cameras show` lists a camera's streams; or see its manual"),
    (r"\b453\b|\b503\b|not enough bandwidth|service unavailable", "the camera has no connection left for us",
     "close other viewers, or use a sub-stream or another of its profiles"),
    (r"name or service not known|failed to resolve|could not resolve|temporary failure in name",
     "there is no host of this name", "check the name, or give the camera's IP address"),
    (r"connection refused", "the host is there, but nothing answers at this port",
     "check the port (554 for RTSP) and that the stream is switched on in the camera"),
    (r"no route to host|network is unreachable|host is down", "there is no way to the camera's address",
     "check the address, the network cable and that the camera has power"),
    (r"timed out|timeout", "the camera does not answer",
     "check the address, the camera's power and what firewalls lie between"),
    (r"unsupported transport|\b461\b|nonmatching transport", "the camera does not send over this transport",
     'set transport = "udp" (or "tcp") for this camera'),
    (r"certificate|tls|ssl", "the encrypted connection fails", "check the camera's certificate and clock"),
    (r"does not contain any stream|matches no streams|invalid data found|could not find codec",
     "what the server sends is no video that can be decoded",
     "look at the stream with another player, and set the camera to H.264 or H.265"),
)  # fmt: skip


_LEVEL: Final = re.compile(r"^(?:\[[^\]]* @ [^\]]*\] )*\[(?:error|fatal|panic)\] (.*)$", re.MULTILINE)
_UNKNOWN: Final = "check address, credentials and that the camera is on"


def open_fault(said: str) -> OpenFault:
    """The cause behind what was `said` of a stream that cannot be opened; empty where nothing was.

    >>> open_fault("rtsp://***@camera: Connection refused").what
    'the host is there, but nothing answers at this port'
    """
    for pattern, what, fix in _CAUSES:
        if re.search(pattern, said, re.IGNORECASE):
            return OpenFault(what, fix)
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return OpenFault(f"the stream cannot be opened{f': {lines[-1]}' if lines else ''}", _UNKNOWN)


def complaints(lines: str) -> str:
    """The errors among ffmpeg's lines, without where in ffmpeg they come from.

    >>> complaints("[info] Input #0\\n[rtsp @ 0x5581] [error] method DESCRIBE failed: 404 Not Found")
    'method DESCRIBE failed: 404 Not Found'
    """
    return "\n".join(_LEVEL.findall(lines))
