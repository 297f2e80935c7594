"""Sensor messages from the broker into the hub."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from typing_extensions import Self

from vad_edge.common.whole_writes import Lines
from vad_edge.config.site import SiteConfig
from vad_edge.errors import BrokerError, ConfigError
from vad_edge.mqtt.client import MqttClient
from vad_edge.mqtt.identity import client_id
from vad_edge.mqtt.messages import json_object
from vad_edge.mqtt.topics import replay_watermark
from vad_edge.sensors.hub import PUSHED, SensorHub
from vad_edge.sensors.recording import SensorLog, recorded_line

PACE_S = 0.05
"""How late a reading may be for the sake of taking in many at once."""

_log = logging.getLogger(__name__)


class SensorSubscriber:
    """Feeds `hub` with every topic it declares, and knows when a replay has sent all it has.

    Start it, and wait until it is ready, before a camera says ``online``: a replay begins at that word.
    """

    def __init__(self, client: MqttClient, hub: SensorHub, site: str) -> None:
        self._client = client
        self._hub = hub
        self._watermark = replay_watermark(site)
        self._replayed = threading.Event()
        client.on_message = self._message

    def start(self) -> None:
        """Subscribe and begin to connect."""
        for topic in (*self._hub.topics(), self._watermark):
            self._client.subscribe(topic, qos=1)
        self._client.start()

    def wait_ready(self, timeout_s: float) -> bool:
        """Wait until the broker has answered every subscription; False after `timeout_s`."""
        return self._client.wait_subscribed(timeout_s)

    def wait_for_replay(self, timeout_s: float) -> bool:
        """Wait until a replay's last message is in the hub; False after `timeout_s`."""
        return self._replayed.wait(timeout_s)

    def stop(self) -> None:
        """Disconnect."""
        self._client.stop()

    def _message(self, topic: str, payload: bytes) -> None:
        if topic != self._watermark:
            self._hub.accept(topic, payload)
        elif _is_watermark(payload):
            self._replayed.set()
        else:
            _log.warning("%s: ignored what is not a replay's watermark: %.60r", topic, payload)


def _is_watermark(payload: bytes) -> bool:
    return isinstance((json_object(payload) or {}).get("media_time_s"), (int, float))


_log = logging.getLogger(__name__)

_READY_S = 10.0


class SensorRecorder:
    """Hears every sensor topic of a site while it is entered; `write` keeps what came during a file.

    now is the clock of the frames. `losses` says what could not be kept. Streams that are not on MQTT come by
    `accept`; no broker is asked where there are no others. Raises ConfigError for a site without sensors, and
    BrokerError on entering where the broker does not answer.
    """

    def __init__(self, site: SiteConfig, folder: Path, now: Callable[[], float]) -> None:
        if not site.sensor:
            raise ConfigError("the site file has no sensors to record", fix="add [[sensor]] tables")
        self._folder = folder
        self._log = SensorLog(now, {sensor.topic for sensor in site.sensor if sensor.kind == "binary"})
        self._client = _listening(site, self._log)
        self._clip: Path | None = None
        self._lines: Lines | None = None
        self._until_s = 0.0
        self.losses: list[str] = []

    def __enter__(self) -> Self:
        if self._client is None:
            return self
        self._client.start()
        if not self._client.wait_subscribed(_READY_S):
            reason = self._client.last_error or "no answer from the broker"
            self._client.stop()
            raise BrokerError(reason, where=str(self._client.address))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            self._client.stop()
        self._finish()

    def accept(self, topic: str, payload: bytes) -> None:
        """Take in what a stream says that is not on MQTT; from any thread."""
        self._log.accept(topic, payload)

    def write(self, clip: Path, began_s: float, until_s: float) -> None:
        """Keep what came since a clip began, beside it; called again while the clip goes on.

        A disk that does not take it costs lines, not the recording: the video is worth having without.
        """
        if clip != self._clip:
            self._begin(clip)
            messages, full = self._log.take(began_s, until_s)
        else:
            messages, full = self._log.take(self._until_s, until_s, clip_s=began_s)
        self._until_s = until_s
        if self._lines is not None:
            for message in messages:
                self._lines.add(recorded_line(message))
        if full:
            _log.warning("more came from the sensors than is kept in a second: some of it is lost")

    def _begin(self, clip: Path) -> None:
        self._finish()
        self._clip = clip
        path = self._folder / f"{clip.stem}.jsonl"
        lines = Lines(path, "w")
        try:
            lines.open()
            self._lines = lines
        except OSError as error:
            _log.warning("%s cannot be written: %s", path, error)
            self.losses.append(f"{path} could not be written: {error.strerror or error}")
        refused = {} if self._client is None else self._client.refused
        for topic, problem in refused.items():
            _log.warning("%s says nothing of %s: %s", path, topic, problem)

    def _finish(self) -> None:
        """Close the file of the clip that is over."""
        lines, self._lines = self._lines, None
        if lines is not None:
            lines.close()
            if lines.loss:
                self.losses.append(lines.loss)


def _listening(site: SiteConfig, log: SensorLog) -> MqttClient | None:
    """A client that notes what is said on the site's topics; None where there is none."""
    topics = [sensor.topic for sensor in site.sensor if not sensor.topic.startswith(PUSHED)]
    if not topics:
        return None
    client = MqttClient(
        site.broker,
        client_id=client_id(site.broker, site.site, "recorder"),
        on_message=log.accept,
        pace_s=PACE_S,
    )
    for topic in dict.fromkeys(topics):
        client.subscribe(topic)
    return client
