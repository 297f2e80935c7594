"""The site's topics into a Sparkplug edge node on the same broker."""

from __future__ import annotations

import threading
from pathlib import Path

from vad_edge.bridges.camera_view import LEAVES, CameraView
from vad_edge.bridges.feed import CameraFeed, camera_names
from vad_edge.bridges.sparkplug.node import BirthCounter, EdgeNode
from vad_edge.config.bridges import SparkplugConfig
from vad_edge.config.site import BrokerConfig, SiteConfig
from vad_edge.mqtt.identity import client_id

_TICK_S = 0.25


class SparkplugBridge:
    """Keeps an edge node up to date; `births` is the file of its birth counter."""

    def __init__(self, site: SiteConfig, config: SparkplugConfig, broker: BrokerConfig, births: Path) -> None:
        self._views = {camera: CameraView(camera) for camera in camera_names(site)}
        self._lock = threading.Lock()
        self.node = EdgeNode(
            broker,
            group=config.group,
            node=config.node or site.site,
            client_id=client_id(broker, site.site, "sparkplug-node"),
            births=BirthCounter(births),
            cameras=self._views,
        )
        self._feed = CameraFeed(broker, site, LEAVES, self._heard, role="sparkplug")

    def run(self, stop: threading.Event) -> None:
        """Carry messages until `stop` is set."""
        self._feed.start()
        self.node.start()
        try:
            while not stop.wait(_TICK_S):
                self.node.answer()
                if not self._feed.client.connected:
                    self._lose_all()
        finally:
            self.node.stop()
            self._feed.stop()

    def _heard(self, camera: str, leaf: str, payload: bytes) -> None:
        with self._lock:
            self._show(camera, self._views[camera].heard(leaf, payload))

    def _lose_all(self) -> None:
        with self._lock:
            for camera, view in self._views.items():
                self._show(camera, view.lost())

    def _show(self, camera: str, view: CameraView) -> None:
        self._views[camera] = view
        self.node.show(view)
