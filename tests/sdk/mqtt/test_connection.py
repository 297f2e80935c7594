from __future__ import annotations

from collections.abc import Callable

import paho.mqtt.client as paho
import pytest
from tests.support.mosquitto import Mosquitto

from vad_edge.mqtt.client import MqttClient


def test_a_connection_that_is_closed_while_it_opens_starts_no_thread(
    mosquitto: Mosquitto, connect: Callable[..., MqttClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = connect(mosquitto.broker, "closed", start=False)
    connection = client._new_connection(client._protocol)
    opened = paho.Client.connect

    def connect_and_close(self: paho.Client, *arguments: object, **options: object) -> object:
        answer = opened(self, *arguments, **options)  # type: ignore[arg-type]
        connection.close()
        return answer

    monkeypatch.setattr(paho.Client, "connect", connect_and_close)
    started: list[paho.Client] = []
    monkeypatch.setattr(paho.Client, "loop_start", started.append)
    assert connection.open() is not None
    assert started == []


@pytest.mark.parametrize("end", ["close", "fall_silent"])
def test_a_network_thread_that_ends_by_itself_while_it_is_stopped_is_no_failure(
    end: str, mosquitto: Mosquitto, connect: Callable[..., MqttClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = connect(mosquitto.broker, "ending", start=False)
    connection = client._new_connection(client._protocol)
    assert connection.open() is None
    network = connection._paho._thread
    assert network is not None

    def end_it_first(self: paho.Client, value: bool) -> None:
        """As on a busy machine: from here to the next line of the stopping thread, paho's own has ended."""
        vars(self)["_thread_terminate"] = value
        if value:
            self.disconnect()
            network.join()

    terminate = property(lambda self: vars(self)["_thread_terminate"], end_it_first)
    monkeypatch.setattr(paho.Client, "_thread_terminate", terminate, raising=False)
    getattr(connection, end)()
    assert connection._paho._thread is None
    connection.close()
