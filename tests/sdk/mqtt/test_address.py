from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vad_edge.errors import ConfigError
from vad_edge.mqtt.address import BrokerAddress, holds_password, parse_broker


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("mqtt://broker", BrokerAddress("broker", 1883, False)),
        ("mqtt://10.0.0.7:2883", BrokerAddress("10.0.0.7", 2883, False)),
        ("mqtts://broker.example.org", BrokerAddress("broker.example.org", 8883, True)),
        ("mqtt://[::1]:1884/", BrokerAddress("::1", 1884, False)),
        ("mqtt://127.0.0.1:1?version=3.1.1", BrokerAddress("127.0.0.1", 1, False, old_protocol=True)),
    ],
)
def test_a_broker_url_gives_host_port_and_tls(url: str, address: BrokerAddress) -> None:
    assert parse_broker(url) == address


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://broker", "'http://broker': not an MQTT URL; give mqtt://host"),
        ("broker:1883", "not an MQTT URL"),
        ("mqtt://", "the host is missing"),
        ("mqtt://a..b", "not a host name"),
        ("mqtt://host:0", "0 is not a port"),
        ("mqtt://host:99999", "Port out of range"),
        ("mqtt://host/topic", "nothing may follow host and port"),
        ("mqtt://host?version=4", "only ?version=3.1.1"),
    ],
)
def test_nonsense_is_refused_with_what_would_do(url: str, message: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        parse_broker(url)
    assert message in str(refusal.value)


def test_credentials_of_a_url_are_read_and_never_shown() -> None:
    address = parse_broker("mqtts://alice:s%40cret@broker:8883")
    assert (address.username, address.password) == ("alice", "s@cret")
    assert "cret" not in f"{address} {address!r}"


@pytest.mark.parametrize("url", ["mqtt://alice:se/cret@broker", "mqtt://:secret@h", "http://a:secret@h"])
def test_a_refused_url_with_credentials_is_not_repeated(url: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        parse_broker(url)
    assert "cret" not in str(refusal.value)


@pytest.mark.parametrize(
    ("url", "holds"),
    [
        ("mqtt://broker:1883", False),
        ("mqtt://alice@broker", False),
        ("mqtt://alice:secret@broker", True),
        ("mqtt://alice:se@cret/@broker", True),
    ],
)
def test_a_password_in_a_url_is_noticed(url: str, holds: bool) -> None:
    assert holds_password(url) is holds


@given(st.one_of(st.text(), st.text().map("mqtt://".__add__), st.text(max_size=8).map("mqtts://h:".__add__)))
@example("mqtt://[")
@example("mqtt://" + "a" * 64)
def test_any_text_is_an_address_or_a_config_error(url: str) -> None:
    try:
        address = parse_broker(url)
    except ConfigError:
        return
    assert 0 < address.port < 65536
    address.host.encode("idna")
