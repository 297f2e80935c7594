"""What a bridge from a plug-in is given: its settings, and the messages of the site's cameras."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from vad_edge.bridges.feed import COMMAND, CameraFeed, acknowledge, camera_names
from vad_edge.config.site import BrokerConfig, SiteConfig


class BridgeContext:
    """What a bridge may touch of the site it serves.

    site and cameras are names. settings is the ``[bridge.NAME]`` table of the site file, as TOML gives it;
    the bridge checks it and raises ConfigError. state is a folder of its own for what it must remember. stop
    is set when the bridge is to end.
    """

    def __init__(
        self, name: str, site: SiteConfig, broker: BrokerConfig, state: Path, stop: threading.Event
    ) -> None:
        self.site = site.site
        self.cameras: tuple[str, ...] = tuple(camera_names(site))
        self.settings: Mapping[str, Any] = site.bridge.get(name, {})
        self.state = state
        self.stop = stop
        self._name, self._config, self._broker = name, site, broker

    @contextmanager
    def listen(
        self,
        deliver: Callable[[str, str, bytes], None],
        topics: Sequence[str] = ("event", "event/replay"),
        *,
        keep: bool = False,
    ) -> Iterator[Callable[[str, str], None]]:
        """Hand every message of these topics of each camera to `deliver`: camera, topic, payload.

        deliver is called on the network's thread and must be quick. With keep the broker keeps what comes
        while the bridge is away, and a message counts as taken when deliver returns. What the block is given
        acknowledges an incident: call it with the camera and the incident's id. docs/mqtt.md has the topics.
        """
        feed = CameraFeed(self._broker, self._config, topics, deliver, role=self._name, session=keep)

        def seen(camera: str, incident: str) -> None:
            feed.client.publish(feed.topic(camera, COMMAND), acknowledge(incident, self._name), qos=1)

        feed.start()
        try:
            yield seen
        finally:
            feed.stop()


class Bridge(Protocol):
    """Carries events into another system; `vad-edge bridge NAME` calls it in a program of its own."""

    def __call__(self, context: BridgeContext, /) -> None:
        """Work until `context.stop` is set. Raises ConfigError, or BridgeError for what cannot be reached."""
        ...
