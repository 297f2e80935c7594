"""A bridge of a plug-in hears the cameras of its site and acknowledges their incidents."""

from __future__ import annotations

import json
import threading
from pathlib import Path

from tests.support.mosquitto import Mosquitto, wait_until

from vad_edge.bridges.plugin import BridgeContext
from vad_edge.config.site import CameraConfig, SiteConfig
from vad_edge.mqtt.client import MqttClient


def test_what_the_cameras_say_is_delivered_and_an_incident_is_acknowledged(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    site = SiteConfig(
        site="shop",
        camera=(CameraConfig(name="door"),),
        broker=mosquitto.broker,
        bridge={"pager": {"number": 1}},
    )
    context = BridgeContext("pager", site, mosquitto.broker, tmp_path, threading.Event())
    assert (context.site, context.cameras, context.settings) == ("shop", ("door",), {"number": 1})
    heard: list[tuple[str, str, bytes]] = []
    commands: list[bytes] = []
    outside = MqttClient(
        mosquitto.broker, client_id="outside", on_message=lambda topic, payload: commands.append(payload)
    )
    outside.subscribe("vad-edge/shop/door/command")
    outside.start()
    try:
        with context.listen(lambda *message: heard.append(message), ["event"]) as acknowledge:
            wait_until(lambda: outside.connected, "the connection")

            def spoken() -> bool:
                outside.publish("vad-edge/shop/door/event", b"fire", qos=1)
                outside.publish("vad-edge/shop/elsewhere/event", b"other", qos=1)
                return bool(heard)

            wait_until(spoken, "the message")

            def acknowledged() -> bool:
                acknowledge("door", "i-1")
                return bool(commands)

            wait_until(acknowledged, "the command")
    finally:
        outside.stop()
    assert set(heard) == {("door", "event", b"fire")}
    said = json.loads(commands[0])
    assert (said["command"], said["incident"], said["by"]) == ("acknowledge", "i-1", "pager")


def test_a_bridge_without_a_table_has_no_settings(tmp_path: Path) -> None:
    site = SiteConfig(camera=(CameraConfig(name="door"),))
    assert BridgeContext("pager", site, site.broker, tmp_path, threading.Event()).settings == {}
