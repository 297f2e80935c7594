"""What Home Assistant needs to know to show a camera without any YAML: one retained message a camera."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from vad_edge.mqtt.topics import CameraTopics
from vad_edge.version import __version__

BIRTH = b"online"
"""What Home Assistant says on its status topic when it has started."""

Component = dict[str, Any]

_AVAILABLE = "{{ 'online' if value == 'online' else 'offline' }}"
_RISK_EXPIRES_S = 60
_TOLD = ("opened", "raised", "lowered", "cleared", "tampered", "restored")
_BUTTONS = {
    "false_alarm": ("False alarm", "mdi:thumb-down-outline", {"verdict": "false"}),
    "real_alarm": ("Real alarm", "mdi:thumb-up-outline", {"verdict": "true"}),
    "test_alarm": ("It was a test", "mdi:test-tube", {"verdict": "test"}),
}
_MEASURED = {"state_class": "measurement", "suggested_display_precision": 0}
_DIAGNOSTICS: dict[str, tuple[str, str, Component]] = {
    "temperature": (
        "Temperature",
        "hottest_c",
        {"device_class": "temperature", "unit_of_measurement": "°C", **_MEASURED},
    ),
    "cpu": ("CPU load", "cpu_percent", {"unit_of_measurement": "%", "icon": "mdi:chip", **_MEASURED}),
    "gpu": (
        "GPU load",
        "gpu_percent",
        {"unit_of_measurement": "%", "icon": "mdi:expansion-card", **_MEASURED},
    ),
    "memory": (
        "Memory used",
        "memory_percent",
        {"unit_of_measurement": "%", "icon": "mdi:memory", **_MEASURED},
    ),
    "disk": (
        "Disk free",
        "disk_free_mb",
        {"device_class": "data_size", "unit_of_measurement": "MB", **_MEASURED},
    ),
    "power_mode": ("Power mode", "power_mode", {"icon": "mdi:flash"}),
}
"""What the machine tells of itself: name, field of the health message's ``device``, how it is shown."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What Home Assistant may do with a camera. model is the bundle's name, empty without a picture."""

    commands: bool = True
    snapshots: bool = False
    model: str = ""


def status_topic(prefix: str) -> str:
    """Where Home Assistant says that it has started."""
    return f"{prefix}/status"


def device_id(topics: CameraTopics) -> str:
    """The id of the camera's device; site and camera names are limited to what may stand in it."""
    return f"vad-edge_{topics.site}_{topics.camera}"


def discovery_topic(prefix: str, topics: CameraTopics) -> str:
    """The topic of the camera's device-based discovery (Home Assistant 2024.11 and newer)."""
    return f"{prefix}/device/{device_id(topics)}/config"


def discovery(topics: CameraTopics, shown: Shown) -> dict[str, Any]:
    """The discovery message of one camera.

    What is not shown is named with its platform alone, which is how Home Assistant is told to remove what
    an earlier message brought.
    """
    components = {**_states(topics), **_commands(topics, shown), **_pictures(topics, shown)}
    return {
        "device": {
            "identifiers": [device_id(topics)],
            "name": f"{topics.site} {topics.camera}",
            "manufacturer": "vad-edge",
            "model": shown.model or "sensors only",
            "sw_version": __version__,
        },
        "origin": {"name": "vad-edge", "sw_version": __version__},
        "availability": [{"topic": topics.availability, "value_template": _AVAILABLE}],
        "qos": 1,
        "components": {key: _identified(topics, key, each) for key, each in components.items()},
    }


def _identified(topics: CameraTopics, key: str, component: Component) -> Component:
    """The component with its id; one that is to be removed has none."""
    if len(component) == 1:
        return component
    return {"platform": component["platform"], "unique_id": f"{device_id(topics)}_{key}", **component}


def _states(topics: CameraTopics) -> dict[str, Component]:
    level = {
        "state_topic": topics.state,
        "json_attributes_topic": topics.state,
    }
    return {
        "anomaly": _component(
            "binary_sensor",
            "Anomaly",
            device_class="safety",
            value_template="{{ 'ON' if value_json.level in ['warning', 'alarm'] else 'OFF' }}",
            **level,
        ),
        "level": _component(
            "sensor",
            "Level",
            device_class="enum",
            options=["normal", "watch", "warning", "alarm"],
            value_template="{{ value_json.level }}",
            state_topic=topics.state,
        ),
        "risk": _component(
            "sensor",
            "Risk",
            state_topic=topics.risk,
            state_class="measurement",
            suggested_display_precision=1,
            expire_after=_RISK_EXPIRES_S,
            icon="mdi:gauge",
        ),
        "event": _component(
            "event",
            "Incident",
            state_topic=topics.event,
            event_types=list(_TOLD),
            value_template=(
                "{{ {'event_type': value_json.data.kind, 'level': value_json.data.level,"
                " 'incident': value_json.data.incident,"
                " 'rarity': value_json.data.tamper or value_json.data.rarity,"
                " 'test': value_json.data.test} | to_json }}"
            ),
        ),
        "tamper": _component(
            "binary_sensor",
            "Tamper",
            device_class="tamper",
            state_topic=topics.state,
            value_template="{{ 'ON' if value_json.tamper else 'OFF' }}",
        ),
        "armed_by": _component(
            "sensor",
            "Armed by",
            device_class="enum",
            options=["schedule", "command", "maintenance"],
            entity_category="diagnostic",
            state_topic=topics.state,
            value_template="{{ value_json.armed_by }}",
        ),
        "problem": _component(
            "binary_sensor",
            "Problem",
            device_class="problem",
            entity_category="diagnostic",
            state_topic=topics.health,
            json_attributes_topic=topics.health,
            value_template="{{ 'OFF' if value_json.ok else 'ON' }}",
        ),
        **{
            key: _component(
                "sensor",
                name,
                entity_category="diagnostic",
                state_topic=topics.health,
                value_template=f"{{{{ value_json.get('device', {{}}).get('{field}') }}}}",
                **more,
            )
            for key, (name, field, more) in _DIAGNOSTICS.items()
        },
        "slowed_down": _component(
            "binary_sensor",
            "Slowed down by heat",
            device_class="heat",
            entity_category="diagnostic",
            state_topic=topics.health,
            value_template="{{ 'ON' if value_json.get('device', {}).get('slowed_by') else 'OFF' }}",
        ),
        "clock": _component(
            "binary_sensor",
            "Clock kept",
            entity_category="diagnostic",
            state_topic=topics.health,
            value_template=(
                "{{ {true: 'ON', false: 'OFF'}.get(value_json.get('device', {}).get('clock_synced')) }}"
            ),
            icon="mdi:clock-check-outline",
        ),
        "model": _component(
            "sensor",
            "Model",
            entity_category="diagnostic",
            state_topic=topics.state,
            value_template="{{ value_json.model or 'sensors only' }}",
            icon="mdi:brain",
        ),
    }


def _commands(topics: CameraTopics, shown: Shown) -> dict[str, Component]:
    if not shown.commands:
        buttons = {key: {"platform": "button"} for key in (*_BUTTONS, "maintenance")}
        return {"armed": {"platform": "switch"}, **buttons}
    armed = _component(
        "switch",
        "Armed",
        state_topic=topics.state,
        command_topic=topics.command,
        value_template="{{ 'ON' if value_json.armed else 'OFF' }}",
        state_on="ON",
        state_off="OFF",
        payload_on=_command("arm"),
        payload_off=_command("disarm"),
        icon="mdi:shield-home",
    )
    buttons = {
        key: _component(
            "button",
            name,
            command_topic=topics.command,
            payload_press=_command("acknowledge", **more),
            icon=icon,
        )
        for key, (name, icon, more) in _BUTTONS.items()
    }
    maintenance = _component(
        "button",
        "Maintenance for an hour",
        command_topic=topics.command,
        payload_press=_command("maintenance", minutes=60),
        icon="mdi:account-wrench",
    )
    return {"armed": armed, "maintenance": maintenance, **buttons}


def _pictures(topics: CameraTopics, shown: Shown) -> dict[str, Component]:
    image: Component = {"platform": "image"}
    take: Component = {"platform": "button"}
    if shown.snapshots and shown.model:
        # Raw bytes: an `encoding` of the whole message would break the availability.
        image = _component("image", "Snapshot", image_topic=topics.snapshot, content_type="image/jpeg")
        if shown.commands:
            take = _component(
                "button",
                "Take snapshot",
                command_topic=topics.command,
                payload_press=_command("snapshot"),
                icon="mdi:camera",
            )
    return {"snapshot": image, "take_snapshot": take}


def _component(platform: str, name: str, **more: Any) -> Component:
    return {"platform": platform, "name": name, **more}


def _command(command: str, **more: str | int) -> str:
    return json.dumps({"command": command, "by": "home-assistant", **more})
