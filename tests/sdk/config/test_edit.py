from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vad_edge.config.edit import with_place
from vad_edge.config.load import parse_site
from vad_edge.config.polygons import in_pixels, parse_polygon
from vad_edge.errors import ConfigError

SITE = """# Our shop.
site = "shop"

[[camera]]
name = "door"       # the front
source = 0

[camera.policy]
watch = 1.5

# The yard has a tree.
[[camera]]
name = "yard"
source = "[[camera]]"

[[sensor]]
name = "bell"
topic = "shop/bell"
kind = "binary"
"""
TREE = ((0.1, 0.2), (0.3, 0.2), (0.3, 0.4))
PATH = Path("site.toml")


@pytest.mark.parametrize("camera", ["door", "yard"])
@pytest.mark.parametrize("kind", ["ignore", "zone"])
def test_a_place_is_added_to_its_camera_and_nothing_else_changes(camera: str, kind: str) -> None:
    text = with_place(SITE, PATH, camera, kind, "tree", TREE)  # type: ignore[arg-type]
    site = parse_site(text, PATH)
    found = {
        each.name: [(place.name, place.polygon) for place in getattr(each, kind)] for each in site.camera
    }
    assert found == {"door": [], "yard": [], camera: [("tree", TREE)]}
    kept = iter(text.splitlines())
    assert all(line in kept for line in SITE.splitlines())


def test_places_are_added_one_after_another() -> None:
    text = with_place(SITE, PATH, "yard", "ignore", "tree", TREE)
    text = with_place(text, PATH, "yard", "zone", "gate", TREE)
    text = with_place(text, PATH, "yard", "ignore", "flag", TREE)
    yard = parse_site(text, PATH).camera[1]
    assert [place.name for place in yard.ignore] == ["tree", "flag"]
    assert [place.name for place in yard.zone] == ["gate"]


def test_a_name_that_is_there_is_refused() -> None:
    text = with_place(SITE, PATH, "yard", "ignore", "tree", TREE)
    with pytest.raises(ConfigError, match="'tree' is given twice"):
        with_place(text, PATH, "yard", "zone", "tree", TREE)


def test_a_camera_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(ConfigError) as caught:
        with_place(SITE, PATH, "roof", "zone", "tree", TREE)
    assert (caught.value.what, caught.value.fix) == (
        "there is no camera 'roof'",
        "give its name, one of: door, yard",
    )


def test_cameras_in_one_line_are_changed_too() -> None:
    text = with_place('camera = [{name = "door", source = 0}]  # one\n', PATH, "door", "zone", "mat", TREE)
    assert parse_site(text, PATH).camera[0].zone[0].polygon == TREE
    assert text.endswith("]  # one\n")


def test_a_comment_stays_with_the_camera_that_follows_it() -> None:
    lines = with_place(SITE, PATH, "door", "ignore", "tree", TREE).splitlines()
    assert lines[lines.index("# The yard has a tree.") + 1 :][:2] == ["[[camera]]", 'name = "yard"']


comments = st.text("abc [[camera]] = \"'", max_size=20).map(lambda text: f"# {text}")


@given(st.lists(comments, min_size=9, max_size=9), st.sampled_from(["door", "yard"]))
def test_every_comment_is_kept_wherever_it_stands(said: list[str], camera: str) -> None:
    """One comment before each empty line and at the end."""
    parts = SITE.split("\n\n")
    site = "".join(f"{part}\n{comment}\n\n" for part, comment in zip(parts, said, strict=False))
    text = with_place(site, PATH, camera, "zone", "mat", TREE)
    found = {each.name: len(each.zone) for each in parse_site(text, PATH).camera}
    assert found == {"door": 0, "yard": 0, camera: 1}
    kept = iter(text.splitlines())
    assert all(line in kept for line in site.splitlines())


def test_corners_are_fractions_or_pixels() -> None:
    assert parse_polygon("0,0 1,0 1,0.5", 200, 100) == ((0.0, 0.0), (1.0, 0.0), (1.0, 0.5))
    assert parse_polygon("0,0 200,0 200,50", 200, 100) == ((0.0, 0.0), (1.0, 0.0), (1.0, 0.5))


@pytest.mark.parametrize("text", ["", "0,0 1,1", "0,0 1,1 1", "a,b c,d e,f", "nan,0 1,1 0,1", "0;0 1;1 0;1"])
def test_what_is_no_polygon_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is not a polygon"):
        parse_polygon(text, 200, 100)


@pytest.mark.parametrize("text", ["0,0 300,0 200,50", "-1,0 0.5,0.5 0,1"])
def test_what_lies_outside_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="lies outside the picture"):
        parse_polygon(text, 200, 100)


@given(st.text(max_size=40))
def test_any_text_is_a_polygon_or_refused(text: str) -> None:
    try:
        polygon = parse_polygon(text, 64, 48)
    except ConfigError:
        return
    assert all(0.0 <= value <= 1.0 for corner in polygon for value in corner)


def test_the_corners_of_the_picture_are_those_of_its_pixels() -> None:
    assert in_pixels(((0.0, 0.0), (1.0, 0.0), (0.5, 0.124)), 200, 100).tolist() == [
        [0, 0],
        [200, 0],
        [100, 12],
    ]
