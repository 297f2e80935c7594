"""An output of a stand-in for a camera, switched."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from pydantic import SecretStr
from tests.sdk.cameras.onvif_server import PASSWORD, USER, OnvifServer

from vad_edge.cameras.client import OnvifClient
from vad_edge.cameras.login import CameraLogin
from vad_edge.cameras.relay import RelayOutput
from vad_edge.common.retry import Backoff

ON, OFF = ("relay1", "active"), ("relay1", "inactive")


@pytest.fixture
def output(camera: OnvifServer) -> Iterator[Callable[..., RelayOutput]]:
    started: list[RelayOutput] = []

    def start(name: str = "relay1", password: str = PASSWORD) -> RelayOutput:
        login = CameraLogin(USER, SecretStr(password))
        relay = RelayOutput("front", name, lambda: OnvifClient(camera.url, login), backoff=Backoff(0.05, 0.1))
        started.append(relay)
        return relay

    yield start
    for relay in started:
        relay.close()


def test_an_output_follows_what_is_wanted_and_ends_inactive(
    camera: OnvifServer, output: Callable[..., RelayOutput]
) -> None:
    relay = output()
    assert camera.wait_for(lambda: camera.relays == [OFF])  # whoever left it active before
    relay.want(True)
    relay.want(True)
    assert camera.wait_for(lambda: camera.relays == [OFF, ON])
    relay.close()
    assert camera.relays == [OFF, ON, OFF]
    assert relay.problem == ""


def test_one_that_fails_is_tried_until_it_is_as_it_should_be(
    camera: OnvifServer, output: Callable[..., RelayOutput]
) -> None:
    relay = output()
    assert camera.wait_for(lambda: camera.relays == [OFF])
    camera.answers["SetRelayOutputState"] = b"garbage"
    relay.want(True)
    assert camera.wait_for(lambda: "no XML" in relay.problem)
    del camera.answers["SetRelayOutputState"]
    assert camera.wait_for(lambda: camera.relays == [OFF, ON] and relay.problem == "")


def test_only_what_is_wanted_last_is_done(camera: OnvifServer, output: Callable[..., RelayOutput]) -> None:
    camera.answers["SetRelayOutputState"] = b"garbage"
    relay = output()
    assert camera.wait_for(lambda: relay.problem != "")
    relay.want(True)
    relay.want(False)
    del camera.answers["SetRelayOutputState"]
    assert camera.wait_for(lambda: camera.relays != [])
    assert camera.relays == [OFF]


def test_an_output_that_is_not_there_is_a_problem_from_the_beginning(
    camera: OnvifServer, output: Callable[..., RelayOutput]
) -> None:
    relay = output("relay9")
    assert camera.wait_for(lambda: "unknown relay token" in relay.problem)


def test_a_wrong_password_is_not_tried_again(camera: OnvifServer, output: Callable[..., RelayOutput]) -> None:
    relay = output(password="wrong")  # noqa: S106
    assert camera.wait_for(lambda: "refuses the user" in relay.problem)
    relay.want(True)
    assert not camera.wait_for(lambda: camera.calls.count("SetRelayOutputState") > 1, timeout_s=0.4)


def test_the_end_says_so_where_the_output_may_still_be_active(
    camera: OnvifServer, output: Callable[..., RelayOutput], caplog: pytest.LogCaptureFixture
) -> None:
    relay = output()
    relay.want(True)
    assert camera.wait_for(lambda: camera.relays[-1:] == [ON])
    camera.answers["SetRelayOutputState"] = b"garbage"
    relay.close()
    assert not relay._thread.is_alive()
    assert "output relay1 may still be active at the end" in caplog.text
