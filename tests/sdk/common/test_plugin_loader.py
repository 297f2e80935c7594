from __future__ import annotations

import logging
import sys
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.plugins import InstallPlugin, write_distribution

from vad_edge.cli.bridge import command as bridge_command
from vad_edge.common.plugin_loader import (
    BRIDGES,
    ENGINES,
    GROUPS,
    MODELS,
    OWN_NAMES,
    SINKS,
    SOURCES,
    Plugin,
    checked,
    found,
    load,
    names,
    usable,
)
from vad_edge.errors import PluginError
from vad_edge.inference.select import BACKENDS
from vad_edge_training.models.registry import MODELS as OWN_MODELS

GOOD = """
from vad_edge.common.plugin_loader import plugin
@plugin(api_version=1)
def make(argument):
    return argument
"""


def only(group: str) -> Plugin:
    (plugin,) = checked(found(group))
    return plugin


def test_a_plugin_is_found_with_its_distribution_and_without_being_imported(
    install_plugin: InstallPlugin,
) -> None:
    install_plugin("lamp_sink", {SINKS: {"lamp": "lamp_sink:make"}}, "raise SystemExit", version="2.5")
    (plugin,) = found(SINKS)
    assert (plugin.name, plugin.distribution, plugin.version) == ("lamp", "lamp-sink", "2.5")
    assert plugin.api_version is None
    assert plugin.problem == ""
    assert names(SINKS) == ["lamp"]
    assert "lamp_sink" not in sys.modules


def test_a_good_plugin_is_loaded_when_it_is_asked_for(install_plugin: InstallPlugin) -> None:
    install_plugin("lamp_sink", {SINKS: {"lamp": "lamp_sink:make"}}, GOOD)
    make = load(SINKS, "lamp")
    assert make is not None
    assert make("red") == "red"
    assert only(SINKS).api_version == 1


def test_a_name_that_no_plugin_has_is_none(install_plugin: InstallPlugin) -> None:
    install_plugin("lamp_sink", {SINKS: {"lamp": "lamp_sink:make"}}, GOOD)
    assert load(SINKS, "horn") is None


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (
            "raise RuntimeError('no such lamp\\nat all')",
            "it cannot be imported: RuntimeError: no such lamp; ",
        ),
        ("raise SystemExit(3)", "it cannot be imported: SystemExit: 3; reinstall or update lamp-sink"),
        ("import gone.lamp", r"No module named 'gone'; install what it needs \(gone\)"),
        ("x = 1", "it cannot be imported: AttributeError"),
        ("def make(argument): ...", "it has no api_version; its author must mark it"),
        ("def make(argument): ...\nmake.api_version = '1'", "it has no api_version"),
        (
            "def make(argument): ...\nmake.api_version = 2",
            "it is written for plug-in interface 2, this vad-edge speaks 1; update vad-edge or",
        ),
        ("def make(argument): ...\nmake.api_version = 0", "this vad-edge speaks 1; update lamp-sink"),
        (
            "class make: api_version = 1\nmake = make()",
            r"it cannot be called, so it is no plug-in of vad_edge.sinks",
        ),
    ],
)
def test_a_broken_plugin_has_a_reason_and_a_fix_and_is_an_error_only_where_it_is_asked_for(
    install_plugin: InstallPlugin, source: str, problem: str
) -> None:
    install_plugin("lamp_sink", {SINKS: {"lamp": "lamp_sink:make"}}, source)
    with pytest.raises(
        PluginError, match=rf"plug-in lamp \(vad_edge.sinks, from lamp-sink 1.0\): .*{problem}"
    ):
        load(SINKS, "lamp")


def test_a_broken_plugin_is_named_in_the_log_and_the_others_are_used(
    install_plugin: InstallPlugin, caplog: pytest.LogCaptureFixture
) -> None:
    install_plugin("bad_sink", {SINKS: {"bad": "bad_sink:make"}}, "1 / 0")
    install_plugin("lamp_sink", {SINKS: {"lamp": "lamp_sink:make"}}, GOOD)
    with caplog.at_level(logging.WARNING):
        assert [name for name, _ in usable(SINKS)] == ["lamp"]
    assert "plug-in bad (vad_edge.sinks, from bad-sink 1.0) is skipped: it cannot be imported" in caplog.text


def test_an_engine_without_open_is_none(install_plugin: InstallPlugin) -> None:
    source = "class Npu:\n    api_version = 1\n    fits = graph = None\n"
    install_plugin("npu_engine", {ENGINES: {"npu": "npu_engine:Npu"}}, source)
    assert only(ENGINES).problem.startswith("it has no open, so it is no plug-in of vad_edge.engines")


@pytest.mark.parametrize("group", GROUPS)
def test_no_plugin_takes_a_name_of_our_own(install_plugin: InstallPlugin, group: str) -> None:
    taken = (*OWN_NAMES[group], "fine")
    install_plugin("greedy", {group: dict.fromkeys(taken, "greedy:make")}, "raise RuntimeError")
    problems = {plugin.name: plugin.problem for plugin in found(group)}
    assert {
        name for name, problem in problems.items() if "the name is one of vad-edge's own" in problem
    } == set(OWN_NAMES[group])
    assert names(group) == ["fine"]


def test_our_own_names_are_those_of_the_rooms() -> None:
    assert OWN_NAMES[ENGINES] == ("auto", *(backend.name for backend in BACKENDS))
    assert set(OWN_NAMES[BRIDGES]) == set(bridge_command.commands)
    assert OWN_NAMES[MODELS] == tuple(OWN_MODELS)


def test_of_two_plugins_with_one_name_the_first_on_the_path_is_used(install_plugin: InstallPlugin) -> None:
    install_plugin("late", {SINKS: {"lamp": "late:make"}}, "raise RuntimeError")
    install_plugin("early", {SINKS: {"lamp": "early:make"}}, GOOD)
    problems = {plugin.distribution: plugin.problem for plugin in checked(found(SINKS))}
    taken = {name: problem for name, problem in problems.items() if problem}
    (owner,) = problems.keys() - taken.keys()
    assert list(taken.values()) == [f"the name is taken by {owner}; uninstall one of them"]


def test_the_one_that_lost_its_name_is_named_when_the_other_is_asked_for(
    install_plugin: InstallPlugin, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("one", "other"):
        install_plugin(name, {SINKS: {"lamp": f"{name}:make"}}, GOOD)
    assert load(SINKS, "lamp") is not None
    assert "is skipped: the name is taken by" in caplog.text


def test_a_copy_further_down_the_path_is_not_a_second_plugin(tmp_path: Path) -> None:
    installed = []
    for place in ("first", "second"):
        folder = write_distribution(tmp_path / place, "lamp_sink", {SINKS: {"lamp": "lamp_sink:make"}})
        installed.append(PathDistribution(folder / "lamp_sink-1.0.dist-info"))
    assert [plugin.problem for plugin in found(SINKS, installed)] == [""]


def test_broken_metadata_of_another_distribution_hide_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken = write_distribution(tmp_path / "broken", "broken", {SINKS: {"horn": "broken:make"}})
    (broken / "broken-1.0.dist-info" / "entry_points.txt").write_bytes(b"[vad_edge.sinks]\nhorn = \xff\xfe\n")
    good = write_distribution(tmp_path / "good", "good", {SINKS: {"lamp": "good:make"}})
    installed = [
        PathDistribution(broken / "broken-1.0.dist-info"),
        PathDistribution(good / "good-1.0.dist-info"),
    ]
    assert [plugin.name for plugin in found(SINKS, installed)] == ["lamp"]
    assert "broken-1.0.dist-info: its entry points cannot be read" in caplog.text


@given(
    name=st.text(st.characters(exclude_characters="=\n\r[]#;:", exclude_categories=["C", "Z"]), min_size=1)
)
def test_a_name_is_usable_exactly_where_a_user_can_give_it(name: str) -> None:
    class Installed(PathDistribution):
        def read_text(self, filename: str) -> str | None:  # type: ignore[override]
            if filename == "entry_points.txt":
                return f"[{SOURCES}]\n{name} = module:make\n"
            return "Metadata-Version: 2.1\nName: one\nVersion: 1\n"

    plugins = found(SOURCES, [Installed(Path("one-1.dist-info"))])
    usable_names = [plugin.name for plugin in plugins if not plugin.problem]
    as_scheme = name[:1] in "abcdefghijklmnopqrstuvwxyz" and set(name) <= set(
        "abcdefghijklmnopqrstuvwxyz0123456789+.-"
    )
    assert usable_names == (
        [name] if as_scheme and len(name) <= 64 and name not in OWN_NAMES[SOURCES] else []
    )
