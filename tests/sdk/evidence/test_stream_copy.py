from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.ffmpeg import Ffmpeg
from tests.support.footage import quiet_frames

from vad_edge.evidence.stream_copy import PACKET, PacketSplitter, Piece, from_key_frame

MAP_ID = 0x1000


def packet(number: int, packet_id: int = 0x100, key: bool = False) -> bytes:
    head = bytes([0x47, 0x40 | packet_id >> 8, packet_id & 0xFF])
    body = bytes([0x30, 7, 0x50]) if key else bytes([0x10])
    return (head + body + bytes([number % 200])).ljust(PACKET, b"\x01")


def programs() -> bytes:
    section = bytes([0, 0xB0, 0x0D, 0, 1, 0xC1, 0, 0, 0, 1, 0xE0 | MAP_ID >> 8, MAP_ID & 0xFF])
    return (bytes([0x47, 0x40, 0, 0x10, 0]) + section).ljust(PACKET, b"\xff")


STREAM = (
    programs() + packet(1, MAP_ID) + b"".join(packet(number, key=number % 5 == 0) for number in range(2, 40))
)


@given(st.lists(st.integers(0, len(STREAM)), max_size=20))
def test_pieces_are_the_stream_however_it_arrives(places: list[int]) -> None:
    splitter = PacketSplitter()
    cuts = [0, *sorted(places), len(STREAM)]
    pieces = [piece for start, end in pairwise(cuts) for piece in splitter.feed(STREAM[start:end])]
    assert b"".join(piece.data for piece in pieces) == STREAM
    assert [piece.data[6 if piece.key else 4] for piece in pieces if piece.key] == [5, 10, 15, 20, 25, 30, 35]
    assert splitter.tables == STREAM[: 2 * PACKET]


def test_bytes_before_the_first_packet_are_dropped() -> None:
    pieces = PacketSplitter().feed(b"\x00\x47\x11" + STREAM)
    assert b"".join(piece.data for piece in pieces) == STREAM


def test_noise_is_no_stream() -> None:
    assert PacketSplitter().feed(bytes(2000)) == []


@pytest.mark.parametrize(("start_s", "first"), [(0.0, 1), (1.0, 1), (3.4, 1), (4.0, 4), (9.0, 4), (-5.0, 1)])
def test_a_clip_begins_with_the_key_frame_before_its_time(start_s: float, first: int) -> None:
    pieces = [(float(n), Piece(n in (1, 4), bytes([n]))) for n in range(6)]
    assert from_key_frame(pieces, start_s)[0].data == bytes([first])


def test_without_a_key_frame_there_is_nothing_to_begin_with() -> None:
    assert from_key_frame([(1.0, Piece(False, b"x"))], 0.0) == []
    assert from_key_frame([], 0.0) == []


def test_ffmpegs_own_stream_is_cut_at_its_key_frames(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    data = ffmpeg.encode(tmp_path / "a.ts", quiet_frames(40)).read_bytes()
    splitter = PacketSplitter()
    parts = [data[start : start + 700] for start in range(0, len(data), 700)]
    pieces = [piece for part in parts for piece in splitter.feed(part)]
    assert sum(piece.key for piece in pieces) == 4
    assert len(splitter.tables) == 2 * PACKET
