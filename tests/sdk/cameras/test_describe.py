from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from tests.sdk.cameras.onvif_server import PASSWORD, USER, OnvifServer
from tests.sdk.cameras.test_soap import answer

from vad_edge.cameras.client import OnvifClient
from vad_edge.cameras.describe import CameraDescription, describe, site_block
from vad_edge.cameras.login import CameraLogin
from vad_edge.cameras.profile import MediaProfile, detect_profile
from vad_edge.config.load import parse_site
from vad_edge.errors import CameraError

LOGIN = CameraLogin(USER, SecretStr(PASSWORD))


def described(camera: OnvifServer) -> CameraDescription:
    return describe(OnvifClient(camera.url, LOGIN))


@pytest.mark.parametrize("media2", [True, False])
def test_a_camera_is_described_by_either_media_service(camera: OnvifServer, media2: bool) -> None:
    camera.media2 = media2
    found = described(camera)
    assert (found.manufacturer, found.model, found.firmware, found.serial) == (
        "Example",
        "Cam 1",
        "1.2",
        "0815",
    )
    assert [(each.codec, each.width, each.height, each.fps) for each in found.profiles] == [
        ("H265", 3840, 2160, 25.0),
        ("H264", 640, 360, 15.0),
    ]
    assert [each.uri for each in found.profiles] == ["rtsp://127.0.0.1:8554/p1", "rtsp://127.0.0.1:8554/p2"]
    assert found.kinds == ("motion", "tamper")
    assert found.topics == 3
    assert found.relays == ("relay1",)


def test_the_older_media_service_is_asked_where_the_newer_one_fails(camera: OnvifServer) -> None:
    def fail_once(handler: Any) -> None:
        del camera.answers["GetProfiles"]
        handler.fault("s:Receiver", "ter:ActionNotSupported", "not yet")

    camera.answers["GetProfiles"] = fail_once
    assert described(camera).profiles[0].uri == "rtsp://127.0.0.1:8554/p1"
    assert camera.calls.count("GetProfiles") == 2


def test_a_profile_without_a_stream_is_shown_without_one(camera: OnvifServer) -> None:
    camera.answers["GetStreamUri"] = lambda handler: handler.fault(
        "s:Sender", "ter:IncompleteConfiguration", "none"
    )
    found = described(camera)
    assert [each.uri for each in found.profiles] == ["", ""]
    assert "it names no stream" in found.notes
    assert parse_site(site_block(found), Path("site.toml")).camera[0].source is None


def test_credentials_in_a_cameras_uris_are_not_shown(camera: OnvifServer) -> None:
    found = described(camera)
    assert "Secret" in found.profiles[0].snapshot
    assert "Secret" not in f"{found} {found.to_dict()} {site_block(found, user=USER)}"


def test_what_a_camera_lacks_is_a_note(camera: OnvifServer) -> None:
    camera.answers["GetEventProperties"] = b"garbage"
    camera.answers["GetRelayOutputs"] = answer("<s:Fault/>")
    camera.answers["GetSnapshotUri"] = answer("<s:Fault/>")
    found = described(camera)
    assert (found.kinds, found.relays, found.profiles[0].snapshot) == ((), (), "")
    assert [note.partition(":")[0] for note in found.notes] == ["events", "outputs"]


def test_a_clock_that_is_off_is_a_note(camera: OnvifServer) -> None:
    camera.offset_s = -90.0
    (note,) = described(camera).notes
    assert "behind this machine's: set NTP on both" in note


def test_a_wrong_password_is_no_note(camera: OnvifServer) -> None:
    camera.password = "another"  # noqa: S105
    with pytest.raises(CameraError, match="refuses the user"):
        described(camera)


def test_the_table_for_the_site_file_is_valid_and_holds_no_password(camera: OnvifServer) -> None:
    file = "password.txt"
    block = site_block(described(camera), name="front", user=USER, password_file=file)
    (table,) = parse_site(block, Path("/etc/site.toml")).camera
    assert table.name == "front"
    assert table.spec == "rtsp://127.0.0.1:8554/p2"
    assert table.onvif is not None
    assert table.onvif.url == camera.url
    assert table.onvif.password_file == Path("/etc/password.txt")
    assert table.onvif.kinds == ("motion", "tamper")
    assert PASSWORD not in block


@pytest.mark.parametrize("name", ['a"b\\', "\x1b[2J\n", "日本", ""])
def test_whatever_a_camera_calls_itself_gives_a_valid_table(name: str) -> None:
    profile = MediaProfile("1", name, uri=f"rtsp://192.0.2.1/{name}")
    camera = CameraDescription("http://192.0.2.1", name, name, name, name, None, (profile,), (), 0, (name,))
    block = site_block(camera, user="admin")
    (table,) = parse_site(block, Path("site.toml")).camera
    assert table.onvif is not None
    assert "\x1b" not in block


def test_the_smallest_stream_that_shows_enough_is_looked_at() -> None:
    def profile(name: str, codec: str, width: int, height: int) -> MediaProfile:
        return MediaProfile(name, name, codec, width, height, 15.0, f"rtsp://192.0.2.1/{name}")

    main, sub = profile("main", "H264", 1920, 1080), profile("sub", "H265", 640, 360)
    tiny, pictures = profile("tiny", "H264", 160, 120), profile("pictures", "JPEG", 320, 240)
    assert detect_profile([main, sub, tiny, pictures]) == sub
    assert detect_profile([main, pictures]) == main
    assert detect_profile([tiny]) == tiny
    assert detect_profile([]) is None
