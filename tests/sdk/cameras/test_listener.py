"""A camera's own events, heard from a stand-in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import SecretStr
from tests.sdk.cameras.onvif_server import PASSWORD, USER, OnvifServer

from vad_edge.cameras.client import OnvifClient
from vad_edge.cameras.listener import EventListener
from vad_edge.cameras.login import CameraLogin
from vad_edge.common.retry import Backoff

MOTION = "tns1:RuleEngine/CellMotionDetector/Motion"
INPUT = "tns1:Device/Trigger/DigitalInput"


class Heard:
    """What a listener hands on."""

    def __init__(self) -> None:
        self.said: list[tuple[str, bool]] = []

    def push(self, kind: Any, is_on: bool) -> None:
        self.said.append((kind, is_on))

    def changes(self) -> list[tuple[str, bool]]:
        """Without repetitions."""
        last: dict[str, bool] = {}
        found = []
        for kind, is_on in self.said:
            if last.get(kind) is not is_on:
                found.append((kind, is_on))
            last[kind] = is_on
        return found


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def listen(camera: OnvifServer, heard: Heard) -> Iterator[Callable[..., EventListener]]:
    started: list[EventListener] = []

    def start(password: str = PASSWORD, **options: Any) -> EventListener:
        login = CameraLogin(USER, SecretStr(password))
        listener = EventListener(
            "front",
            lambda: OnvifClient(camera.url, login),
            ["motion", "input"],
            heard.push,
            backoff=Backoff(0.05, 0.1),
            **{"pull_s": 1.0, **options},
        )
        started.append(listener)
        return listener

    yield start
    for listener in started:
        listener.close()


def test_what_the_camera_notices_is_handed_on_in_order(
    camera: OnvifServer, heard: Heard, listen: Callable[..., EventListener]
) -> None:
    camera.notify(MOTION, {"IsMotion": "false"})
    listener = listen()
    assert camera.wait_for(lambda: ("motion", False) in heard.said)
    camera.notify(MOTION, {"IsMotion": "true"})
    camera.notify(MOTION, {"IsMotion": "false"})
    camera.notify(INPUT, {"LogicalState": "true"}, {"InputToken": "1"})
    camera.notify("tns1:Own/Washer", {"State": "true"})
    assert camera.wait_for(lambda: ("input", True) in heard.said and listener.unknown == 1)
    assert heard.changes() == [("motion", False), ("motion", True), ("motion", False), ("input", True)]
    assert listener.problem == ""


def test_how_things_stand_is_handed_on_again_where_nothing_happens(
    camera: OnvifServer, heard: Heard, listen: Callable[..., EventListener]
) -> None:
    camera.notify(MOTION, {"IsMotion": "true"})
    listen()
    assert camera.wait_for(lambda: heard.said.count(("motion", True)) >= 4)
    assert heard.changes() == [("motion", True)]


def test_the_subscription_is_renewed_and_given_back(
    camera: OnvifServer, listen: Callable[..., EventListener]
) -> None:
    listener = listen(lifetime_s=1.0)
    assert camera.wait_for(lambda: camera.calls.count("Renew") >= 2)
    assert camera.calls.count("CreatePullPointSubscription") == 1
    listener.close()
    assert camera.calls.count("Unsubscribe") == 1
    assert camera.subscriptions == {}


def test_one_that_cannot_renew_is_subscribed_to_again_without_a_word(
    camera: OnvifServer, listen: Callable[..., EventListener]
) -> None:
    camera.answers["Renew"] = lambda handler: handler.fault("s:Receiver", "ter:ActionNotSupported", "no")
    listener = listen(lifetime_s=1.0)
    assert camera.wait_for(lambda: camera.calls.count("CreatePullPointSubscription") >= 2)
    assert listener.problem == ""
    assert camera.calls.count("Unsubscribe") >= 1


def test_a_camera_that_starts_again_is_heard_again(
    camera: OnvifServer, heard: Heard, listen: Callable[..., EventListener]
) -> None:
    camera.notify(MOTION, {"IsMotion": "true"})
    listener = listen()
    assert camera.wait_for(lambda: ("motion", True) in heard.said)
    camera.states.clear()
    camera.forget()
    # What was missed is not known: what the camera does not say again is over.
    assert camera.wait_for(lambda: heard.said[-1] == ("motion", False))
    camera.notify(MOTION, {"IsMotion": "true"})
    assert camera.wait_for(lambda: heard.said[-1] == ("motion", True))
    assert listener.problem == ""


def test_a_camera_that_does_not_answer_is_a_problem_until_it_does(
    camera: OnvifServer, listen: Callable[..., EventListener]
) -> None:
    camera.answers["CreatePullPointSubscription"] = b"garbage"
    listener = listen()
    assert camera.wait_for(lambda: listener.problem != "")
    assert "what it answers is no XML" in listener.problem
    del camera.answers["CreatePullPointSubscription"]
    assert camera.wait_for(lambda: listener.problem == "")


def test_a_wrong_password_is_a_problem_and_not_tried_again(
    camera: OnvifServer, listen: Callable[..., EventListener]
) -> None:
    listener = listen("wrong")
    assert camera.wait_for(lambda: listener.problem != "")
    assert "refuses the user admin or the password" in listener.problem
    assert not camera.wait_for(lambda: camera.calls.count("GetServices") > 1, timeout_s=0.4)


def test_messages_that_cannot_be_read_harm_nothing(
    camera: OnvifServer, heard: Heard, listen: Callable[..., EventListener]
) -> None:
    listen()
    assert camera.wait_for(lambda: "PullMessages" in camera.calls)
    camera.hand_out("<wsnt:NotificationMessage/><x/>")
    camera.notify(MOTION, {"IsMotion": "true"})
    assert camera.wait_for(lambda: ("motion", True) in heard.said)


def test_closing_does_not_wait_for_a_camera_that_holds_the_question(
    camera: OnvifServer, listen: Callable[..., EventListener]
) -> None:
    listener = listen(pull_s=20.0)
    assert camera.wait_for(lambda: "PullMessages" in camera.calls)
    listener.close()
    assert not listener._thread.is_alive()
    assert camera.calls[-1] == "Unsubscribe"
