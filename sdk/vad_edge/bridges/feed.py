"""The messages of a site's cameras, from its broker to one bridge."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import platformdirs

from vad_edge.common.ids import new_id
from vad_edge.config.load import checked
from vad_edge.config.site import SENSORS_ONLY, BrokerConfig, SiteConfig
from vad_edge.errors import ConfigError
from vad_edge.mqtt.client import MqttClient
from vad_edge.mqtt.identity import client_id
from vad_edge.mqtt.messages import json_object
from vad_edge.mqtt.topics import ROOT

Deliver = Callable[[str, str, bytes], None]


def camera_names(site: SiteConfig) -> list[str]:
    """The cameras of a site, in the order of its file."""
    return [camera.name for camera in site.camera] or [SENSORS_ONLY]


def shared_broker(site: SiteConfig, broker: str | None = None) -> BrokerConfig:
    """The broker a bridge and the watching process share; `broker` replaces the site file's URL.

    Raises ConfigError where there is none, or one that lives inside another process.
    """
    config = site.broker if broker is None else checked(site.broker, url=broker)
    if config.address in ("none", "embedded"):
        raise ConfigError(
            "a bridge needs a broker of its own standing",
            where=f"broker.url is {config.address!r}",
            fix="give --broker mqtt://HOST, the one `vad-edge run` publishes to",
        )
    return config


def state_folder(site: SiteConfig, given: Path | None = None) -> Path:
    """Where the bridges of a site keep what they remember; the user's state folder unless one is given."""
    return given or platformdirs.user_state_path("vad-edge") / site.site


class CameraFeed:
    """Subscribes to some topics of every camera and hands each message on as (camera, leaf, payload).

    deliver is called on the network thread and must be quick; messages of cameras not in the site file are
    left out. With session the broker keeps what we miss while we are away, and a message counts as taken
    when `deliver` returns.
    """

    def __init__(
        self,
        broker: BrokerConfig,
        site: SiteConfig,
        leaves: Iterable[str],
        deliver: Deliver,
        *,
        role: str,
        session: bool = False,
    ) -> None:
        self._prefix = f"{ROOT}/{site.site}/"
        self._cameras = frozenset(camera_names(site))
        self._leaves = tuple(leaves)
        self._deliver = deliver
        name = f"{broker.client_id or f'vad-edge-{site.site}'}-{role}"
        self.client = MqttClient(
            broker,
            # A session is found again by its name only.
            client_id=name if session else client_id(broker, site.site, role),
            on_message=self._message,
            keep_session=session,
        )

    def start(self) -> None:
        """Subscribe and begin to connect."""
        for leaf in self._leaves:
            self.client.subscribe(f"{self._prefix}+/{leaf}")
        self.client.start()

    def topic(self, camera: str, leaf: str) -> str:
        """The whole name of a camera's topic."""
        return f"{self._prefix}{camera}/{leaf}"

    def stop(self) -> None:
        """Disconnect."""
        self.client.stop()

    def _message(self, topic: str, payload: bytes) -> None:
        camera, _, leaf = topic.removeprefix(self._prefix).partition("/")
        if camera in self._cameras and leaf in self._leaves:
            self._deliver(camera, leaf, payload)


COMMAND, RESULT = "command", "command/result"

_NAME = 64
"""The longest name a command may carry."""


def acknowledge(incident: str, by: str) -> bytes:
    """The command that acknowledges an incident as seen, without a verdict on it."""
    command = {"id": new_id(), "command": "acknowledge", "incident": incident, "by": by[:_NAME]}
    return json.dumps(command).encode()


def acknowledged_incident(payload: bytes) -> str | None:
    """The incident that a message on the result topic says has been acknowledged; None for any other."""
    result = json_object(payload) or {}
    if result.get("command") != "acknowledge" or result.get("ok") is not True:
        return None
    incident = result.get("incident")
    return incident if isinstance(incident, str) else None
