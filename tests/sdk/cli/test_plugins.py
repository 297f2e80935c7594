"""What the command line makes of plug-ins: the list of them, bridges, and names that are not there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.support.plugins import InstallPlugin

from vad_edge.bundle.archive import Bundle
from vad_edge.cli import main
from vad_edge.common.plugin_loader import BRIDGES, SINKS, SOURCES

GOOD = "from vad_edge.plugins import plugin\n@plugin(api_version=1)\ndef make(argument): ...\n"

BRIDGE = """
import threading
from vad_edge.plugins import plugin

@plugin(api_version=1)
def carry(context):
    told = (context.site, context.cameras, dict(context.settings))
    print(*told, context.state.is_dir(), context.stop.is_set())
"""

SITE = """
site = "shop"
[[camera]]
name = "door"
[broker]
url = "mqtt://broker"
[bridge.pager]
number = 112
"""


def test_without_a_plugin_the_list_says_where_to_read_on() -> None:
    result = CliRunner().invoke(main, ["plugins"])
    assert result.exit_code == 0
    assert "no plug-in is installed; docs/plugins.md" in result.output
    assert json.loads(CliRunner().invoke(main, ["plugins", "--json"]).output) == []


def test_every_plugin_is_listed_with_where_it_comes_from_and_why_it_cannot_be_used(
    install_plugin: InstallPlugin,
) -> None:
    install_plugin("lamps", {SINKS: {"lamp": "lamps:make"}, SOURCES: {"noise": "lamps:make"}}, GOOD, "2.1")
    install_plugin("broken", {SINKS: {"horn": "broken:make"}}, "raise RuntimeError('no air')")
    result = CliRunner().invoke(main, ["plugins"])
    assert result.exit_code == 1
    assert [line[:50] for line in result.output.splitlines()] == [
        "ok   noise (vad_edge.sources, from lamps 2.1), for "[:50],
        "fail horn (vad_edge.sinks, from broken 1.0): it cannot"[:50],
        "ok   lamp (vad_edge.sinks, from lamps 2.1), for interface 1"[:50],
    ]
    listed = json.loads(CliRunner().invoke(main, ["plugins", "--json"]).output)
    assert [(each["name"], each["usable"], each["api_version"]) for each in listed] == [
        ("noise", True, 1),
        ("horn", False, None),
        ("lamp", True, 1),
    ]
    assert listed[1]["problem"].startswith("it cannot be imported: RuntimeError: no air")
    assert listed[2] == {
        "name": "lamp",
        "group": "vad_edge.sinks",
        "distribution": "lamps",
        "version": "2.1",
        "api_version": 1,
        "usable": True,
        "problem": "",
    }


def test_a_run_is_refused_for_a_sink_that_is_not_there(bundle: Bundle) -> None:
    source = ["run", "--source", "clip.mkv", "--bundle", str(bundle.path)]
    result = CliRunner().invoke(main, [*source, "--sink", "horn"])
    assert result.exit_code == 2
    assert "--sink: there is no sink 'horn'; install the plug-in that brings it" in result.output


def test_a_plugins_bridge_is_run_with_its_table_and_a_folder_of_its_own(
    install_plugin: InstallPlugin, tmp_path: Path
) -> None:
    install_plugin("pagers", {BRIDGES: {"pager": "pagers:carry"}}, BRIDGE)
    site = tmp_path / "site.toml"
    site.write_text(SITE)
    state = tmp_path / "state"
    result = CliRunner().invoke(main, ["bridge", "pager", "--config", str(site), "--state", str(state)])
    assert result.output.strip() == "shop ('door',) {'number': 112} True False"
    assert result.exit_code == 0
    assert (state / "bridge-pager").is_dir()


def test_the_help_names_a_plugins_bridge_and_imports_nothing_of_it(install_plugin: InstallPlugin) -> None:
    install_plugin("pagers", {BRIDGES: {"pager": "pagers:carry"}}, "raise RuntimeError")
    result = CliRunner().invoke(main, ["bridge", "--help"])
    assert result.exit_code == 0
    assert "pager" in result.output
    assert "Brought by pagers 1.0." in result.output


def test_a_broken_bridge_is_one_line_with_its_reason(install_plugin: InstallPlugin, tmp_path: Path) -> None:
    install_plugin("pagers", {BRIDGES: {"pager": "pagers:carry"}}, "raise RuntimeError('no line')")
    site = tmp_path / "site.toml"
    site.write_text(SITE)
    result = CliRunner().invoke(main, ["bridge", "pager", "--config", str(site)])
    assert result.exit_code == 1
    assert "error: plug-in pager (vad_edge.bridges, from pagers 1.0): it cannot be imported" in result.output


def test_a_bridge_that_fails_is_called_a_fault_of_its_plugin(
    install_plugin: InstallPlugin, tmp_path: Path
) -> None:
    install_plugin("pagers", {BRIDGES: {"pager": "pagers:carry"}}, BRIDGE.replace("told =", "1 / 0, "))
    site = tmp_path / "site.toml"
    site.write_text(SITE)
    state = tmp_path / "state"
    result = CliRunner().invoke(main, ["bridge", "pager", "--config", str(site), "--state", str(state)])
    assert result.exit_code == 1
    assert "bridge pager: ZeroDivisionError: division by zero; this is a fault of pagers" in result.output


@pytest.mark.parametrize("arguments", [["bridge", "pager", "--help"], ["run", "--engine", "pager"]])
def test_a_name_that_no_plugin_brings_is_a_mistake_of_the_users(arguments: list[str]) -> None:
    assert CliRunner().invoke(main, arguments).exit_code == 2
