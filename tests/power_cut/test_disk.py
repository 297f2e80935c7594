"""The harness itself: what its disk forgets, and what its ledger finds."""

from __future__ import annotations

import random
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.power_cut.disk import SECTOR, ForgetfulDisk
from tests.power_cut.ledger import Ledger

SIZE = 64 * SECTOR
READ, WRITE, FLUSH, FORCED = 0, 1, 3, 1


class Client:
    """As much of an NBD client as it takes."""

    def __init__(self, address: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(5)
        self._socket.connect(str(address))
        self._stream = self._socket.makefile("rb")
        self._stream.read(18)
        self._socket.sendall(struct.pack(">I", 1) + struct.pack(">QII", 0x49484156454F5054, 7, 0))
        assert struct.unpack(">QIII", self._stream.read(20))[2] == 3
        assert struct.unpack(">HQH", self._stream.read(12))[1] == SIZE
        self._stream.read(20)

    def ask(self, kind: int, sector: int = 0, data: bytes = b"", flags: int = 0) -> bytes:
        length = SECTOR if kind == READ else len(data)
        self._socket.sendall(
            struct.pack(">IHHQQI", 0x25609513, flags, kind, 7, sector * SECTOR, length) + data
        )
        assert struct.unpack(">IIQ", self._stream.read(16)) == (0x67446698, 0, 7)
        return self._stream.read(SECTOR) if kind == READ else b""

    def close(self) -> None:
        self._stream.close()
        self._socket.close()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[ForgetfulDisk]:
    made = ForgetfulDisk(bytes(SIZE), tmp_path / "socket")
    made.power_on()
    yield made
    made.close()


def test_what_was_flushed_or_forced_survives_every_cut(disk: ForgetfulDisk, tmp_path: Path) -> None:
    chance = random.Random(1)
    for turn in range(1, 20):
        client = Client(tmp_path / "socket")
        client.ask(WRITE, 1, bytes([turn]) * SECTOR)
        client.ask(FLUSH)
        client.ask(WRITE, 2, bytes([turn]) * SECTOR, flags=FORCED)
        disk.cut(chance)
        client.close()
        disk.power_on()
        client = Client(tmp_path / "socket")
        assert client.ask(READ, 1) == client.ask(READ, 2) == bytes([turn]) * SECTOR
        client.close()


def test_what_was_not_flushed_is_sometimes_lost_and_sometimes_kept(
    disk: ForgetfulDisk, tmp_path: Path
) -> None:
    chance, kept = random.Random(1), set()
    for turn in range(1, 30):
        client = Client(tmp_path / "socket")
        client.ask(WRITE, 5, bytes([turn]) * SECTOR)
        assert client.ask(READ, 5) == bytes([turn]) * SECTOR  # until the power goes it is there
        disk.cut(chance)
        client.close()
        disk.power_on()
        client = Client(tmp_path / "socket")
        kept.add(client.ask(READ, 5) == bytes([turn]) * SECTOR)
        client.close()
    assert kept == {True, False}
    assert disk.forgotten > 0


def test_the_ledger_misses_what_was_kept_and_finds_what_was_not_tried() -> None:
    ledger = Ledger()
    for line in ("ready", "tried a", "kept a", "tried b", "filed i/p.jpg"):
        ledger.hear(line)
    ledger.start()
    for line in ("sound ok", "has b", "has c", "ready"):
        ledger.hear(line)
    ledger.judge()
    assert ledger.faults == [
        "1 events lost, such as a",
        "1 files lost, such as i/p.jpg",
        "1 events that were not tried, such as c",
    ]


@pytest.mark.parametrize("line", ["sound malformed", "torn i/p.jpg", "Traceback (most recent call last):"])
def test_what_must_not_be_said_is_a_fault(line: str) -> None:
    ledger = Ledger()
    ledger.hear(line)
    assert ledger.faults == [line]
