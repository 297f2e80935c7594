from __future__ import annotations

from pathlib import Path

import pytest

from vad_edge.config.load import parse_site
from vad_edge.config.onvif import service_url
from vad_edge.config.site import CameraConfig
from vad_edge.errors import ConfigError


def camera(lines: str) -> CameraConfig:
    text = f'[[camera]]\nname = "front"\n[camera.onvif]\n{lines}\n'
    (found,) = parse_site(text, Path("/etc/site.toml")).camera
    return found


def test_a_camera_is_reached_by_its_address_alone() -> None:
    onvif = camera('address = "192.0.2.10"\nuser = "admin"\npassword_file = "front.txt"').onvif
    assert onvif is not None
    assert onvif.url == "http://192.0.2.10/onvif/device_service"
    assert onvif.password_file == Path("/etc/front.txt")
    assert onvif.events
    assert onvif.kinds == ("motion", "person", "tamper", "input")
    assert onvif.relay is None


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("camera.example:8000", "http://camera.example:8000/onvif/device_service"),
        ("http://192.0.2.10/", "http://192.0.2.10/onvif/device_service"),
        ("https://192.0.2.10/onvif/device", "https://192.0.2.10/onvif/device"),
        ("http://[2001:db8::1]:80", "http://[2001:db8::1]:80/onvif/device_service"),
    ],
)
def test_the_rest_of_an_address_is_filled_in(address: str, url: str) -> None:
    assert service_url(address) == url


@pytest.mark.parametrize(
    "address", ["", "rtsp://192.0.2.10", "http://", "a:b", "a:99999", "a b", "a\nb", "http://a?b"]
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="address"):
        service_url(address)


def test_a_password_in_the_address_is_refused_and_not_shown() -> None:
    with pytest.raises(ConfigError) as raised:
        camera('address = "http://admin:Secret1@192.0.2.10"')
    assert str(raised.value) == (
        "/etc/site.toml: camera[0].onvif.address: a user or a password does not belong into the address;"
        " give user and password_file"
    )


def test_a_kind_of_event_that_is_not_known_is_refused_with_those_that_are() -> None:
    with pytest.raises(
        ConfigError, match=r"camera\[0\]\.onvif\.kinds\[0\]: 'people' is not allowed; .*'person'"
    ):
        camera('address = "192.0.2.10"\nkinds = ["people"]')
