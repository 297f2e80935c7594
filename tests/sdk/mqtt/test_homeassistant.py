from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jinja2 import Environment
from jsonschema import Draft202012Validator

import vad_edge.mqtt.publisher as publisher_module
from vad_edge.config.site import BrokerConfig
from vad_edge.events.event import Event, to_cloudevent
from vad_edge.events.store import EventStore
from vad_edge.mqtt.client import MqttClient
from vad_edge.mqtt.command import Command, parse_command
from vad_edge.mqtt.homeassistant import Shown, discovery, discovery_topic
from vad_edge.mqtt.publisher import CameraPublisher, camera_publisher
from vad_edge.mqtt.topics import CameraTopics

TOPICS = CameraTopics("home", "walkway")
CONFIG = "homeassistant/device/vad-edge_home_walkway/config"
SCHEMA = Draft202012Validator(
    json.loads((Path(__file__).parent / "homeassistant_device.schema.json").read_text())
)
STATE = {"level": "alarm", "armed": True, "risk": 5.0, "model": "scene"}


def _render(template: str, payload: str) -> str:
    """What Home Assistant makes of a payload."""
    environment = Environment(autoescape=False)  # noqa: S701 - no HTML
    environment.filters["to_json"] = json.dumps
    try:
        value_json = json.loads(payload)
    except ValueError:
        value_json = None
    return environment.from_string(template).render(value=payload, value_json=value_json)


@pytest.mark.parametrize("commands", [True, False])
@pytest.mark.parametrize("snapshots", [True, False])
@pytest.mark.parametrize("model", ["scene", ""])
def test_the_discovery_is_what_home_assistant_documents(commands: bool, snapshots: bool, model: str) -> None:
    message = discovery(TOPICS, Shown(commands, snapshots, model))
    SCHEMA.validate(message)
    ids = [part["unique_id"] for part in message["components"].values() if "unique_id" in part]
    assert len(ids) == len(set(ids))
    assert message["availability"][0]["topic"] == TOPICS.availability
    assert discovery_topic("homeassistant", TOPICS) == CONFIG


def test_what_is_not_allowed_is_taken_away_from_home_assistant() -> None:
    components = discovery(TOPICS, Shown(commands=False, snapshots=False, model="scene"))["components"]
    for key in ("armed", "false_alarm", "real_alarm", "test_alarm", "snapshot", "take_snapshot"):
        assert list(components[key]) == ["platform"]


def test_the_commands_home_assistant_sends_are_ours() -> None:
    components = discovery(TOPICS, Shown(True, True, "scene"))["components"]
    payloads = [components["armed"]["payload_on"], components["armed"]["payload_off"]]
    payloads += [part["payload_press"] for part in components.values() if part["platform"] == "button"]
    parsed = [parse_command(payload.encode()) for payload in payloads]
    assert all(isinstance(command, Command) for command in parsed)
    assert len(set(payloads)) == 7


@pytest.mark.parametrize(
    ("key", "payload", "shown"),
    [
        ("anomaly", STATE, "ON"),
        ("anomaly", {**STATE, "level": "watch"}, "OFF"),
        ("level", STATE, "alarm"),
        ("armed", STATE, "ON"),
        ("armed", {**STATE, "armed": False}, "OFF"),
        ("model", STATE, "scene"),
        ("model", {**STATE, "model": ""}, "sensors only"),
        ("problem", {"ok": True}, "OFF"),
        ("problem", {"ok": False}, "ON"),
        ("temperature", {"ok": True, "device": {"hottest_c": 51.3}}, "51.3"),
        ("temperature", {"ok": True, "device": {"hottest_c": None}}, "None"),
        ("temperature", {"ok": True}, "None"),
        ("gpu", {"ok": True, "device": {"gpu_percent": 43.7}}, "43.7"),
        ("power_mode", {"ok": True, "device": {"power_mode": "MAXN_SUPER"}}, "MAXN_SUPER"),
        ("slowed_down", {"ok": True, "device": {"slowed_by": ["cpu-throttle-alert"]}}, "ON"),
        ("slowed_down", {"ok": True, "device": {"slowed_by": []}}, "OFF"),
        ("clock", {"ok": True, "device": {"clock_synced": True}}, "ON"),
        ("clock", {"ok": True, "device": {"clock_synced": False}}, "OFF"),
        ("clock", {"ok": True, "device": {"clock_synced": None}}, "None"),
    ],
)
def test_a_payload_is_shown_as_meant(key: str, payload: dict[str, Any], shown: str) -> None:
    component = discovery(TOPICS, Shown(True, True, "scene"))["components"][key]
    assert _render(component["value_template"], json.dumps(payload)) == shown


@pytest.mark.parametrize(
    ("payload", "shown"), [("online", "online"), ("stopped", "offline"), ("offline", "offline")]
)
def test_a_stopped_device_is_unavailable(payload: str, shown: str) -> None:
    assert _render(discovery(TOPICS, Shown())["availability"][0]["value_template"], payload) == shown


def test_an_event_becomes_one_of_home_assistants_event_types(make_event: Callable[..., Event]) -> None:
    component = discovery(TOPICS, Shown())["components"]["event"]
    shown = json.loads(_render(component["value_template"], json.dumps(to_cloudevent(make_event(1)))))
    assert shown["event_type"] in component["event_types"]
    assert shown["test"] is False


@pytest.fixture
def begin(store: EventStore) -> Iterator[Callable[..., CameraPublisher]]:
    made: list[CameraPublisher] = []

    def new(broker: BrokerConfig) -> CameraPublisher:
        made.append(camera_publisher(broker, site="home", camera="walkway", store=store, model="scene"))
        made[-1].start()
        return made[-1]

    yield new
    for publisher in made:
        publisher.stop()


def test_a_camera_is_discovered_and_again_when_home_assistant_starts(
    mosquitto: Any,
    begin: Callable[..., CameraPublisher],
    listen: Callable[..., Any],
    connect: Callable[..., MqttClient],
    monkeypatch: pytest.MonkeyPatch,
    eventually: Callable[..., None],
) -> None:
    monkeypatch.setattr(publisher_module, "_WELCOME_S", 0.2)
    listener = listen(mosquitto.broker, "homeassistant/#", f"{TOPICS.state}").ready()
    publisher = begin(mosquitto.broker)
    eventually(lambda: len(listener.on(CONFIG)) == 1, "the discovery")
    SCHEMA.validate(json.loads(listener.on(CONFIG)[0]))
    assert publisher.client.wait_subscribed(5)
    connect(mosquitto.broker, "ha").publish("homeassistant/status", b"online", qos=1)
    eventually(lambda: len(listener.on(CONFIG)) == 2, "the discovery again")
    late = listen(mosquitto.broker, CONFIG).ready()
    eventually(lambda: late.retained, "the retained discovery")


def test_switched_off_takes_back_what_was_discovered(
    mosquitto: Any,
    begin: Callable[..., CameraPublisher],
    listen: Callable[..., Any],
    eventually: Callable[..., None],
) -> None:
    begin(mosquitto.broker).client.wait_connected(5)
    listener = listen(mosquitto.broker, CONFIG).ready()
    eventually(lambda: listener.on(CONFIG), "the discovery")
    begin(mosquitto.broker.model_copy(update={"discovery": False}))
    eventually(lambda: listener.on(CONFIG)[-1] == b"", "the empty message")
