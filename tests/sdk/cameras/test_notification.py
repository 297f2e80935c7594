"""Messages of a pull point, and how things stand by them."""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree.ElementTree import Element

from hypothesis import given
from hypothesis import strategies as st
from tests.sdk.cameras.onvif_server import NAMESPACES, message

from vad_edge.cameras.notification import MOST_STATES, CameraStates, Notification, read_notifications
from vad_edge.cameras.soap import parse_xml
from vad_edge.config.onvif import EventKind
from vad_edge.errors import CameraError

MOTION = "tns1:RuleEngine/CellMotionDetector/Motion"
PATH = "RuleEngine/CellMotionDetector/Motion"
INPUT = "Device/Trigger/DigitalInput"


def answer(*messages: str) -> Element:
    return parse_xml(
        f"<s:PullMessagesResponse {NAMESPACES}>{''.join(messages)}</s:PullMessagesResponse>".encode(),
        where="x",
    )


def event(
    path: str, source: str = "", *, is_state: bool = True, deleted: bool = False, **data: str
) -> Notification:
    return Notification(path, source, data, is_state, deleted)


def test_messages_are_read_in_order() -> None:
    found = read_notifications(
        answer(
            message(MOTION, {"IsMotion": "true"}, {"Rule": "r", "Source": "main"}, "Initialized"),
            message(MOTION, {"IsMotion": "false"}, None, "Deleted"),
            message(MOTION, {"IsMotion": "false"}, None, ""),
        )
    )
    assert found == [
        Notification(PATH, "Rule=r,Source=main", {"IsMotion": "true"}),
        Notification(PATH, "Source=main", {"IsMotion": "false"}, deleted=True),
        Notification(PATH, "Source=main", {"IsMotion": "false"}, is_state=False),
    ]


NO_TEXT = "<wsnt:NotificationMessage><wsnt:Topic>a</wsnt:Topic></wsnt:NotificationMessage>"


def test_what_is_no_message_is_left_out() -> None:
    assert read_notifications(answer("<wsnt:NotificationMessage/>", NO_TEXT, "<x/>")) == []


ELEMENTS = ("wsnt:NotificationMessage", "wsnt:Topic", "wsnt:Message", "tt:Message", "tt:Data")
PARTS = [
    *(f"<{name}>" for name in ELEMENTS),
    *(f"</{name}>" for name in ELEMENTS),
    '<tt:SimpleItem Name="State"/>',
    "VideoSource/MotionAlarm",
]


@given(st.lists(st.sampled_from(PARTS), max_size=12))
def test_any_tree_gives_messages_or_none(parts: list[str]) -> None:
    states = CameraStates(["motion"])
    try:
        root = answer(*parts)
    except CameraError:
        return
    for found in read_notifications(root):
        states.take(found)


def test_a_kind_is_on_while_one_of_its_sources_is() -> None:
    states = CameraStates(["input"])
    assert states.take(event(INPUT, "1", LogicalState="true")) == [("input", True)]
    assert states.take(event(INPUT, "2", LogicalState="true")) == [("input", True)]
    assert states.take(event(INPUT, "1", LogicalState="false")) == [("input", True)]
    assert states.take(event(INPUT, "2", deleted=True)) == [("input", False)]
    assert states.standing() == [("input", False)]


def test_what_happened_once_is_on_and_off() -> None:
    states = CameraStates(["line"])
    crossed = event("RuleEngine/LineDetector/Crossed", is_state=False, ObjectId="7")
    assert states.take(crossed) == [("line", True), ("line", False)]
    assert states.take(event("RuleEngine/LineDetector/Crossed", is_state=False, State="false")) == []


def test_states_that_mean_nothing_to_us_are_counted() -> None:
    states = CameraStates(["motion"])
    assert states.take(event("Own/Washer/Empty", State="true")) == []
    assert states.take(event("Own/Washer/Level", Level="0.7")) == []
    assert states.take(event("Device/Trigger/Relay", LogicalState="active")) == []
    assert states.take(event(INPUT, LogicalState="true")) == []  # known, and not followed
    assert states.unknown == 1
    assert states.standing() == []


def test_after_a_pause_nothing_is_on_until_the_camera_says_so() -> None:
    states = CameraStates(["motion"])
    states.take(event(PATH, IsMotion="true"))
    states.forget()
    assert states.standing() == [("motion", False)]


def test_a_camera_with_endless_sources_fills_no_memory() -> None:
    states = CameraStates(["motion"])
    for number in range(MOST_STATES + 50):
        states.take(event(PATH, str(number), IsMotion="true"))
    for number in range(MOST_STATES):
        states.take(event(PATH, str(number), IsMotion="false"))
    assert states.standing() == [("motion", False)]


@given(
    st.lists(
        st.tuples(
            st.sampled_from("ab"), st.sampled_from(["true", "false", "", "x"]), st.booleans(), st.booleans()
        )
    )
)
def test_what_stands_is_the_or_of_what_each_source_said_last(said: list[tuple[str, str, bool, bool]]) -> None:
    states, expected = CameraStates(["motion"]), dict[str, bool]()
    for source, word, is_state, deleted in said:
        states.take(event(PATH, source, is_state=is_state, deleted=deleted, IsMotion=word))
        if deleted:
            expected.pop(source, None)
        elif is_state and word in ("true", "false"):
            expected[source] = word == "true"
    standing: Mapping[EventKind, bool] = dict(states.standing())
    assert standing.get("motion", False) is any(expected.values())
