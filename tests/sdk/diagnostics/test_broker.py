from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support.certificates import authority, signed

from vad_edge.config.site import BrokerConfig, CameraConfig, SensorConfig, SiteConfig
from vad_edge.diagnostics import broker as broker_check
from vad_edge.diagnostics.broker import check_broker
from vad_edge.diagnostics.finding import Finding


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_check, "CONNECT_S", 5.0)
    monkeypatch.setattr(broker_check, "ANSWER_S", 1.0)


def look(broker: BrokerConfig, **more: Any) -> dict[str, Finding]:
    site = SiteConfig(
        site="shop",
        camera=(CameraConfig(name="front", source=0),),
        sensor=(SensorConfig(name="door", topic="door/+", kind="binary"),),
        broker=broker.model_copy(update=more),
    )
    return {finding.subject: finding for finding in check_broker(site)}


def states(findings: dict[str, Finding]) -> dict[str, str]:
    return {subject: finding.state for subject, finding in findings.items()}


def test_a_good_broker_passes_and_the_missing_discovery_is_named(mosquitto: Any) -> None:
    found = look(mosquitto.broker)
    assert states(found) == {
        "connect": "ok",
        "subscribe": "ok",
        "publish front": "ok",
        "retain": "ok",
        "discovery": "ok",
        "discovery front": "warn",
    }
    assert found["connect"].text.endswith("accepts us without a user name, MQTT 5")


def test_a_check_leaves_nothing_behind(mosquitto: Any, listen: Callable[..., Any]) -> None:
    look(mosquitto.broker)
    late = listen(mosquitto.broker, "#").ready()
    assert late.retained == []


def test_no_broker_there_ends_the_check_with_the_reason() -> None:
    found = look(BrokerConfig(url="mqtt://127.0.0.1:1"))
    assert states(found) == {"connect": "fail"}
    assert "1883 is usual for mqtt://" in found["connect"].fix


def test_settings_that_cannot_be_used_are_a_finding(tmp_path: Path) -> None:
    found = look(BrokerConfig(url="mqtt://h", username="cam", password_file=tmp_path / "none"))
    assert "cannot read the password" in found["settings"].text


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_a_topic_the_acl_forbids_is_found_even_where_the_broker_does_not_say(
    new_mosquitto: Callable[..., Any], tmp_path: Path, version: str
) -> None:
    acl = tmp_path / "acl"
    acl.write_text("topic read vad-edge/#\ntopic readwrite homeassistant/#\n")
    mosquitto = new_mosquitto(f"allow_anonymous true\nacl_file {acl}\n")
    mosquitto.start()
    found = look(BrokerConfig(url=f"{mosquitto.broker.address}?version={version}"))
    assert found["publish front"].state == "fail"
    assert "ACL" in found["publish front"].fix
    assert found["discovery"].state == "ok"


def test_mqtt_3_1_1_is_worth_a_warning(mosquitto: Any) -> None:
    found = look(BrokerConfig(url=f"{mosquitto.broker.address}?version=3.1.1"))
    assert found["connect"].state == "warn"
    assert "cannot say that an ACL forbids a topic" in found["connect"].text


def test_a_broker_that_keeps_nothing_is_found(new_mosquitto: Callable[..., Any]) -> None:
    mosquitto = new_mosquitto("allow_anonymous true\nretain_available false\n")
    mosquitto.start()
    assert look(mosquitto.broker)["retain"].state == "fail"


@pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning"
)
def test_tls_is_looked_at_before_anything_else(new_mosquitto: Callable[..., Any], tmp_path: Path) -> None:
    ca = authority(tmp_path)
    server = signed(tmp_path, ca, "server")
    mosquitto = new_mosquitto(f"allow_anonymous true\ncertfile {server.certificate}\nkeyfile {server.key}\n")
    mosquitto.start()
    url = mosquitto.broker.address.replace("mqtt:", "mqtts:")
    assert states(look(BrokerConfig(url=url))) == {"tls": "fail"}
    found = look(BrokerConfig(url=url, ca_file=ca.certificate))
    assert found["tls"].state == "warn"
    assert "TLSv1.3, its certificate is trusted and ends on" in found["tls"].text
    assert found["connect"].state == "ok"


def test_plain_mqtt_over_a_network_is_worth_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_check, "CONNECT_S", 0.1)
    found = look(BrokerConfig(url="mqtt://nowhere.invalid"))
    assert found["tls"].state == "warn"
    assert "can be read and changed on the way" in found["tls"].text
