"""The OpenSSH client: scripts and files to a board; what it refuses is explained."""

from __future__ import annotations

import re
import shlex
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Final

from typing_extensions import Self

from vad_edge.common.verdict import Verdict
from vad_edge.errors import ConfigError, DeviceError

_TARGET: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_.-]*@)?[A-Za-z0-9\[][A-Za-z0-9.:%\]_-]*")
_CONNECT_S: Final = 15
_OWN_FAILURE: Final = 255
"""ssh ends with this where it, and not the remote command, failed."""

_FAILURES: Final = (
    (
        "REMOTE HOST IDENTIFICATION HAS CHANGED",
        "its host key is not the one that is known: another board answers, or it was flashed again",
        "make sure which; then `ssh-keygen -R HOST` and log in once by hand",
    ),
    (
        "Host key verification failed",
        "its host key is not known here",
        "log in once by hand with ssh, and compare the fingerprint",
    ),
    ("Permission denied", "it does not accept your key", "ssh-copy-id, or name your key in ~/.ssh/config"),
    ("Could not resolve hostname", "there is no such host", "check the name"),
    ("Connection refused", "no SSH server answers there", "switch it on; check address and port"),
    ("timed out", "it does not answer", "check address, cable and power"),
    ("No route to host", "it cannot be reached", "check address, cable and network"),
)


@dataclass(frozen=True, slots=True)
class CommandOutput:
    """What a remote command printed, and how it ended."""

    code: int
    text: str
    errors: str


class Ssh:
    """One connection to a board, shared by all commands while it is open.

    target is ``[user@]host``; config an OpenSSH configuration instead of the user's. Keys, ports and known
    hosts are OpenSSH's business; it never asks for a password.
    """

    def __init__(self, target: str, config: Path | None = None) -> None:
        if not _TARGET.fullmatch(target):
            raise ConfigError(f"{target!r} is no [user@]host", fix="give such as ann@192.168.55.1")
        self.target = target
        self._folder = tempfile.TemporaryDirectory(prefix="vad-edge-ssh-")
        self._command = ["ssh", *(("-F", str(config)) if config else ())]
        for option in (
            "BatchMode=yes",
            f"ConnectTimeout={_CONNECT_S}",
            "ServerAliveInterval=15",
            "ControlMaster=auto",
            f"ControlPath={self._folder.name}/s",
            "ControlPersist=60",
        ):
            self._command += ["-o", option]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        subprocess.run(  # noqa: S603
            [*self._command, "-O", "exit", "--", self.target], capture_output=True, check=False
        )
        self._folder.cleanup()

    def run(
        self,
        words: Sequence[str],
        feed: Callable[[IO[bytes]], None] | bytes = b"",
        on_line: Callable[[str], None] | None = None,
    ) -> CommandOutput:
        """Run a command there. feed is its standard input, or writes it; on_line gets its output as it comes.

        Raises DeviceError, with what to do, where ssh itself fails. The command's own failure is a
        `CommandOutput`.
        """
        with tempfile.TemporaryFile() as errors:
            process = subprocess.Popen(  # noqa: S603
                [*self._command, "--", self.target, shlex.join(words)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            )
            assert process.stdin is not None  # noqa: S101 - pipes were asked for
            assert process.stdout is not None  # noqa: S101
            try:
                with process.stdin:
                    if callable(feed):
                        feed(process.stdin)
                    else:
                        process.stdin.write(feed)
            except BrokenPipeError:
                pass  # it ended early; its exit code says why
            lines = []
            for line in process.stdout:
                lines.append(line.decode(errors="replace"))
                if on_line is not None:
                    on_line(lines[-1].rstrip("\n"))
            process.stdout.close()
            code = process.wait()
            errors.seek(0)
            said = errors.read().decode(errors="replace")
        if code == _OWN_FAILURE:
            verdict = explain(said)
            raise DeviceError(verdict.reason, where=self.target, fix=verdict.fix)
        return CommandOutput(code, "".join(lines), said)


def explain(errors: str) -> Verdict:
    """Why ssh failed, from what it printed."""
    for text, reason, fix in _FAILURES:
        if text in errors:
            return Verdict(False, reason, fix)
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    return Verdict(False, f"ssh failed: {lines[-1] if lines else 'it said nothing'}", "run the same again")
