from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from vad_edge.cli import main


@pytest.mark.parametrize(
    "command",
    [("run", "--source", "x.mkv"), ("doctor",), ("sensors", "replay", "x.jsonl")],
)
def test_a_password_on_the_command_line_is_refused_and_not_repeated(command: tuple[str, ...]) -> None:
    result = CliRunner().invoke(main, [*command, "--broker", "mqtt://cam:geheim@h"])
    assert result.exit_code == 2
    assert "a password on the command line is read by every user of this machine" in result.output
    assert "--broker-password-file FILE" in result.output
    assert "geheim" not in result.output


def test_a_password_in_the_environment_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAD_EDGE_BROKER", "mqtt://cam:geheim@127.0.0.1:9")
    result = CliRunner().invoke(main, ["doctor"])
    assert "connection refused by 127.0.0.1:9" in result.output
    assert "geheim" not in result.output


def test_a_password_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "none"
    result = CliRunner().invoke(
        main, ["doctor", "--broker", "mqtt://cam@127.0.0.1:9", "--broker-password-file", str(missing)]
    )
    assert result.exit_code == 1
    assert f"broker.password_file ({missing}): cannot read the password: No such file" in result.output


def test_a_replay_without_a_broker_says_what_to_give(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["sensors", "replay", str(tmp_path / "x.jsonl")])
    assert result.exit_code == 2
    assert "no broker is given; give --broker mqtt://HOST" in result.output
