"""The test beside the bridges of a site: a real BACnet device on loopback, a real HTTP endpoint."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("bacpypes3")

from tests.support.bacnet import Workstation, free_udp_port, until
from tests.support.http_server import serve

from vad_edge.bridges.bacnet.bridge import BacnetBridge
from vad_edge.bridges.webhook.bridge import WebhookBridge
from vad_edge.config.bridges import BacnetConfig, WebhookConfig
from vad_edge.config.site import SensorConfig, SiteConfig
from vad_edge.diagnostics.alarm_test.drive import alarm_test
from vad_edge.diagnostics.finding import Finding
from vad_edge.runtime.loop import run
from vad_edge.runtime.settings import RunSettings

__all__ = ["serve"]

CAMERA = "site"


class InThreads:
    """Runs what runs until it is told to stop."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self, work: Callable[[threading.Event], None]) -> None:
        self._threads.append(threading.Thread(target=work, args=(self._stop,)))
        self._threads[-1].start()

    def end(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(20)


@pytest.fixture
def threads() -> Iterator[InThreads]:
    running = InThreads()
    yield running
    running.end()


def site_of(mosquitto: Any, **tables: Any) -> SiteConfig:
    """A site without cameras, whose sensors are watched."""
    sensor = SensorConfig(name="door", topic="door", kind="binary")
    return SiteConfig(site="shop", broker=mosquitto.broker, sensor=(sensor,), **tables)


def bacnet_table(*recipients: str) -> BacnetConfig:
    return BacnetConfig(address=f"127.0.0.1/24:{free_udp_port()}", instance=7, recipients=recipients)


def bacnet_device(site: SiteConfig, folder: Path) -> Callable[[threading.Event], None]:
    async def serve_it(stop: threading.Event) -> None:
        assert site.bacnet is not None
        await BacnetBridge(site, site.bacnet, site.broker, folder / "bacnet.json").run(stop)

    return lambda stop: asyncio.run(serve_it(stop))


def station_that_hears(port: int, device_port: int, notices: list[str]) -> Callable[[threading.Event], None]:
    """A recipient of notifications, as an operator has one."""

    async def hear(stop: threading.Event) -> None:
        station = Workstation.at(port, device_port)
        await until(lambda: stop.is_set(), "the end", timeout_s=120)
        notices.extend(f"{each.notifyType} to {each.toState}: {each.messageText}" for each in station.notices)
        station.close()

    return lambda stop: asyncio.run(hear(stop))


def port_of(table: BacnetConfig) -> int:
    return int(table.address.partition(":")[2])


def up_to(subject: str, found: Iterator[Finding]) -> list[Finding]:
    """The findings up to the first on a subject; what comes after it is not waited for."""
    kept: list[Finding] = []
    with contextlib.closing(found):  # type: ignore[type-var]
        for each in found:
            kept.append(each)
            if each.subject == subject:
                break
    return kept


def told(found: list[Finding], subject: str) -> str:
    return "\n".join(f"{each.state} {each.text}" for each in found if each.subject == subject)


def test_beside_a_run_the_alarm_goes_through_bacnet_and_webhook_and_its_acknowledgement_comes_back(
    mosquitto: Any,
    threads: InThreads,
    serve: Callable[..., Any],
    listen: Callable[..., Any],
    eventually: Callable[..., None],
    tmp_path: Path,
) -> None:
    server, workstation, notices = serve(), free_udp_port(), list[str]()
    table = bacnet_table(f"127.0.0.1:{workstation}")
    site = site_of(mosquitto, bacnet=table, webhook=WebhookConfig(url=server.url))
    listener = listen(mosquitto.broker, "vad-edge/#").ready()
    threads.start(station_that_hears(workstation, port_of(table), notices))
    threads.start(bacnet_device(site, tmp_path))
    assert site.webhook is not None
    bridge = WebhookBridge(site, site.webhook, site.broker, tmp_path / "webhook.db")
    threads.start(bridge.run)
    settings = RunSettings(site, output=tmp_path)
    threads.start(lambda stop: run(settings, [], stop) and None)
    eventually(lambda: b"online" in listener.on("vad-edge/shop/site/availability"), "the run")

    found = list(alarm_test(site, CAMERA, settings.store_path, tmp_path))

    assert [each for each in found if each.state != "ok"] == []
    bacnet = told(found, "bacnet")
    assert "device,7 answers at 127.0.0.1:" in bacnet
    assert "binary-value,1 is in alarm after" in bacnet
    assert "TEST, site: alarm, risk 4.0, incident" in bacnet
    assert f"told to 127.0.0.1:{workstation}: look there" in bacnet
    for word in ("acknowledged over BACnet", "has passed it on", "has confirmed it", "normal again"):
        assert word in bacnet
    assert f"{server.url} has taken all 3 events" in told(found, "webhook")
    assert [json.loads(request.body)["data"]["kind"] for request in server.requests] == [
        "opened",
        "raised",
        "cleared",
    ]
    threads.end()
    assert [notice.partition(":")[0] for notice in notices] == [
        "alarm to offnormal",
        "ack-notification to offnormal",
        "alarm to normal",
    ]
    assert "TEST, site: alarm" in notices[0]


def test_without_a_run_bacnet_misses_the_heartbeat_of_the_camera_too(
    mosquitto: Any, threads: InThreads, listen: Callable[..., Any], tmp_path: Path
) -> None:
    site = site_of(mosquitto, bacnet=bacnet_table())
    listener = listen(mosquitto.broker, "vad-edge/shop/site/availability").ready()
    threads.start(bacnet_device(site, tmp_path))

    found = list(alarm_test(site, CAMERA, tmp_path / "events.db", tmp_path))

    assert [each for each in found if each.state == "fail"] == []
    bacnet = told(found, "bacnet")
    assert "binary-value,1 is in fault after" in bacnet
    assert "has confirmed it" not in bacnet
    assert found[-1].text.startswith("binary-value,1 is normal again")
    said = listener.on("vad-edge/shop/site/availability")
    assert said == [b"online", b"stopped", b"online", b"offline", b"online", b"stopped"]


def test_bridges_that_are_not_there_are_failures_that_say_what_to_start(
    mosquitto: Any, tmp_path: Path
) -> None:
    site = site_of(mosquitto, bacnet=bacnet_table(), webhook=WebhookConfig(url="http://127.0.0.1:9/"))
    found = up_to("webhook", alarm_test(site, CAMERA, tmp_path / "events.db", tmp_path, arrive_s=1.0))
    failed = {each.subject: each for each in found if each.state == "fail"}
    assert "the bridge has not had 3 of 3 events" in failed["webhook"].text
    assert "start `vad-edge bridge webhook`" in failed["webhook"].fix
    assert "no device answers at 127.0.0.1:" in failed["bacnet"].text
    assert "start `vad-edge bridge bacnet`" in failed["bacnet"].fix


def test_without_bacpypes3_the_alarm_test_says_what_to_install(
    mosquitto: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "vad_edge.bridges.bacnet.client", None)
    site = site_of(mosquitto, bacnet=bacnet_table())
    found = up_to("bacnet", alarm_test(site, CAMERA, tmp_path / "events.db", tmp_path))
    assert found[-1].state == "fail"
    assert found[-1].fix == "pip install 'vad-edge[bacnet]'"


def test_an_endpoint_that_takes_nothing_is_a_failure(
    mosquitto: Any, threads: InThreads, serve: Callable[..., Any], tmp_path: Path
) -> None:
    server = serve()
    server.rules = [server.status(503)] * 50
    site = site_of(mosquitto, webhook=WebhookConfig(url=server.url))
    assert site.webhook is not None
    bridge = WebhookBridge(site, site.webhook, site.broker, tmp_path / "webhook.db")
    threads.start(bridge.run)
    found = up_to("webhook", alarm_test(site, CAMERA, tmp_path / "events.db", tmp_path, arrive_s=3.0))
    assert f"{server.url} has not taken 3 of 3 events" in told(found, "webhook")
