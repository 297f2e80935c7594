"""The media profiles of a camera: what it streams, where, and which of them to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final
from xml.etree.ElementTree import Element

from vad_edge.cameras.client import OnvifClient, element
from vad_edge.cameras.soap import MEDIA, MEDIA2, SCHEMA, find, find_all, number_of, text_of
from vad_edge.errors import CameraError

MOST_PROFILES: Final = 32

_ENOUGH: Final = (320, 240)
"""Width and height from which a stream shows enough to be scored."""

_VIDEO: Final = ("H264", "H265", "MPV4-ES", "MPEG4")


@dataclass(frozen=True, slots=True)
class MediaProfile:
    """One stream of a camera. Sizes and rate are 0, codec and URIs empty where the camera does not say.

    The URIs are as the camera says them; they may hold credentials.
    """

    token: str
    name: str
    codec: str = ""
    width: int = 0
    height: int = 0
    fps: float = 0.0
    uri: str = field(default="", repr=False)
    snapshot: str = field(default="", repr=False)


def read_profiles(client: OnvifClient) -> list[MediaProfile]:
    """The profiles of a camera with their URIs: of its Media2 service where it has one, which knows H.265.

    Raises CameraError where it has none of the two services, or they do not answer.
    """
    if client.service(MEDIA2) is not None:
        try:
            return _profiles(client, MEDIA2, element(MEDIA2, "Type", "VideoEncoder"))
        except CameraError as error:
            if error.refused or client.service(MEDIA) is None:
                raise
    return _profiles(client, MEDIA)


def detect_profile(profiles: Sequence[MediaProfile]) -> MediaProfile | None:
    """The stream to score: the smallest that shows enough, video before pictures; None where none has a URI.

    >>> sub = MediaProfile("2", "sub", "H264", 640, 360, 15, "rtsp://camera/2")
    >>> detect_profile([MediaProfile("1", "main", "H264", 3840, 2160, 25, "rtsp://camera/1"), sub]).name
    'sub'
    """
    usable = [each for each in profiles if each.uri]
    if not usable:
        return None
    enough = [each for each in usable if each.width >= _ENOUGH[0] and each.height >= _ENOUGH[1]]
    if not enough:
        return max(usable, key=lambda each: each.width * each.height)
    return min(enough, key=lambda each: (each.codec not in _VIDEO, each.width * each.height))


def record_profile(profiles: Sequence[MediaProfile], detect: MediaProfile | None) -> MediaProfile | None:
    """The stream to copy clips from: the largest of H.264 or H.265, None where that is the one to score.

    >>> main = MediaProfile("1", "main", "H265", 3840, 2160, 25, "rtsp://camera/1")
    >>> sub = MediaProfile("2", "sub", "H264", 640, 360, 15, "rtsp://camera/2")
    >>> record_profile([sub, main], sub).name
    'main'
    """
    usable = [each for each in profiles if each.uri and each.codec in _VIDEO]
    best = max(usable, key=lambda each: each.width * each.height, default=None)
    return None if best is detect else best


def _profile(told: Element) -> MediaProfile:
    encoder = find(told, "VideoEncoderConfiguration")
    if encoder is None:
        encoder = find(told, "Configurations/VideoEncoder")
    return MediaProfile(
        token=told.get("token", "")[:64],
        name=text_of(told, "Name")[:64],
        codec=text_of(encoder, "Encoding")[:16].upper(),
        width=int(number_of(encoder, "Resolution/Width") or 0),
        height=int(number_of(encoder, "Resolution/Height") or 0),
        fps=number_of(encoder, "RateControl/FrameRateLimit") or 0.0,
    )


def _profiles(client: OnvifClient, namespace: str, *asked: Element) -> list[MediaProfile]:
    answer = client.ask(namespace, "GetProfiles", *asked)
    found = [_profile(each) for each in find_all(answer, "Profiles")[:MOST_PROFILES]]
    return [
        replace(
            profile,
            uri=_uri(client, namespace, "GetStreamUri", profile.token),
            snapshot=_uri(client, namespace, "GetSnapshotUri", profile.token),
        )
        for profile in found
        if profile.token
    ]


def _uri(client: OnvifClient, namespace: str, name: str, profile: str) -> str:
    """The stream or the still picture of a profile; a profile may have neither."""
    asked = [element(namespace, "ProfileToken", profile)]
    if name == "GetStreamUri":
        asked = [_transport(namespace), *asked]
    try:
        answer = client.ask(namespace, name, *asked)
    except CameraError as error:
        if error.refused:
            raise
        return ""
    return text_of(answer, "Uri") or text_of(answer, "MediaUri/Uri")


def _transport(namespace: str) -> Element:
    """RTP over RTSP and TCP, as each of the two services has it."""
    if namespace == MEDIA2:
        return element(namespace, "Protocol", "RTSP")
    transport = element(SCHEMA, "Transport", None, element(SCHEMA, "Protocol", "RTSP"))
    return element(namespace, "StreamSetup", None, element(SCHEMA, "Stream", "RTP-Unicast"), transport)
