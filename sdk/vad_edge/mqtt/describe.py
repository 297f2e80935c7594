"""Our messages in a line each, for people."""

from __future__ import annotations

from typing import Any

from vad_edge.mqtt.payload import json_object

MAX_TEXT = 160


def describe(leaf: str, payload: bytes) -> str:
    """What a message on the topic that ends in `leaf` says, without anything a terminal would obey."""
    if leaf == "snapshot":
        kind = "JPEG" if payload.startswith(b"\xff\xd8") else "no JPEG"
        return f"{kind}, {len(payload) / 1000:.1f} kB"
    content = json_object(payload)
    try:
        text = "" if content is None or leaf not in _DESCRIBED else _DESCRIBED[leaf](content)
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        text = ""
    return _harmless(text or payload[: 4 * MAX_TEXT].decode("utf-8", "replace"))


def _event(content: dict[str, Any]) -> str:
    data = content["data"]
    test = "TEST " if data.get("test") else ""
    if data.get("tamper"):
        return f"{test}{data['kind']}: {data['tamper']}"
    parts = sorted(data["shares"].items(), key=lambda part: -part[1])[:3]
    why = ", ".join(f"{name} {value:.1f}" for name, value in parts if value >= 0.1)
    risk = f"{data['risk']:.1f} ({why})" if why else f"{data['risk']:.1f}"
    return f"{test}{data['kind']} {data['level']}, risk {risk}; {data['rarity']}"


def _state(content: dict[str, Any]) -> str:
    test = "TEST " if content.get("test") else ""
    armed = "armed" if content["armed"] else "disarmed"
    if content.get("maintenance_until"):
        armed = f"maintenance until {content['maintenance_until']}"
    since = f", since {content['since']}" if content["since"] else ""
    tamper = f", TAMPER {content['tamper']}" if content.get("tamper") else ""
    return f"{test}{content['level']}, {armed}, risk {content['risk']:.1f}{since}{tamper}"


def _health(content: dict[str, Any]) -> str:
    if content["ok"]:
        return "well"
    return "; ".join(f"{each['code']} {each['subject']}: {each['message']}" for each in content["conditions"])


def _command(content: dict[str, Any]) -> str:
    given = [f"{key} {value}" for key, value in content.items() if key != "command" and value]
    return ", ".join([str(content["command"]), *given])


def _result(content: dict[str, Any]) -> str:
    if content["ok"]:
        return f"{content['command']}: done, {'armed' if content['armed'] else 'disarmed'}"
    return f"{content['command']}: refused: {content['reason']}"


_DESCRIBED = {
    "event": _event,
    "event/replay": _event,
    "state": _state,
    "health": _health,
    "command": _command,
    "command/result": _result,
}


def _harmless(text: str) -> str:
    shown = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
    return shown if len(shown) <= MAX_TEXT else f"{shown[: MAX_TEXT - 3]}..."
