"""Distributions with plug-ins, made in a folder that is put on the Python path."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

InstallPlugin = Callable[..., Path]


def write_distribution(
    folder: Path, name: str, points: Mapping[str, Mapping[str, str]], source: str = "", version: str = "1.0"
) -> Path:
    """Write a distribution, as pip leaves one in `folder`: module `name` holds `source`.

    points is ``{group: {entry point: object}}``.
    """
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    title = name.replace("_", "-")
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {title}\nVersion: {version}\n")
    lines = [
        line
        for group, entries in points.items()
        for line in (f"[{group}]", *(f"{entry} = {target}" for entry, target in entries.items()))
    ]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    (folder / f"{name}.py").write_text(source)
    return folder


@pytest.fixture
def install_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> InstallPlugin:
    """Install a distribution with plug-ins for this test: see `write_distribution`."""
    site = tmp_path / "site-packages"

    def install(
        name: str, points: Mapping[str, Mapping[str, str]], source: str = "", version: str = "1.0"
    ) -> Path:
        write_distribution(site, name, points, source, version)
        monkeypatch.syspath_prepend(str(site))
        monkeypatch.delitem(sys.modules, name, raising=False)
        return site

    return install
