from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vad_edge.config.load import load_site
from vad_edge.config.site import CameraConfig, PolicyConfig, SiteConfig
from vad_edge.errors import ConfigError

WHOLE = """
site = "school"
bundle = "models/hall.vadb"

[[camera]]
name = "hall"
source = "clips/hall.mkv"
fps = 10
calibration = "hall.vadc"

[camera.policy]
watch = 1.5
dwell_s = 1

[[camera]]
name = "yard"
source = 0
privacy_masks = [[[0, 0], [0.5, 0], [0, 0.5]]]

[[sensor]]
name = "door"
topic = "building/+/door"
kind = "binary"
on = ["open"]
off = ["shut"]
cameras = ["hall"]

[broker]
url = "mqtt://broker:1883"
password_file = "/run/secrets/mqtt"

[privacy]
evidence = "blurred"
"""


@pytest.fixture
def load(tmp_path: Path) -> Callable[[str], SiteConfig]:
    def from_text(text: str) -> SiteConfig:
        path = tmp_path / "site.toml"
        path.write_text(text, encoding="utf-8")
        return load_site(path)

    return from_text


def test_a_whole_site_file_is_read(load: Callable[[str], SiteConfig]) -> None:
    site = load(WHOLE)
    assert site.site == "school"
    assert site.camera[0].fps == 10.0
    assert site.camera[0].policy == PolicyConfig(watch=1.5, dwell_s=1.0)
    assert site.camera[1].spec == 0
    assert site.sensor[0].on == ("open",)
    assert site.broker.address == "mqtt://broker:1883"
    assert site.privacy.evidence == "blurred"
    assert site.camera[1].privacy_masks == (((0.0, 0.0), (0.5, 0.0), (0.0, 0.5)),)


def test_relative_paths_start_from_the_files_folder(
    load: Callable[[str], SiteConfig], tmp_path: Path
) -> None:
    site = load(WHOLE)
    assert site.bundle == tmp_path / "models/hall.vadb"
    assert site.camera[0].calibration == tmp_path / "hall.vadc"
    assert site.camera[0].spec == str(tmp_path / "clips/hall.mkv")
    assert site.broker.password_file == Path("/run/secrets/mqtt")


@pytest.mark.parametrize(
    "source", ["rtsp://10.0.0.2/live", "gst:videotestsrc", "0", "csi", "csi:1", "/dev/video0"]
)
def test_sources_that_are_no_relative_path_stay_as_they_are(
    load: Callable[[str], SiteConfig], source: str
) -> None:
    assert load(f'[[camera]]\nname = "a"\nsource = "{source}"').camera[0].spec == source


CAMERA = '[[camera]]\nname = "a"\n'
SENSOR = '[[sensor]]\nname = "s"\ntopic = "t"\nkind = "binary"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('bundel = "a"', "bundel: unknown key; did you mean 'bundle'?"),
        ("zzz = 1", "zzz: unknown key; known keys are site, bundle, camera, sensor, broker"),
        (
            '[privacy]\nevidence = "all"',
            "privacy.evidence: 'all' is not allowed; it should be 'none', 'heatmap'",
        ),
        ("[privacy]\nmax_age_h = 0", "privacy.max_age_h: 0 is not allowed; it should be greater than 0"),
        (
            CAMERA + "privacy_masks = [[[0, 0], [1, 1]]]",
            "camera[0].privacy_masks[0]: 2 are too few; give 3 or more",
        ),
        (
            CAMERA + "privacy_masks = [[[0, 0], [0, 240], [320, 240]]]",
            "camera[0].privacy_masks[0][1][1]: 240 lies outside the picture; corners are parts of its width",
        ),
        (
            CAMERA + '[[camera.zone]]\nname = "z"\npolygon = [[-0.1, 0], [1, 0], [1, 1]]',
            "camera[0].zone[0].polygon[0][0]: -0.1 lies outside the picture; corners are parts of its width",
        ),
        (CAMERA + "fpps = 1", "camera[0].fpps: unknown key; did you mean 'fps'?"),
        (
            CAMERA + "[camera.policy]\nalert = 1",
            "camera[0].policy.alert: unknown key; did you mean 'alarm'?",
        ),
        (CAMERA + 'fps = "fast"', "camera[0].fps: 'fast' is of the wrong type; give a number"),
        (CAMERA + "fps = true", "camera[0].fps: true is of the wrong type; give a number"),
        (CAMERA + "fps = 0", "camera[0].fps: 0 is not allowed; it should be greater than 0"),
        (CAMERA + "fps = nan", "camera[0].fps: nan is of the wrong type; give a finite number"),
        (
            CAMERA + "source = 1.5",
            "camera[0].source: 1.5 is of the wrong type; give text in quotes or a whole number",
        ),
        (
            CAMERA + 'reader = "x"',
            "camera[0].reader: 'x' is not allowed; it should be 'auto', 'latest' or 'all'",
        ),
        (CAMERA + "calibration = 3", "camera[0].calibration: 3 is of the wrong type; give a path in quotes"),
        ("[[camera]]", "camera[0].name: this key is missing; it has no default, so give it"),
        ('[camera]\nname = "a"', "camera: this is one table, not a list of tables; write [[camera]]"),
        ("broker = 1", "broker: 1 is of the wrong type; give a table"),
        ('site = "my house"', "site: 'my house' is not a name; give letters, digits, '-' and '_'"),
        (SENSOR + "on = [1]", "sensor[0].on[0]: 1 is of the wrong type; give text in quotes"),
        (SENSOR + 'cameras = ["b"]', "sensor 's' names camera 'b', which is not in the file"),
        (CAMERA + CAMERA, "the name 'a' is given twice"),
        (CAMERA + "[camera.policy]\nwatch = 9", "camera[0].policy: watch < warning < alarm must hold"),
        (CAMERA + "[camera.policy]\nhysteresis = 2", "hysteresis must be below watch, or no incident could"),
        ("zzz = 1\nyyy = 2", "(1 more after this one)"),
        ("site = 'a'\nfoo = [1,", "not valid TOML: Invalid value (at line 2, the end of the file); correct"),
        (
            "site = 'a'\nx 3",
            "not valid TOML: Expected '=' after a key in a key/value pair (at line 2, column 3)",
        ),
    ],
)
def test_a_mistake_is_named_with_file_key_and_cure(
    load: Callable[[str], SiteConfig], tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(text)
    assert str(caught.value).startswith(str(tmp_path / "site.toml"))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no\.toml: cannot read the site file: No such file or directory"):
        load_site(tmp_path / "no.toml")


def test_a_file_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_bytes(b'site = "caf\xe9"')
    with pytest.raises(ConfigError, match="byte 11 is not UTF-8; save the site file as UTF-8"):
        load_site(tmp_path / "site.toml")


keys = st.sampled_from(["site", "bundle", "camera", "sensor", "broker", "name", "source", "fps", "on", "x"])
plain = st.sampled_from(
    ['"a"', "'a/b'", '""', "0", "-1", "2.5", "nan", "inf", "true", "2024-01-01", "07:30:00"]
)
values = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
)
lines = st.one_of(
    st.builds("{} = {}".format, keys, values),
    st.builds("[[{}]]".format, keys),
    st.builds("[{}.policy]".format, keys),
    st.sampled_from(WHOLE.splitlines()),
    st.text(max_size=20),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(lines, max_size=12).map("\n".join) | st.text())
def test_any_text_gives_a_site_or_a_config_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "site.toml"
    path.write_text(text, encoding="utf-8", errors="ignore")
    try:
        assert isinstance(load_site(path), SiteConfig)
    except ConfigError:
        return


def test_absurdly_deep_or_long_values_are_config_errors(load: Callable[[str], SiteConfig]) -> None:
    for text in ("x = " + "[" * 100_000, "x = " + "9" * 10_000, CAMERA + "fps = 1" + "0" * 400):
        with pytest.raises(ConfigError):
            load(text)


def test_a_camera_is_found_by_its_name_or_as_the_only_one() -> None:
    hall, yard = CameraConfig(name="hall"), CameraConfig(name="yard")
    assert SiteConfig(camera=(hall, yard)).camera_named("yard") is yard
    assert SiteConfig(camera=(hall,)).camera_named(None) is hall


@pytest.mark.parametrize(
    ("names", "name", "message"),
    [
        ((), None, "site.toml: there are 0 cameras; add a [[camera]] table"),
        (("a", "b"), None, "site.toml: there are 2 cameras; give its name, one of: a, b"),
        (("a",), "b", "site.toml: there is no camera 'b'; give its name, one of: a"),
    ],
)
def test_a_camera_that_is_not_meant_clearly_is_refused(
    names: tuple[str, ...], name: str | None, message: str
) -> None:
    site = SiteConfig(camera=tuple(CameraConfig(name=each) for each in names))
    with pytest.raises(ConfigError) as caught:
        site.camera_named(name, where="site.toml")
    assert str(caught.value) == message
