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
