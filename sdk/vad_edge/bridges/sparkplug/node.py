"""A Sparkplug B edge node: its births, data and deaths in their order."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from vad_edge.bridges.camera_view import CameraView
from vad_edge.bridges.sparkplug.payload import (
    REBIRTH,
    Metric,
    birth_metrics,
    changed,
    commands,
    death_metrics,
    device_metrics,
    encode,
    node_metrics,
)
from vad_edge.common.state_file import StateFile
from vad_edge.config.load import checked
from vad_edge.config.site import BrokerConfig
from vad_edge.mqtt.client import MqttClient, Will

_log = logging.getLogger(__name__)


class BirthCounter:
    """Counts connects from 0 to 255 and round again, so that no death is taken for that of another birth."""

    def __init__(self, path: Path) -> None:
        self._file = StateFile(path, int)
        last = self._file.read()
        self._last = 255 if last is None else last % 256

    def next(self) -> int:
        """The next number; a disk that fails is logged, since the connection must be made."""
        self._last = (self._last + 1) % 256
        try:
            self._file.write(self._last)
        except OSError as error:
            _log.error("%s cannot be written, a restart will count births from 0: %s", self._file.path, error)
        return self._last


NAMESPACE = "spBv1.0"


class EdgeNode:
    """Publishes views of cameras, each a device that lives while its camera is online.

    Every connect is a new birth, announced before any data; a lock keeps the sequence whole, as views come
    from one thread and connects from another. It speaks MQTT 3.1.1, where a node says its own death before
    it leaves.
    """

    def __init__(
        self,
        broker: BrokerConfig,
        *,
        group: str,
        node: str,
        client_id: str,
        births: BirthCounter,
        cameras: Iterable[str],
    ) -> None:
        self._group, self._node = group, node
        self._births = births
        self._views = {camera: CameraView(camera) for camera in cameras}
        self._lock = threading.Lock()
        self._bd_seq = 0
        self._seq = 0
        self._started = False
        self._born = False
        self._rebirth_wanted = False
        old = checked(broker, url=f"{broker.address.partition('?')[0]}?version=3.1.1")
        self.client = MqttClient(old, client_id=client_id, will=self._next_death, on_message=self._command)
        self.client.on_connected(self._birth)

    def start(self) -> None:
        """Begin to connect."""
        self._started = True
        self.client.subscribe(self._topic("NCMD"))
        self.client.start()

    def show(self, view: CameraView) -> None:
        """Take over what is known of a camera now, and say what of it is new."""
        with self._lock:
            before, self._views[view.camera] = self._views[view.camera], view
            if not self._born or view == before:
                return
            was, lives = before.availability == "online", view.availability == "online"
            if lives and not was:
                self._say("DBIRTH", device_metrics(view), view.camera)
            elif was and not lives:
                self._say("DDEATH", (), view.camera)
            elif lives and (news := changed(device_metrics(before), device_metrics(view))):
                self._say("DDATA", news, view.camera)
            if was != lives:
                self._say("NDATA", node_metrics(self._views.values()))

    def answer(self) -> None:
        """Be born again if that was asked for since the last call."""
        if self._rebirth_wanted and self._born:
            self._rebirth_wanted = False
            self._birth()

    def stop(self) -> None:
        """Say the node's death and disconnect."""
        with self._lock:
            self._born = False
        death = self._death()
        self.client.stop([(death.topic, death.payload, death.retain)])

    def _next_death(self) -> Will:
        with self._lock:
            self._born = False
            if self._started:  # a client that is only made has not connected
                self._bd_seq = self._births.next()
        return self._death()

    def _death(self) -> Will:
        payload = encode(death_metrics(self._bd_seq), time_ms=_now_ms(), seq=None)
        return Will(self._topic("NDEATH"), payload, retain=False)

    def _birth(self) -> None:
        with self._lock:
            self._seq = 0
            self._say("NBIRTH", birth_metrics(self._bd_seq, self._views.values()))
            for view in self._views.values():
                if view.availability == "online":
                    self._say("DBIRTH", device_metrics(view), view.camera)
            self._born = True

    def _say(self, kind: str, metrics: Sequence[Metric], camera: str | None = None) -> None:
        payload = encode(metrics, time_ms=_now_ms(), seq=self._seq)
        self._seq = (self._seq + 1) % 256
        self.client.publish(self._topic(kind, camera), payload)

    def _command(self, topic: str, payload: bytes) -> None:
        self._rebirth_wanted |= commands(payload).get(REBIRTH, False)

    def _topic(self, kind: str, camera: str | None = None) -> str:
        return "/".join(filter(None, (NAMESPACE, self._group, kind, self._node, camera)))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
