"""From a camera's table in the site file to a client."""

from __future__ import annotations

from collections.abc import Callable

from vad_edge.cameras.client import OnvifClient
from vad_edge.cameras.login import read_login
from vad_edge.config.onvif import OnvifConfig


def connector(camera: str, onvif: OnvifConfig) -> Callable[[], OnvifClient]:
    """What makes clients for a camera. Raises ConfigError where its password cannot be read."""
    login = read_login(onvif.user, onvif.password_file, where=f"camera {camera}: onvif.password_file")
    url = onvif.url
    return lambda: OnvifClient(url, login)
