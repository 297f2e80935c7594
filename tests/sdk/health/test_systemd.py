from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest
from tests.support.service_manager import Notifications

from vad_edge.health.systemd import PATIENCE_S, ServiceManager


def test_each_message_arrives_as_systemd_wants_it(notifications: Notifications) -> None:
    with closing(ServiceManager(notifications.address, 30.0, monotonic=lambda: 12.5)) as manager:
        manager.ready()
        manager.alive()
        manager.reloading()
        manager.stopping()
    assert notifications.receive() == [
        "READY=1",
        "WATCHDOG=1",
        "RELOADING=1\nMONOTONIC_USEC=12500000",
        "STOPPING=1",
    ]


def test_a_kick_for_every_frame_sends_four_in_the_watchdog_s_time(notifications: Notifications) -> None:
    now = 0.0
    with closing(ServiceManager(notifications.address, 4.0, monotonic=lambda: now)) as manager:
        for frame in range(100):
            now = frame / 25
            manager.alive()
    assert notifications.receive() == ["WATCHDOG=1"] * 4


def test_without_a_watchdog_nothing_is_kicked(notifications: Notifications) -> None:
    with closing(ServiceManager(notifications.address)) as manager:
        manager.alive()
    assert notifications.receive() == []


def test_an_abstract_address_is_reached() -> None:
    name = f"vad-edge-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(f"\0{name}")
        with closing(ServiceManager(f"@{name}")) as manager:
            manager.ready()
        assert receiver.recv(64) == b"READY=1"


def test_no_service_manager_is_no_trouble(tmp_path: Path) -> None:
    for address in ("", str(tmp_path / "gone")):
        with closing(ServiceManager(address, 1.0)) as manager:
            manager.ready()
            manager.alive()
        manager.stopping()


def test_a_manager_that_does_not_read_never_holds_up_a_frame(notifications: Notifications) -> None:
    ticks = iter(range(10**9))
    with closing(ServiceManager(notifications.address, 1.0, monotonic=lambda: next(ticks))) as manager:
        began = time.monotonic()
        for _ in range(2000):
            manager.alive()
        assert time.monotonic() - began < PATIENCE_S
        began = time.monotonic()
        manager.stopping()
        assert PATIENCE_S / 2 < time.monotonic() - began < 10 * PATIENCE_S
    assert 0 < len(notifications.receive()) < 2000


@pytest.mark.parametrize(
    ("environment", "watchdog_s"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_the_one_asked_of_this_process(
    environment: Mapping[str, str], watchdog_s: float | None
) -> None:
    assert ServiceManager.from_environment(environment).watchdog_s == watchdog_s
