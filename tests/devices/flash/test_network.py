from __future__ import annotations

import configparser
from pathlib import Path

import pytest

from vad_edge.errors import ConfigError
from vad_edge_devices.flash.network import FOLDER, keyfiles, load_network

STATIC = """
[[connection]]
name = "lan"
interface = "eth0"
address = "192.0.2.20/24"
gateway = "192.0.2.1"
dns = ["192.0.2.1", "2001:db8::53"]
"""
WIFI = """
[[connection]]
name = "hall"
kind = "wifi"
ssid = "caf\\u00e9; guests"
password_file = "wifi-password"
"""


def read(tmp_path: Path, text: str) -> dict[str, configparser.ConfigParser]:
    path = tmp_path / "network.toml"
    path.write_text(text)
    found = {}
    for name, item in keyfiles(load_network(path)):
        assert item.mode == 0o600
        parser = configparser.ConfigParser(interpolation=None, delimiters=("=",))
        parser.read_string(item.read().decode())
        found[name.removeprefix(f"{FOLDER}/")] = parser
    return found


def test_a_fixed_address(tmp_path: Path) -> None:
    keyfile = read(tmp_path, STATIC)["vad-edge-lan.nmconnection"]
    assert keyfile["connection"]["type"] == "ethernet"
    assert keyfile["connection"]["interface-name"] == "eth0"
    assert dict(keyfile["ipv4"]) == {
        "method": "manual",
        "address1": "192.0.2.20/24,192.0.2.1",
        "dns": "192.0.2.1;",
    }
    assert dict(keyfile["ipv6"]) == {"method": "auto", "dns": "2001:db8::53;"}


def test_a_wifi_asks_for_its_address_and_has_its_password_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "wifi-password").write_text("back\\slash and space\n")
    keyfile = read(tmp_path, WIFI)["vad-edge-hall.nmconnection"]
    assert bytes(map(int, keyfile["wifi"]["ssid"].rstrip(";").split(";"))).decode() == "café; guests"
    assert keyfile["wifi-security"]["psk"] == "back\\\\slash\\sand\\sspace"
    assert keyfile["ipv4"]["method"] == keyfile["ipv6"]["method"] == "auto"


def test_the_same_connection_has_the_same_id_every_time(tmp_path: Path) -> None:
    ids = [read(tmp_path, STATIC)["vad-edge-lan.nmconnection"]["connection"]["uuid"] for _ in range(2)]
    assert ids[0] == ids[1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (STATIC.replace('192.0.2.1"\ndns', '198.51.100.1"\ndns'), "is not in 192.0.2.0/24"),
        (STATIC.replace("/24", "/99"), "address"),
        (STATIC + STATIC, "a name is given twice"),
        (STATIC.replace('name = "lan"', 'name = "a/../b"'), "name"),
        (STATIC.replace("gateway", "gate"), "gate"),
        (STATIC + 'kind = "wifi"\n', "a wifi has an ssid"),
        (STATIC + 'password = "secret"\n', "password"),
        (WIFI, "the password cannot be read"),
        ("[[connection", "not valid TOML"),
        ("", "connection"),
    ],
)
def test_what_cannot_be_a_network_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read(tmp_path, text)


@pytest.mark.parametrize("password", ["short", "x" * 65, "täter täter", "tab\there tab"])
def test_what_cannot_be_a_password_is_refused_without_being_shown(tmp_path: Path, password: str) -> None:
    (tmp_path / "wifi-password").write_text(password)
    with pytest.raises(ConfigError, match="it holds no Wi-Fi password") as caught:
        read(tmp_path, WIFI)
    assert password not in str(caught.value)
