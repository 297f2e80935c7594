"""The device's own address, and its way to other subnets."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("bacpypes3")

from tests.support.bacnet import Meet, Workstation, act, free_udp_port, meet, until

from vad_edge.bridges.bacnet.bridge import BacnetBridge
from vad_edge.config.bridges import BacnetConfig
from vad_edge.config.site import SiteConfig
from vad_edge.errors import ConfigError

__all__ = ["meet"]


def test_a_foreign_device_registers_with_its_bbmd(meet: Meet, speaker: Any) -> None:
    from bacpypes3.app import Application
    from bacpypes3.basetypes import BDTEntry, IPMode
    from bacpypes3.local.device import DeviceObject
    from bacpypes3.local.networkport import NetworkPortObject

    async def story() -> None:
        place = f"127.0.0.1/24:{free_udp_port()}"
        port = NetworkPortObject(place, objectIdentifier=("network-port", 1), objectName="port")
        port.bacnetIPMode = IPMode.bbmd
        port.bbmdAcceptFDRegistrations = True
        port.bbmdForeignDeviceTable = []
        port.bbmdBroadcastDistributionTable = [BDTEntry(place)]
        device = DeviceObject(objectIdentifier=("device", 8), objectName="bbmd")
        bbmd = Application.from_object_list([device, port])
        link = next(iter(bbmd.link_layers.values()))
        async with meet(bbmd=place.replace("/24", ""), bbmd_ttl_s=60):
            await until(lambda: link.bbmdFDT, "the registration")
        assert int(link.bbmdFDT[0].fdTTL) == 60
        bbmd.close()

    act(story, speaker)


def test_an_address_that_is_taken_is_said_at_once(site: SiteConfig, mosquitto: Any, tmp_path: Path) -> None:
    async def story() -> None:
        port = free_udp_port()
        station = Workstation.at(port, port)
        await asyncio.sleep(0.1)
        with pytest.raises(ConfigError, match=f"cannot listen on 127.0.0.1:{port}: Address already in use"):
            BacnetBridge(
                site,
                BacnetConfig(address=f"127.0.0.1/24:{port}", instance=1),
                mosquitto.broker,
                tmp_path / "bacnet.json",
            )
        station.close()

    asyncio.run(story())
