from __future__ import annotations

import pytest

from vad_edge.common.retry import RateLimit
from vad_edge.mqtt import command as inbox_module
from vad_edge.mqtt.command import BURST, CommandInbox, CommandResult

ARM = b'{"command": "arm"}'


@pytest.fixture
def answers() -> list[CommandResult]:
    return []


@pytest.fixture
def inbox(answers: list[CommandResult]) -> CommandInbox:
    return CommandInbox(answers.append)


def test_a_good_command_waits_for_the_run(inbox: CommandInbox, answers: list[CommandResult]) -> None:
    inbox.accept(ARM)
    assert [command.command for command in inbox.take()] == ["arm"]
    assert inbox.take() == []
    assert not answers
    assert not inbox.conditions()


def test_a_retained_command_is_refused_and_is_a_condition(
    inbox: CommandInbox, answers: list[CommandResult]
) -> None:
    inbox.accept(b'{"command": "disarm"}', retained=True)
    assert inbox.take() == []
    assert "a command that the broker kept is not carried out" in answers[0].reason
    assert list(inbox.conditions()) == ["command_retained"]


def test_the_removal_of_a_retained_command_is_no_command(
    inbox: CommandInbox, answers: list[CommandResult]
) -> None:
    inbox.accept(b"")
    assert not answers
    assert not inbox.conditions()


def test_a_storm_is_cut_off_answered_sparsely_and_kept_small(
    inbox: CommandInbox, answers: list[CommandResult]
) -> None:
    for _ in range(10_000):
        inbox.accept(ARM)
    assert len(inbox.take()) <= BURST + 2
    assert len(answers) <= 12
    assert list(inbox.conditions()) == ["command_storm"]


@pytest.mark.parametrize("payload", [b"\xff", b"x" * 10_000_000, b"[" * 4096, b'{"command": "\\ud800"}'])
def test_garbage_is_answered_and_is_a_condition(
    inbox: CommandInbox, answers: list[CommandResult], payload: bytes
) -> None:
    inbox.accept(payload)
    assert inbox.take() == []
    assert not answers[0].ok
    assert list(inbox.conditions()) == ["command_malformed"]
    assert answers[0].payload(armed=True, time="").isascii()


def test_a_condition_ends_a_while_after_the_last_bad_message(
    inbox: CommandInbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox_module, "REMEMBERED_S", 0.0)
    inbox.accept(b"nonsense")
    assert not inbox.conditions()


def test_a_rate_limit_allows_a_burst_and_then_its_rate() -> None:
    limit = RateLimit(burst=3, per_s=2.0)
    assert [limit.allow(0.0) for _ in range(4)] == [True, True, True, False]
    assert [limit.allow(time_s) for time_s in (0.4, 0.5, 0.6, 1.1)] == [False, True, False, True]
    assert [limit.allow(100.0) for _ in range(4)] == [True, True, True, False]
