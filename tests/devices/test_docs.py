"""The boards page says what the registry says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from vad_edge.cli import main
from vad_edge_devices.release import PREFIX, unit

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "boards.md").read_text(encoding="utf-8")


def test_the_table_is_that_of_devices_list() -> None:
    shown = CliRunner().invoke(main, ["devices", "list"]).stdout.strip()
    assert f"```text\n{shown}\n```" in PAGE


@pytest.mark.parametrize(
    "command", sorted(set(re.findall(r"vad-edge ((?:[a-z]+ ?){1,2})(?= |$|`|\n)", PAGE)))
)
def test_every_command_the_page_names_is_there(command: str) -> None:
    words = command.split()
    result = CliRunner().invoke(main, [words[0], "--help"])
    assert result.exit_code == 0, command


@pytest.mark.parametrize(
    "option", sorted(set(re.findall(r"--[a-z][a-z-]+", PAGE.partition("## What lies")[0])))
)
def test_every_option_the_page_names_is_some_command_s(option: str) -> None:
    commands = (
        ["flash"],
        ["provision"],
        ["devices", "wheelhouse"],
        ["bundle", "sign"],
        ["update"],
        ["doctor"],
    )
    helps = "".join(CliRunner().invoke(main, [*words, "--help"]).stdout for words in commands)
    assert option in helps or option in ("--no-deps", "--wheel-dir", "--openrm")


def test_the_places_the_page_names_are_the_service_s() -> None:
    text = unit().decode()
    assert f"`{PREFIX}/releases/ID/`" in PAGE
    for name in ("identity.env", "credentials.env"):
        assert f"/etc/vad-edge/{name}" in text
    assert "StateDirectory=vad-edge" in text
