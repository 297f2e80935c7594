"""What ONVIF events mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vad_edge.sensors.onvif import is_output, kind_of, topic_path, truth_of


@pytest.mark.parametrize(
    ("topic", "items", "kind"),
    [
        ("tns1:RuleEngine/CellMotionDetector/Motion", {"IsMotion": "true"}, "motion"),
        ("tns1:RuleEngine/CellMotionDetector/Motion/Region1", {"IsMotion": "true"}, "motion"),
        ("tns1:VideoSource/MotionAlarm", {"State": "true"}, "motion"),
        ("tns1:RuleEngine/MyRuleDetector/PeopleDetect", {"State": "true"}, "person"),
        ("tns1:RuleEngine/FieldDetector/ObjectsInside", {"IsInside": "1"}, "intrusion"),
        ("tns1:VideoSource/tns1:GlobalSceneChange/ImagingService", {"State": "1"}, "tamper"),
        ("tns1:Device/Trigger/DigitalInput", {"LogicalState": "true"}, "input"),
        ("tns1:RuleEngine/TPSmartEventDetector/TPSmartEvent", {"IsPeople": "true"}, "person"),
        ("tns1:RuleEngine/CellMotionDetector", {}, None),
        ("tns1:Device/Trigger/Relay", {"LogicalState": "active"}, None),
        ("tns1:VideoSource/ImageTooDark/ImagingService", {"State": "true"}, None),
        ("", {}, None),
    ],
)
def test_a_topic_says_what_an_event_is_about(topic: str, items: dict[str, str], kind: str | None) -> None:
    assert kind_of(topic_path(topic), items) == kind


@pytest.mark.parametrize(
    ("items", "truth"),
    [
        ({"State": "true"}, True),
        ({"State": "0"}, False),
        ({"IsMotion": False}, False),
        ({"LogicalState": "active"}, True),
        ({"ObjectId": "1", "IsInside": "false"}, False),
        ({"Alarm": "TRUE"}, True),
        ({"ObjectId": "1"}, None),
        ({"Level": "0.5"}, None),
        ({"IsPeople": "false", "IsVehicle": "true"}, True),
        ({}, None),
    ],
)
def test_items_say_how_things_stand(items: dict[str, object], truth: bool | None) -> None:
    assert truth_of(items) is truth


def test_an_output_is_no_news_from_the_world() -> None:
    assert is_output(topic_path("tns1:Device/Trigger/Relay"))
    assert not is_output(topic_path("tns1:Device/Trigger/DigitalInput"))


@given(
    st.text(max_size=80),
    st.dictionaries(st.text(max_size=10), st.text(max_size=10) | st.integers() | st.none()),
)
def test_any_topic_with_any_items_is_known_or_not(topic: str, items: dict[str, object]) -> None:
    path = topic_path(topic)
    assert kind_of(path, items) is None or path or items
    assert truth_of(items) in (True, False, None)
