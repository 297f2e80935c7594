"""How a camera's table asks for its video."""

from __future__ import annotations

from vad_edge.config.site import CameraConfig
from vad_edge.video.stream_options import PacketTap, StreamOptions


def stream_options(
    camera: CameraConfig, *, tap: PacketTap | None = None, whole: bool = False
) -> StreamOptions:
    """The options its source is opened with; whole leaves out that pictures are scaled down."""
    return StreamOptions(
        decode=camera.decode,
        transport=camera.transport,
        low_latency=camera.low_latency,
        width=None if whole else camera.decode_width,
        tap=tap,
        pixel_format=camera.pixel_format,
    )
