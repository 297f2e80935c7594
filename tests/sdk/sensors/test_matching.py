from __future__ import annotations

import pytest

from vad_edge.sensors.matching import is_wildcard, topic_matches


@pytest.mark.parametrize(
    ("topic_filter", "topic", "matches"),
    [
        ("home/door", "home/door", True),
        ("home/door", "home/Door", False),
        ("home/+/noise", "home/hall/noise", True),
        ("home/+/noise", "home/noise", False),
        ("home/+", "home/hall/noise", False),
        ("home/+", "home/", True),
        ("home/#", "home/hall/noise", True),
        ("home/#", "home", True),
        ("#", "a/b", True),
        ("#", "$SYS/uptime", False),
        ("+/uptime", "$SYS/uptime", False),
        ("$SYS/#", "$SYS/uptime", True),
        ("+/+", "/a", True),
    ],
)
def test_filters_match_as_mqtt_says(topic_filter: str, topic: str, matches: bool) -> None:
    assert topic_matches(topic_filter, topic) is matches


def test_a_wildcard_is_known_as_one() -> None:
    assert is_wildcard("a/+")
    assert is_wildcard("#")
    assert not is_wildcard("a/b")
