"""How a camera's stream or file is read and decoded, as its site file asks for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Decode = Literal["auto", "cpu", "nvdec", "v4l2", "vaapi"]
Transport = Literal["tcp", "udp"]
PixelFormat = Literal["auto", "mjpeg", "yuyv"]


class PacketTap:
    """Where the packets of a stream go besides its decoder; they are dropped while there is no consumer.

    A tap outlives the connection it is on: the stream that is opened after a loss goes on with it. taken says
    whether a source has given it packets.
    """

    def __init__(self) -> None:
        self._consumers: tuple[Callable[[bytes], None], ...] = ()
        self.taken = False

    def add(self, consumer: Callable[[bytes], None]) -> None:
        """Hand packets to this one, too, from now on; it must not wait."""
        self._consumers = (*self._consumers, consumer)

    def remove(self, consumer: Callable[[bytes], None]) -> None:
        """Hand it no more."""
        self._consumers = tuple(each for each in self._consumers if each != consumer)

    def put(self, data: bytes) -> None:
        """Hand on what came; called from a thread of the source's own."""
        self.taken = True
        for consumer in self._consumers:
            consumer(data)


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """decode is what decodes: ``auto`` is the processor until a hardware way has been measured.

    transport is how RTSP sends its packets. low_latency does without deinterlacing and buffers. Pictures
    wider than width pixels are scaled down where they are decoded, None keeps them. tap gets a live stream's
    packets as they come, as an MPEG transport stream. pixel_format is what a USB camera is asked for.
    """

    decode: Decode = "auto"
    transport: Transport = "tcp"
    low_latency: bool = False
    width: int | None = None
    tap: PacketTap | None = None
    pixel_format: PixelFormat = "auto"

    @property
    def plain(self) -> bool:
        """Whether pictures are wanted as the processor decodes them."""
        return self.decode in ("auto", "cpu") and self.width is None


AS_IT_COMES = StreamOptions()
