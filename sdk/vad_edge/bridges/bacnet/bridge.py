"""The BACnet device in the middle: MQTT on one side, BACnet/IP on the other."""

from __future__ import annotations

import asyncio
import logging
import math
import socket
import threading
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from bacpypes3.basetypes import HostNPort, IPMode
from bacpypes3.pdu import Address

from vad_edge.bridges.bacnet.alarm import (
    Alarm,
    EventState,
    acknowledged,
    entered,
    recall,
    remember,
    transitions,
)
from vad_edge.bridges.bacnet.notify import Notifier, destinations
from vad_edge.bridges.bacnet.objects import CameraObjects, Device, Port, notification_class
from vad_edge.bridges.bacnet.services import AlarmApplication
from vad_edge.bridges.camera_view import LEAVES, CameraView
from vad_edge.bridges.feed import (
    COMMAND,
    RESULT,
    CameraFeed,
    acknowledge,
    acknowledged_incident,
    camera_names,
)
from vad_edge.config.bridges import BacnetConfig
from vad_edge.config.site import BrokerConfig, SiteConfig
from vad_edge.errors import ConfigError
from vad_edge.version import __version__

_log = logging.getLogger(__name__)

_TICK_S = 0.25
_FIRST_WORDS_S = 3.0
_LOST_S = 5.0
"""A broker that is gone for less is no fault of the cameras yet."""

_SETTLE_S = 0.5
"""A camera that comes back says so before it says how it is; nothing is concluded from the first alone."""


class BacnetBridge:
    """Shows a site's cameras as a BACnet device; lives inside one event loop.

    The alarms are remembered in `memory`, a file. Raises ConfigError if the address cannot be listened on.
    """

    def __init__(self, site: SiteConfig, config: BacnetConfig, broker: BrokerConfig, memory: Path) -> None:
        self._loop = asyncio.get_running_loop()
        self._memory = memory
        self._views = {camera: CameraView(camera) for camera in camera_names(site)}
        kept = recall(memory)
        self.alarms = {camera: kept.get(camera, Alarm()) for camera in self._views}
        self._objects = {
            camera: CameraObjects(number, camera, config)
            for number, camera in enumerate(self._views, start=1)
        }
        self.by_object = {each.in_alarm.objectIdentifier: camera for camera, each in self._objects.items()}
        self._held: dict[str, float] = dict.fromkeys(self._views, math.inf)
        self._heard_s = self._loop.time()
        self._unsent: list[tuple[str, bytes]] = []
        self._application = _application(config, [each for one in self._objects.values() for each in one.all])
        self._application.register = self
        self._application.priorities = config.priorities
        self._notifier = Notifier(self._application, config)
        self._feed = CameraFeed(broker, site, (*LEAVES, RESULT), self._deliver, role="bacnet")

    async def run(self, stop: threading.Event) -> None:
        """Carry messages until `stop` is set."""
        for camera in self._views:
            self._objects[camera].show_alarm(self.alarms[camera])
        self._feed.start()
        try:
            await asyncio.to_thread(self._feed.client.wait_subscribed, _FIRST_WORDS_S)
            self._held = dict.fromkeys(self._views, self._loop.time() + _SETTLE_S)
            while not stop.is_set():
                self._tick()
                await asyncio.sleep(_TICK_S)
        finally:
            self._feed.stop()
            self._application.close()

    def acknowledge(self, camera: str, state: EventState, by: str) -> None:
        """Take an acknowledgement from the BACnet side, and tell the camera of it."""
        incident = self.alarms[camera].incident
        if state is EventState.OFFNORMAL and incident is not None:
            self._unsent.append((self._feed.topic(camera, COMMAND), acknowledge(incident, f"bacnet: {by}")))
            self._send_commands()
        self._acknowledged(camera, state, by)

    def _tick(self) -> None:
        now_s = self._loop.time()
        if self._feed.client.connected:
            self._heard_s = now_s
        elif now_s >= self._heard_s + _LOST_S:
            for camera, view in self._views.items():
                if view.availability != "offline":
                    self._views[camera] = view.lost()
                    self._update(camera)
        for camera, due_s in list(self._held.items()):
            if now_s >= due_s:
                del self._held[camera]
                self._update(camera)
        self._send_commands()

    def _deliver(self, camera: str, leaf: str, payload: bytes) -> None:
        self._loop.call_soon_threadsafe(self._heard, camera, leaf, payload)

    def _heard(self, camera: str, leaf: str, payload: bytes) -> None:
        if leaf == RESULT:
            self._acknowledged_elsewhere(camera, acknowledged_incident(payload))
            return
        before, view = self._views[camera], self._views[camera].heard(leaf, payload)
        if view == before:
            return
        self._views[camera] = view
        if before.availability == "offline" != view.availability:
            self._held.setdefault(camera, self._loop.time() + _SETTLE_S)
        if camera not in self._held:
            self._update(camera)

    def _update(self, camera: str) -> None:
        view, objects = self._views[camera], self._objects[camera]
        objects.show_view(view)
        if view.availability == "stopped":  # not watched: the last state stays until the camera is watched
            return
        known = self.alarms[camera].incident
        states = transitions(
            self.alarms[camera].state,
            active=objects.is_active(view),
            fault=view.availability == "offline",
            renewed=known is not None and view.incident not in (None, known),
        )
        for state in states:
            before, time = self.alarms[camera].state, datetime.now(timezone.utc)
            self._set(camera, entered(self.alarms[camera], state, time, _text(view, state), view.incident))
            self._notifier.transition(objects.in_alarm, before, state, time)
            _log.info("%s to %s: %s", camera, state.name.lower(), self.alarms[camera].texts[state.place])

    def _acknowledged(self, camera: str, state: EventState, by: str) -> None:
        self._set(camera, acknowledged(self.alarms[camera], state))
        _log.info("%s: %s acknowledged by %s", camera, state.name.lower(), by)
        time = datetime.now(timezone.utc)
        self._notifier.acknowledgement(self._objects[camera].in_alarm, state, time, by)

    def _acknowledged_elsewhere(self, camera: str, incident: str | None) -> None:
        alarm = self.alarms[camera]
        waiting = not alarm.acked[EventState.OFFNORMAL.place]
        if incident is not None and alarm.incident == incident and waiting:
            self._acknowledged(camera, EventState.OFFNORMAL, "acknowledged over MQTT")

    def _set(self, camera: str, alarm: Alarm) -> None:
        self.alarms[camera] = alarm
        self._objects[camera].show_alarm(alarm)
        remember(self._memory, self.alarms)

    def _send_commands(self) -> None:
        while self._unsent and not self._feed.client.publish(*self._unsent[0], qos=1).lost:
            self._unsent.pop(0)


def _text(view: CameraView, state: EventState) -> str:
    if state is EventState.FAULT:
        return f"{view.camera}: cannot be heard, its alarms would not be"
    incident = f", incident {view.incident}" if view.incident else ""
    test = "TEST, " if view.test else ""
    return f"{test}{view.camera}: {view.level}, risk {view.risk:.1f}{incident}"


def _application(config: BacnetConfig, objects: list[Any]) -> AlarmApplication:
    address = Address(config.address)
    _refuse_taken(address)
    port = Port(config.address, objectIdentifier=("network-port", 1), objectName="BACnet/IP")
    if config.bbmd is not None:
        port.bacnetIPMode = IPMode.foreign
        port.fdBBMDAddress = HostNPort(config.bbmd)
        port.fdSubscriptionLifetime = config.bbmd_ttl_s
    device = Device(
        objectIdentifier=("device", config.instance),
        objectName=config.name,
        vendorName="vad-edge",
        modelName="vad-edge",
        firmwareRevision=__version__,
        applicationSoftwareVersion=__version__,
        description="video anomaly detection: alarms of cameras",
    )
    notifications = notification_class(config, destinations(config))
    application: AlarmApplication = AlarmApplication.from_object_list([device, port, notifications, *objects])
    return application


def _refuse_taken(address: Any) -> None:
    """bacpypes3 tries again for ever, in silence, where an address cannot be had."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(address.addrTuple)
        except OSError as error:
            raise ConfigError(
                f"cannot listen on {address.addrTuple[0]}:{address.addrTuple[1]}: {error.strerror}",
                where="bacnet.address",
                fix="give an address of this machine, and a port that is free",
            ) from error
