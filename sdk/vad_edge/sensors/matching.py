"""Which MQTT topic filters a topic falls under."""

from __future__ import annotations


def is_wildcard(topic_filter: str) -> bool:
    """Whether the filter stands for more than one topic."""
    return "+" in topic_filter or "#" in topic_filter


def topic_matches(topic_filter: str, topic: str) -> bool:
    """Whether `topic` falls under `topic_filter` (MQTT 5, section 4.7).

    ``+`` stands for one level, ``#`` for all that follow, its parent included; neither stands for a first
    level that begins with ``$``.
    """
    wanted, given = topic_filter.split("/"), topic.split("/")
    if topic.startswith("$") and wanted[0] in ("+", "#"):
        return False
    for place, level in enumerate(wanted):
        if level == "#":
            return True
        if place >= len(given) or level not in ("+", given[place]):
            return False
    return len(wanted) == len(given)
