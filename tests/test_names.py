"""One word for one thing: a name says which class is meant, wherever it stands."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = (
    "sdk/vad_edge",
    "training/vad_edge_training",
    "export/vad_edge_export",
    "devices/vad_edge_devices",
)


def public_classes(source: str) -> Iterator[str]:
    """The names of the public classes of a module, nested ones too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield node.name


def places_by_class() -> dict[str, list[str]]:
    """Where each public class of the four packages is defined."""
    places: dict[str, list[str]] = defaultdict(list)
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for name in public_classes(path.read_text(encoding="utf-8")):
                places[name].append(path.relative_to(ROOT).as_posix())
    return places


def test_each_package_is_looked_at() -> None:
    seen = {place.split("/")[0] for places in places_by_class().values() for place in places}
    assert seen == {package.split("/")[0] for package in PACKAGES}


def test_no_two_public_classes_share_a_name() -> None:
    assert {name: places for name, places in places_by_class().items() if len(places) > 1} == {}
