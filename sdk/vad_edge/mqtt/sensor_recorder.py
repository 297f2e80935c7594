"""Records what a site's sensors say, a file for each file of its camera."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from typing_extensions import Self

from vad_edge.config.site import SiteConfig
from vad_edge.errors import BrokerError, ConfigError
from vad_edge.mqtt.client import MqttClient
from vad_edge.mqtt.identity import client_id
from vad_edge.mqtt.subscriber import PACE_S
from vad_edge.sensors.log import SensorLog
from vad_edge.sensors.recording import write_recording

_log = logging.getLogger(__name__)

_READY_S = 10.0


class SensorRecorder:
    """Hears every sensor topic of a site while it is entered; `write` keeps what came during a file.

    now is the clock of the frames. Raises ConfigError for a site without sensors, and BrokerError on entering
    where the broker does not answer.
    """

    def __init__(self, site: SiteConfig, folder: Path, now: Callable[[], float]) -> None:
        if not site.sensor:
            raise ConfigError("the site file has no sensors to record", fix="add [[sensor]] tables")
        self._folder = folder
        self._log = SensorLog(now, {sensor.topic for sensor in site.sensor if sensor.kind == "binary"})
        self._client = MqttClient(
            site.broker,
            client_id=client_id(site.broker, site.site, "recorder"),
            on_message=self._log.accept,
            pace_s=PACE_S,
        )
        for topic in dict.fromkeys(sensor.topic for sensor in site.sensor):
            self._client.subscribe(topic)

    def __enter__(self) -> Self:
        self._client.start()
        if not self._client.wait_subscribed(_READY_S):
            reason = self._client.last_error or "no answer from the broker"
            self._client.stop()
            raise BrokerError(reason, where=str(self._client.address))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.stop()

    def write(self, clip: Path, began_s: float, ended_s: float) -> None:
        """Keep what came between two moments beside a clip of that name.

        A disk that does not take it is only logged: the video is worth having without.
        """
        path = self._folder / f"{clip.stem}.jsonl"
        messages, full = self._log.take(began_s, ended_s)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_recording(path, messages)
        except OSError as error:
            _log.warning("%s cannot be written: %s", path, error)
        for topic, problem in self._client.refused.items():
            _log.warning("%s says nothing of %s: %s", path, topic, problem)
        if full:
            _log.warning("more came from the sensors than is kept for one file: record shorter segments")
