"""A place added to the text of a site file, whose comments and order stay as they are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, Literal

from vad_edge.config.load import parse_site
from vad_edge.config.site import Polygon, SiteConfig
from vad_edge.errors import ConfigError

PlaceKind = Literal["ignore", "zone"]

_HEADER: Final = re.compile(r"\s*\[\[?\s*([A-Za-z0-9_.-]+)\s*\]\]?\s*(#.*)?$")


def with_place(text: str, path: Path, camera: str, kind: PlaceKind, name: str, polygon: Polygon) -> str:
    """The site file's text with a ``[[camera.ignore]]`` or ``[[camera.zone]]`` table added to a camera.

    path is the file's, for messages. Raises ConfigError where there is no such camera, where the place may
    not be added, and where the file is written so that nothing can be added to it.
    """
    before = parse_site(text, path)
    before.camera_named(camera, where=str(path))
    names = [each.name for each in before.camera]
    lines = text.splitlines()
    headers = [(n, found[1]) for n, line in enumerate(lines) if (found := _HEADER.match(line))]
    cameras = [number for number, header in headers if header == "camera"]
    corners = ", ".join(f"[{x:.4f}, {y:.4f}]" for x, y in polygon)
    table = ["", f"[[camera.{kind}]]", f'name = "{name}"', f"polygon = [{corners}]"]
    if len(cameras) == len(names):
        start = cameras[names.index(camera)]
        following = (n for n, header in headers if n > start and not header.startswith("camera."))
        end = next(following, len(lines))
        while end > start + 1 and (not lines[end - 1].strip() or lines[end - 1].lstrip().startswith("#")):
            end -= 1
        changed = "\n".join([*lines[:end], *table, *lines[end:]]) + "\n"
        if _only_added(before, parse_site(changed, path), camera, kind):
            return changed
    raise ConfigError(
        "its cameras are not written as [[camera]] tables",
        where=str(path),
        fix="add by hand, under that camera: " + " / ".join(table[1:]),
    )


def _only_added(before: SiteConfig, after: SiteConfig, camera: str, kind: PlaceKind) -> bool:
    def without(site: SiteConfig, last: int | None) -> SiteConfig:
        cameras = [
            each.model_copy(update={kind: getattr(each, kind)[:last]}) if each.name == camera else each
            for each in site.camera
        ]
        return site.model_copy(update={"camera": tuple(cameras)})

    return without(after, -1) == without(before, None)
