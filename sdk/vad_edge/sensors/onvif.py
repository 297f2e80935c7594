"""What ONVIF events mean: topics to kinds, items to values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from vad_edge.config.onvif import EventKind

MQTT_LEVEL: Final = "onvif-ej"
"""The level of an MQTT topic that says that JSON events of ONVIF lie below."""

_KINDS: Final[Mapping[str, EventKind]] = {
    "VideoSource/MotionAlarm": "motion",
    "RuleEngine/CellMotionDetector/Motion": "motion",
    "RuleEngine/MotionRegionDetector/Motion": "motion",
    "VideoAnalytics/Motion": "motion",
    "RuleEngine/CellMotionDetector/People": "person",
    "RuleEngine/PeopleDetector/People": "person",
    "RuleEngine/MyRuleDetector/PeopleDetect": "person",
    "RuleEngine/MyRuleDetector/HumanShapeDetect": "person",
    "RuleEngine/MyRuleDetector/Visitor": "person",
    "UserAlarm/IVA/HumanShapeDetect": "person",
    "RuleEngine/MyRuleDetector/VehicleDetect": "vehicle",
    "RuleEngine/MyRuleDetector/DogCatDetect": "animal",
    "RuleEngine/MyRuleDetector/FaceDetect": "face",
    "RuleEngine/FieldDetector/ObjectsInside": "intrusion",
    "RuleEngine/CellMotionDetector/Intrusion": "intrusion",
    "RuleEngine/LineDetector/Crossed": "line",
    "RuleEngine/CellMotionDetector/LineCross": "line",
    "RuleEngine/LoiteringDetector/ObjectIsLoitering": "loitering",
    "AudioAnalytics/Audio/DetectedSound": "sound",
    "VideoSource/GlobalSceneChange": "tamper",
    "RuleEngine/TamperDetector/Tamper": "tamper",
    "RuleEngine/CellMotionDetector/Tamper": "tamper",
    "Device/Trigger/DigitalInput": "input",
}
"""By the beginning of a topic: some have the service or the rule below it."""

_BY_ITEM: Final[Mapping[str, EventKind]] = {
    "IsMotion": "motion",
    "IsPeople": "person",
    "IsVehicle": "vehicle",
    "IsPet": "animal",
    "IsFace": "face",
    "IsIntrusion": "intrusion",
    "IsLineCross": "line",
    "IsSoundDetected": "sound",
    "IsTamper": "tamper",
}
"""Where a topic says nothing, since one topic carries all that a camera recognises."""

# What a relay does is what we asked of it, or the camera's own answer to its own events.
_NOT_SENSED: Final = frozenset(("Device/Trigger/Relay", "Device/Trigger/RelayOutput"))

_WORDS: Final = {"true": True, "false": False, "active": True, "inactive": False}
_DIGITS: Final = {"1": True, "0": False}


def topic_path(topic: str) -> str:
    """A topic without the prefixes of its namespaces.

    >>> topic_path("tns1:RuleEngine/CellMotionDetector/Motion")
    'RuleEngine/CellMotionDetector/Motion'
    """
    return "/".join(level.rpartition(":")[2] for level in topic.strip().split("/"))


def kind_of(path: str, data: Mapping[str, object]) -> EventKind | None:
    """What an event of this topic and these items is about; None for what is not known."""
    levels = path.split("/")
    for length in range(len(levels), 1, -1):
        kind = _KINDS.get("/".join(levels[:length]))
        if kind is not None:
            return kind
    if is_output(path):
        return None
    return next((_BY_ITEM[name] for name in data if name in _BY_ITEM), None)


def is_output(path: str) -> bool:
    """Whether a topic tells what a relay does, which is no news from the world."""
    return path in _NOT_SENSED


def truth_of(data: Mapping[str, object]) -> bool | None:
    """Whether an event's items say that something is the case; None where none of them does.

    Items named ``State``, ``LogicalState`` or ``Is...`` come first, else any that is true or false counts.

    >>> truth_of({"ObjectId": "1", "IsInside": "false"})
    False
    """
    named = [_truth(value, digits=True) for name, value in data.items() if _is_state(name)]
    found = [each for each in named if each is not None]
    if not found:
        found = [each for value in data.values() if (each := _truth(value, digits=False)) is not None]
    return any(found) if found else None


def state_item(data: Mapping[str, object]) -> object | None:
    """The value of the one item that says how things stand; None where it is not clear which does.

    >>> state_item({"ObjectId": "1", "IsInside": "false"})
    'false'
    """
    named = [value for name, value in data.items() if _is_state(name)]
    values = named or list(data.values())
    return values[0] if len(values) == 1 else None


def _is_state(name: str) -> bool:
    return name in ("State", "LogicalState") or (name.startswith("Is") and name[2:3].isupper())


def _truth(value: object, *, digits: bool) -> bool | None:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower() if isinstance(value, (str, int)) else ""
    return _WORDS.get(word, _DIGITS.get(word) if digits else None)
