"""The cameras of a run for other programs, by the connections that the run has anyway."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import ExitStack

from vad_edge.common.secret import secret_in
from vad_edge.config.site import RestreamConfig, SiteConfig
from vad_edge.errors import ConfigError
from vad_edge.runtime.rtsp_server import Channel, RtspServer
from vad_edge.video.stream_options import PacketTap

_log = logging.getLogger(__name__)


def restream(site: SiteConfig, taps: Mapping[str, PacketTap], stack: ExitStack) -> RtspServer | None:
    """Serve the packets of the taps, where the site asks for it; closed by `stack`.

    Raises ConfigError where the address cannot be listened at, or the password cannot be read.
    """
    config = site.restream
    if config is None:
        return None
    channels = {name: Channel() for name in taps}
    try:
        server = RtspServer((config.host, config.port), channels, _login(config))
    except OSError as error:
        raise ConfigError(
            f"{config.host}:{config.port} cannot be listened at: {error.strerror or error}",
            where="restream",
            fix="give another port, or end the program that has it",
        ) from error
    stack.callback(server.close)
    for name, channel in channels.items():
        taps[name].add(channel.put)
        _log.info("camera %s: restreamed at rtsp://%s:%d/%s", name, config.host, server.port, name)
    for camera in site.camera:
        if camera.name not in taps:
            why = "its privacy masks would not hide" if camera.privacy_masks else "it is no network stream"
            _log.warning("camera %s is not restreamed: %s", camera.name, why)
    return server


def _login(config: RestreamConfig) -> str:
    if config.password_file is None:
        return ""
    return f"{config.user}:{secret_in(config.password_file, 'the password', 'restream.password_file')}"
