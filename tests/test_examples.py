from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path

import pytest

import vad_edge
from vad_edge.bundle.archive import read_bundle
from vad_edge.cli.group import COMMANDS
from vad_edge.clock import LiveClock
from vad_edge.config.bridges import BacnetConfig, SparkplugConfig, WebhookConfig
from vad_edge.config.load import load_site
from vad_edge.config.site import BrokerConfig, CameraConfig, PolicyConfig, SensorConfig
from vad_edge.sensors.hub import SensorHub

ROOT = Path(__file__).parents[1]
SITE = ROOT / "examples" / "site.toml"


def test_the_example_site_file_is_valid() -> None:
    site = load_site(SITE)
    assert [camera.name for camera in site.camera] == ["entrance", "yard"]
    assert [sensor.name for sensor in site.sensor] == ["back_door", "sound"]


def test_the_sensors_of_the_example_understand_what_such_devices_send() -> None:
    hub = SensorHub(load_site(SITE).sensor, LiveClock())
    hub.accept("zigbee2mqtt/back_door", b'{"battery": 90, "contact": false, "linkquality": 80}')
    hub.accept("shop/till/sound", b"47.5")
    door, sound = hub.views(0.0)
    assert (door.value, door.status) == (1.0, "ok")
    assert (sound.value, sound.status) == (47.5, "ok")


@pytest.mark.parametrize(
    "table",
    [
        *(BrokerConfig, CameraConfig, PolicyConfig, SensorConfig),
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
    ["README.md", "docs/architecture.md", "docs/buildings.md", "docs/devices.md", "docs/results.md"],
)
def test_links_and_commands_in_the_docs_exist(page: str) -> None:
    text = (ROOT / page).read_text()
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert ((ROOT / page).parent / target).exists(), target
    for verb in re.findall(r"^vad-edge (\w+)", text, re.MULTILINE):
        assert verb in COMMANDS


def test_the_version_in_the_project_file_is_the_packages_own() -> None:
    assert vad_edge.__version__ == version("vad-edge")
