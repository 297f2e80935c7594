"""The registry of conditions, the page that is made from it, and that no code is written by hand."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import get_args

import pytest

import vad_edge
from vad_edge.health.conditions import Condition
from vad_edge.health.troubleshooting import troubleshooting_page
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


def test_each_reason_of_an_invalid_picture_has_a_condition() -> None:
    assert FRAME_CONDITIONS.keys() == set(get_args(Reason)) - {""}


def test_no_condition_is_raised_by_a_code_that_is_written_by_hand() -> None:
    codes = {condition.value for condition in Condition}
    found = []
    for path in SDK.rglob("*.py"):
        if path in (SDK / "health" / "conditions.py", SDK / "events" / "event.py"):
            continue  # the registry, and words for the end of an incident
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        written = [node for node in nodes if isinstance(node, ast.Constant) and node.value in codes]
        found += [f"{path.relative_to(SDK)}:{node.lineno} {node.value}" for node in written]
    assert found == []


def test_each_condition_is_raised_somewhere() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in SDK.rglob("*.py"))
    assert [each.name for each in Condition if source.count(f"Condition.{each.name}") < 2] == []
