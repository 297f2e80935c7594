"""A QEMU machine that is switched on and loses its power."""

from __future__ import annotations

import queue
import shutil
import subprocess
import threading
from pathlib import Path

MEMORY_MIB = 512


class Machine:
    """Runs from construction to `kill`; what its resident says comes line by line."""

    def __init__(self, kernel: Path, initramfs: Path, disk: Path, accelerator: str) -> None:
        qemu = shutil.which("qemu-system-x86_64")
        if qemu is None:
            raise FileNotFoundError("no QEMU: apt install qemu-system-x86")
        self._process = subprocess.Popen(
            [
                *(
                    qemu,
                    "-accel",
                    accelerator,
                    "-cpu",
                    "max",
                    "-m",
                    str(MEMORY_MIB),
                    "-nodefaults",
                    "-no-reboot",
                ),
                *("-display", "none", "-serial", "stdio"),
                *("-kernel", str(kernel), "-initrd", str(initramfs)),
                *("-append", "console=ttyS0 quiet loglevel=1 panic=-1 edd=off"),
                "-blockdev",
                f"driver=nbd,node-name=disk,server.type=unix,server.path={disk},cache.direct=on",
                *("-device", "virtio-blk-pci,drive=disk,write-cache=on"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def line(self, timeout_s: float) -> str | None:
        """The next whole line; None when the machine is off. Raises queue.Empty if none comes in time."""
        return self._lines.get(timeout=timeout_s)

    def kill(self) -> list[str]:
        """End it at once; the lines that had still been said."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        rest = []
        while (line := self._lines.get()) is not None:
            rest.append(line)
        return rest

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as output:
            for line in output:
                if line.endswith(b"\n"):
                    self._lines.put(line.decode("utf-8", "replace").strip())
        self._lines.put(None)
