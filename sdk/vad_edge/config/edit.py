"""A place added to the text of a site file, whose comments and order stay as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import tomlkit
from tomlkit.container import Container
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT, Array, Comment, InlineTable, Item, Table, Whitespace

from vad_edge.config.load import parse_site
from vad_edge.config.site import Polygon
from vad_edge.errors import ConfigError

PlaceKind = Literal["ignore", "zone"]


def with_place(text: str, path: Path, camera: str, kind: PlaceKind, name: str, polygon: Polygon) -> str:
    """The site file's text with a place added to a camera, as a ``[[camera.ignore]]`` or ``[[camera.zone]]``.

    path is the file's, for messages. Raises ConfigError where there is no such camera, and where the place
    may not be added.
    """
    parse_site(text, path).camera_named(camera, where=str(path))
    try:
        document: Any = tomlkit.parse(text)
        table = next(each for each in document["camera"] if each["name"] == camera)
        if isinstance(table, InlineTable):
            table.setdefault(kind, tomlkit.array())
        behind = [] if kind in table else _taken_from_the_end(table)
        places = table.setdefault(kind, tomlkit.aot())
        place = _place(name, polygon, inline=isinstance(places, Array))
        for each in behind:
            place.add(each)
        places.append(place)
        changed = tomlkit.dumps(document)
    except TOMLKitError as error:
        raise ConfigError(f"it cannot be changed: {error}", where=str(path)) from error
    parse_site(changed, path)
    return changed


def _place(name: str, polygon: Polygon, *, inline: bool) -> Any:
    place: Any = tomlkit.inline_table() if inline else tomlkit.table()
    place.add("name", name)
    corners = tomlkit.array()
    for x, y in polygon:
        corners.append([round(x, 4), round(y, 4)])
    place.add("polygon", corners)
    return place


def _taken_from_the_end(table: Table) -> list[Item]:
    """The comments and empty lines that end a table, taken out of it: they speak of what follows it."""
    body: Container = table.value
    while body.body and isinstance(last := body.body[-1][1], (Table, AoT)):
        body = last.body[-1].value if isinstance(last, AoT) else last.value
    taken: list[Item] = []
    while body.body and body.body[-1][0] is None and isinstance(body.body[-1][1], (Comment, Whitespace)):
        taken.insert(0, body.body.pop()[1])
    return taken
