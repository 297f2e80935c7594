from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vad_edge.common.paths import inside
from vad_edge.errors import PathError


@pytest.mark.parametrize("name", ["a", "a.jpg", "incident/before.jpg", "..a", "a..b", "-x"])
def test_a_name_is_a_place_in_the_folder(tmp_path: Path, name: str) -> None:
    assert inside(tmp_path, name) == tmp_path / name


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/../../x", "/etc/passwd", "a//b", "a/", "a\0b", "a\\..\\b", "./a"]
)
def test_a_name_that_leaves_or_could_leave_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(PathError):
        inside(tmp_path, name)


def test_a_link_does_not_lead_out(tmp_path: Path) -> None:
    folder = tmp_path / "evidence"
    folder.mkdir()
    (folder / "away").symlink_to(tmp_path)
    with pytest.raises(PathError, match="leads out of the folder"):
        inside(folder, "away/x")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text())
def test_whatever_the_name_it_stays_inside_or_is_refused(tmp_path: Path, name: str) -> None:
    try:
        path = inside(tmp_path, name)
    except PathError:
        return
    assert path.resolve().is_relative_to(tmp_path.resolve())
    assert path != tmp_path
