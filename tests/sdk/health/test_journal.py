from __future__ import annotations

import logging
import os
import socket
import struct
import tempfile
from pathlib import Path

import pytest

from vad_edge.cli import logs
from vad_edge.health.systemd import JournalHandler, message, under_journal


def record(text: str, level: int = logging.WARNING, **fields: object) -> logging.LogRecord:
    made = logging.LogRecord("vad_edge.run", level, "/x/loop.py", 7, text, None, None)
    made.fields = fields
    return made


def test_a_record_has_a_priority_and_fields_to_look_for() -> None:
    sent = message(record("door: opened", CAMERA="door", INCIDENT="i-1"), "door: opened").decode()
    assert sent.splitlines() == [
        "MESSAGE=door: opened",
        "PRIORITY=4",
        "SYSLOG_IDENTIFIER=vad-edge",
        "LOGGER=vad_edge.run",
        "CODE_FILE=/x/loop.py",
        "CODE_LINE=7",
        "VAD_EDGE_CAMERA=door",
        "VAD_EDGE_INCIDENT=i-1",
    ]


def test_several_lines_are_one_message() -> None:
    text = "first\nsecond"
    sent = message(record(text), text)
    assert sent.startswith(b"MESSAGE\n" + struct.pack("<Q", len(text)) + text.encode() + b"\nPRIORITY=4\n")


@pytest.mark.parametrize(
    ("level", "priority"),
    [(logging.DEBUG, 7), (logging.INFO, 6), (logging.WARNING, 4), (logging.ERROR, 3), (logging.CRITICAL, 2)],
)
def test_levels_are_the_journal_s(level: int, priority: int) -> None:
    assert f"\nPRIORITY={priority}\n".encode() in message(record("x", level), "x")


def test_a_handler_sends_to_the_journal_s_socket(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(str(tmp_path / "socket"))
        handler = JournalHandler(tmp_path / "socket")
        handler.handle(record("hello"))
        assert journal.recv(4096).startswith(b"MESSAGE=hello\n")
        handler.close()


def test_without_a_journal_it_is_written_to_standard_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    handler = JournalHandler(tmp_path / "nobody")
    handler.handle(record("hello"))
    handler.close()
    assert capsys.readouterr().err == "hello\n"


def test_only_a_stream_the_journal_reads_counts() -> None:
    with tempfile.TemporaryFile() as stream:
        found = os.fstat(stream.fileno())
        assert under_journal({"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}, stream.fileno())
        assert not under_journal({"JOURNAL_STREAM": "1:2"}, stream.fileno())
        assert not under_journal({}, stream.fileno())


def test_a_service_logs_to_the_journal_and_a_terminal_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    for journal, kind in ((True, JournalHandler), (False, logging.StreamHandler)):
        monkeypatch.setattr(logs, "under_journal", lambda journal=journal: journal)
        handler = logs.log_handler()
        assert type(handler) is kind
        handler.close()


def test_a_record_that_cannot_be_formatted_does_not_fail_whoever_logs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = record("%d cameras")
    wrong.args = ("two",)
    handler = JournalHandler(tmp_path / "nobody")
    handler.handle(wrong)
    handler.close()
    assert "%d format" in capsys.readouterr().err
