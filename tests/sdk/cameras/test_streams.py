from __future__ import annotations

import pytest

from vad_edge.cameras.streams import stream_name, with_camera_streams
from vad_edge.config.load import checked
from vad_edge.config.onvif import OnvifConfig
from vad_edge.config.site import CameraConfig, SensorConfig, SiteConfig
from vad_edge.errors import ConfigError


def site(*cameras: CameraConfig, sensor: tuple[SensorConfig, ...] = ()) -> SiteConfig:
    return SiteConfig(camera=cameras, sensor=sensor)


FRONT = CameraConfig(name="front", onvif=OnvifConfig(address="192.0.2.10", kinds=("motion", "tamper")))


def test_each_kind_of_event_is_a_stream_that_counts_for_its_camera() -> None:
    found = with_camera_streams(site(FRONT, CameraConfig(name="yard"))).sensor
    assert [(each.name, each.kind, each.role, each.cameras) for each in found] == [
        ("front_motion", "binary", "evidence", ("front",)),
        ("front_tamper", "binary", "evidence", ("front",)),
    ]


def test_a_site_without_such_cameras_stays_as_it_is() -> None:
    plain = site(CameraConfig(name="yard"))
    assert with_camera_streams(plain) is plain
    silent = checked(FRONT, onvif=OnvifConfig(address="192.0.2.10", events=False))
    assert with_camera_streams(site(silent)).sensor == ()


def test_a_declared_sensor_of_that_name_takes_the_place() -> None:
    own = SensorConfig(name="front_motion", topic="front/motion", kind="binary", weight=0.5)
    found = with_camera_streams(site(FRONT, sensor=(own,))).sensor
    assert [(each.name, each.weight) for each in found] == [("front_motion", 0.5), ("front_tamper", 1.0)]


def test_it_may_be_done_twice() -> None:
    once = with_camera_streams(site(FRONT))
    assert with_camera_streams(once) == once


def test_names_that_would_be_the_same_are_refused() -> None:
    long = [checked(FRONT, name=f"{'a' * 60}{each}") for each in "bc"]
    assert len(stream_name(long[0].name, "motion")) == 64
    with pytest.raises(ConfigError, match="is given twice"):
        with_camera_streams(site(*long))
