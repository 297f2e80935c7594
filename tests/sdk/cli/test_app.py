"""What a user reads when a command could not end well."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable, Iterator

import click
import pytest
from click.testing import CliRunner

import vad_edge.cli.app as group
from vad_edge.cli import main
from vad_edge.cli.app import Mishap, mishap, noted_interrupt
from vad_edge.cli.run_output import stop_on_signals
from vad_edge.errors import ConfigError, SourceError


@pytest.mark.parametrize(
    ("error", "line", "exit_code"),
    [
        (ConfigError("no name", where="site.toml", fix="give one"), "site.toml: no name; give one", 2),
        (SourceError("it is gone", where="camera 0"), "camera 0: it is gone", 1),
        (
            ModuleNotFoundError("No module named 'torch'", name="torch.nn"),
            "this command needs torch.nn; pip install 'vad-edge[train]'",
            2,
        ),
        (
            OSError(errno.ENOSPC, "No space left on device", "out/scores.csv"),
            "out/scores.csv: No space left on device; make room, or choose another place",
            1,
        ),
        (
            OSError(errno.ENOSPC, "No space left on device", "/tmp/draft", None, "out/best.ckpt"),  # noqa: S108
            "out/best.ckpt: No space left on device; make room, or choose another place",
            1,
        ),
        (
            PermissionError(errno.EACCES, "Permission denied", "out"),
            "out: Permission denied; check who may read and write there",
            1,
        ),
        (OSError(errno.ENOSPC, "Disk full"), "Disk full; make room, or choose another place", 1),
        (OSError(errno.ENODEV, "No such device"), "No such device", 1),
        (TimeoutError("nobody answered"), "nobody answered", 1),
    ],
)
def test_what_went_wrong_becomes_one_line_with_its_place_and_a_fix(
    error: Exception, line: str, exit_code: int
) -> None:
    assert mishap(error, interrupted=False) == Mishap(f"vad-edge: error: {line}", exit_code)


def test_a_mistake_of_our_own_is_called_one_in_a_single_line() -> None:
    said = mishap(ValueError("shapes differ\n(3,)\n(4,)"), interrupted=False)
    assert said.exit_code == 1
    assert "ValueError: shapes differ; this is a mistake of vad-edge's own" in said.line
    assert "\n" not in said.line


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ImportError("cannot load module more than once")])
def test_after_ctrl_c_whatever_a_library_makes_of_it_is_an_interrupt(error: BaseException) -> None:
    assert mishap(error, interrupted=True) == Mishap("interrupted", 130)


@pytest.fixture
def listening() -> Iterator[None]:
    """Ctrl-C as a terminal's programs have it: what a shell starts in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupt_is_noted_even_where_it_is_swallowed(listening: None) -> None:
    with noted_interrupt() as pressed:
        assert not pressed.is_set()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        assert pressed.is_set()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_after_a_run_was_asked_to_end_no_handler_of_pythons_takes_the_next_interrupt(listening: None) -> None:
    before = signal.getsignal(signal.SIGTERM)
    try:
        with noted_interrupt(), stop_on_signals() as stop:
            os.kill(os.getpid(), signal.SIGINT)
            assert stop.wait(30)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.fixture
def fails(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """A command `doctor` that raises what it is given."""

    def arrange(error: BaseException) -> None:
        @click.command()
        def command() -> None:
            raise error

        monkeypatch.setattr(group.LazyGroup, "get_command", lambda *_: command)

    return arrange


def test_a_disk_that_is_full_shows_no_traceback(fails: Callable[[BaseException], None]) -> None:
    fails(OSError(errno.ENOSPC, "No space left on device", "out/x"))
    result = CliRunner().invoke(main, ["doctor"])
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        "vad-edge: error: out/x: No space left on device; make room, or choose another place"
    ]


def test_ctrl_c_ends_a_command_with_130(fails: Callable[[BaseException], None]) -> None:
    fails(KeyboardInterrupt())
    result = CliRunner().invoke(main, ["doctor"])
    assert (result.exit_code, result.output) == (130, "interrupted\n")


def test_debug_shows_where_it_happened(fails: Callable[[BaseException], None]) -> None:
    fails(ValueError("shapes differ"))
    result = CliRunner().invoke(main, ["--debug", "doctor"])
    assert isinstance(result.exception, ValueError)
