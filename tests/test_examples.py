from __future__ import annotations

import json
import re
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from jinja2 import Environment

import vad_edge
from vad_edge.bundle.archive import read_bundle
from vad_edge.cli.app import COMMANDS
from vad_edge.clock import LiveClock
from vad_edge.config.bridges import BacnetConfig, SparkplugConfig, WebhookConfig
from vad_edge.config.load import load_site
from vad_edge.config.onvif import OnvifConfig
from vad_edge.config.site import BrokerConfig, CameraConfig, PolicyConfig, SensorConfig
from vad_edge.mqtt.command import Command, parse_command
from vad_edge.mqtt.topics import CameraTopics
from vad_edge.sensors.hub import SensorHub

ROOT = Path(__file__).parents[1]
SITE = ROOT / "examples" / "site.toml"


def test_the_example_site_file_is_valid() -> None:
    site = load_site(SITE)
    assert [camera.name for camera in site.camera] == ["entrance", "yard"]
    assert [sensor.name for sensor in site.sensor] == [
        "back_door",
        "sound",
        "counter",
        "lights",
        "key_switch",
        "yard_line",
    ]


def test_the_sensors_of_the_example_understand_what_such_devices_send() -> None:
    hub = SensorHub(load_site(SITE).sensor, LiveClock())
    hub.accept("zigbee2mqtt/back_door", b'{"battery": 90, "contact": false, "linkquality": 80}')
    hub.accept("shop/till/sound", b"47.5")
    hub.accept("yard-camera/onvif-ej/RuleEngine/LineDetector/Crossed/main/1", b'{"Data": {"ObjectId": "7"}}')
    hub.accept("shop/key", b'{"armed": "off", "sent": "2020-01-01T00:00:00Z"}')
    door, sound, *_, line = hub.views(0.0)
    assert (line.value, line.status) == (1.0, "ok")
    assert (door.value, door.status) == (1.0, "ok")
    assert (sound.value, sound.status) == (47.5, "ok")
    assert hub.gated("entrance", 0.0)
    assert [fault.code for fault in hub.faults(0.0)] == ["sensor_skewed"]


@pytest.mark.parametrize(
    "table",
    [
        *(BrokerConfig, CameraConfig, OnvifConfig, PolicyConfig, SensorConfig),
        *(BacnetConfig, WebhookConfig, SparkplugConfig),
    ],
)
def test_the_example_shows_every_key(table: type) -> None:
    text = SITE.read_text()
    rare = {"client_id", "calibration", "fps"}
    assert [
        name for name in table.model_fields if name not in rare and not re.search(rf"\b{name}\b", text)
    ] == []


def test_the_shipped_ped2_bundle_is_whole_and_labelled_as_research() -> None:
    bundle = read_bundle(ROOT / "examples" / "bundles" / "ped2.vadb")
    manifest = bundle.manifest
    assert "research only" in manifest.provenance.license
    assert not manifest.provenance.synthetic
    assert all(graph.calibration is not None for graph in manifest.graphs)


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "docs/architecture.md",
        "docs/buildings.md",
        "docs/cameras.md",
        "docs/devices.md",
        "docs/mqtt.md",
        "docs/plugins.md",
        "docs/results.md",
        "docs/sensors.md",
    ],
)
def test_links_and_commands_in_the_docs_exist(page: str) -> None:
    text = (ROOT / page).read_text()
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert ((ROOT / page).parent / target).exists(), target
    for verb in re.findall(r"^vad-edge (\w+)", text, re.MULTILINE):
        assert verb in COMMANDS


def test_the_home_assistant_example_listens_and_answers_where_the_camera_does() -> None:
    text = (ROOT / "examples" / "home-assistant" / "automation.yaml").read_text()
    automation = yaml.safe_load(text)
    (trigger,) = automation["triggers"]
    assert trigger["entity_id"] == "event.shop_entrance_incident"
    answer = automation["actions"][-1]["data"]
    assert answer["topic"] == CameraTopics("shop", "entrance").command
    environment = Environment(autoescape=False)  # noqa: S701 - no HTML
    environment.filters["to_json"] = json.dumps
    action = {"event": {"data": {"action": "no"}}}
    payload = environment.from_string(answer["payload"]).render(
        told={"incident": "i-1"}, wait={"trigger": action}, false_alarm="no"
    )
    assert parse_command(payload.encode()) == Command(
        command="acknowledge", incident="i-1", by="phone", verdict="false"
    )


def test_the_version_in_the_project_file_is_the_packages_own() -> None:
    assert vad_edge.__version__ == version("vad-edge")
