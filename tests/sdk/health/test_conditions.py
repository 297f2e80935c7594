"""The registry of conditions, the page that is made from it, and that no code is written by hand."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import get_args

import pytest

import vad_edge
from vad_edge.events.event import Ending
from vad_edge.health.conditions import Condition, troubleshooting_page
from vad_edge.runtime.monitor import FRAME_CONDITIONS
from vad_edge.video.validity import Reason

ROOT = Path(__file__).parents[3]
SDK = Path(vad_edge.__file__).parent


@pytest.mark.parametrize("condition", list(Condition))
def test_each_condition_says_what_it_is_why_it_comes_and_what_to_do(condition: Condition) -> None:
    about = condition.about
    assert condition.name.lower() == condition.value == str(condition) == f"{condition}"
    assert about.title
    assert not about.title.endswith(".")
    assert about.cause.endswith(".")
    assert about.fix.endswith(".")


def test_the_page_is_made_from_the_registry() -> None:
    page = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    assert page == troubleshooting_page(), "run vad-edge conditions --markdown >docs/troubleshooting.md"
    assert page.count("\n## ") == len(Condition)


def test_each_reason_for_which_a_picture_is_not_scored_has_a_condition() -> None:
    assert FRAME_CONDITIONS.keys() == set(get_args(Reason)) - {""} - passing_reasons()


def test_no_condition_is_raised_by_a_code_that_is_written_by_hand() -> None:
    # An incident may end for a reason of the same name.
    codes = {condition.value for condition in Condition} - set(get_args(Ending))
    found = []
    for path in SDK.rglob("*.py"):
        if path == SDK / "health" / "conditions.py":
            continue
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        written = [node for node in nodes if isinstance(node, ast.Constant) and node.value in codes]
        found += [f"{path.relative_to(SDK)}:{node.lineno} {node.value}" for node in written]
    assert found == []


def test_each_condition_is_raised_somewhere() -> None:
    by_reason = {condition.name for condition in FRAME_CONDITIONS.values()}
    raised = {name for path in SDK.rglob("*.py") for name in raised_in(ast.parse(path.read_text("utf-8")))}
    assert {each.name for each in Condition} == raised | by_reason


def test_a_mapping_a_list_or_a_clearing_is_not_a_raise() -> None:
    source = """
CODES = {"a": Condition.IN_A_MAPPING}
def look(self):
    self.clear_condition(Condition.CLEARED, "x")
    self.raise_condition(Condition.RAISED, "x")
"""
    assert raised_in(ast.parse(source)) == {"RAISED"}


def raised_in(module: ast.Module) -> set[str]:
    """Names of the conditions that functions of a module hand on, other than to clear them."""
    functions = [node for node in ast.walk(module) if isinstance(node, ast.FunctionDef)]
    inside = [node for function in functions for node in ast.walk(function)]
    cleared = [
        name
        for node in inside
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "clear_condition"
        for name in node.args
    ]
    return {
        node.attr
        for node in inside
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "Condition"
        and node not in cleared
    }


def passing_reasons() -> set[str]:
    """The reasons that come with a picture that is scored all the same."""
    found = set()
    for path in (SDK / "video").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Validity":
                ok, reason = (*node.args, None, None)[:2]
                if isinstance(ok, ast.Constant) and ok.value and isinstance(reason, ast.Constant):
                    found.add(str(reason.value))
    return found
