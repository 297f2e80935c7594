from __future__ import annotations

import json
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vad_edge.clock import LiveClock, MediaClock
from vad_edge.config.site import SensorConfig
from vad_edge.sensors.hub import SensorHub, StreamView

DOOR = SensorConfig(name="door", topic="home/door", kind="binary", cameras=("front",))
NOISE = SensorConfig(name="noise", topic="home/+/noise", kind="analog", unit="dB", period_s=1)


class _SetClock(LiveClock):
    time_s = 0.0

    def now(self) -> float:
        return self.time_s


def _view(hub: SensorHub, name: str, time_s: float) -> StreamView:
    return next(view for view in hub.views(time_s) if view.name == name)


def test_topics_are_listed_once_for_streams_that_share_one() -> None:
    twin = DOOR.model_copy(update={"name": "twin"})
    hub = SensorHub([DOOR, twin, NOISE], LiveClock())
    assert hub.topics() == ["home/door", "home/+/noise"]
    hub.accept("home/door", b"open")
    assert [view.value for view in hub.views(0.0)] == [1.0, 1.0, None]


def test_a_wildcard_stream_hears_every_topic_it_names() -> None:
    hub = SensorHub([NOISE], LiveClock())
    hub.accept("home/hall/noise", b"40")
    hub.accept("home/hall/other", b"50")
    assert _view(hub, "noise", 0.0).value == 40.0
    assert hub.received == 1


def test_a_bad_payload_breaks_the_stream_until_a_good_one_comes() -> None:
    hub = SensorHub([DOOR], LiveClock())
    for _ in range(5):
        hub.accept("home/door", b"ajar")
    assert _view(hub, "door", 0.0).status == "broken"
    assert hub.evidence("front", 0.0) == []
    ((code, stream, message),) = hub.conditions(0.0)
    assert (code, stream) == ("sensor_broken", "door")
    assert "expected one of on/true/1/open" in message
    hub.accept("home/door", b"closed")
    assert _view(hub, "door", 0.0).status == "ok"
    assert hub.conditions(0.0) == []
    assert (hub.received, hub.rejected) == (6, 5)


def test_a_stale_stream_leaves_the_evidence_and_says_so() -> None:
    clock = _SetClock()
    hub = SensorHub([NOISE], clock)
    assert _view(hub, "noise", 0.0).status == "waiting"
    clock.time_s = 1.0
    hub.accept("home/hall/noise", b"40")
    assert [found.stream for found in hub.evidence("front", 4.0)] == ["noise"]
    assert hub.evidence("front", 4.1) == []
    assert hub.conditions(11.0) == [
        ("sensor_stale", "noise", "sensor noise has been silent for 10 s, 3 s are allowed")
    ]


def test_evidence_reaches_only_the_cameras_a_stream_is_for() -> None:
    hub = SensorHub([DOOR], LiveClock())
    hub.accept("home/door", b"open")
    assert len(hub.evidence("front", 0.0)) == 1
    assert hub.evidence("yard", 0.0) == []


def test_an_opening_door_surprises_and_the_surprise_fades() -> None:
    clock = _SetClock()
    hub = SensorHub([DOOR], clock)
    hub.accept("home/door", b"closed")
    clock.time_s = 5.0
    hub.accept("home/door", b"open")
    fresh, half, gone = (hub.evidence("front", time_s)[0].surprise for time_s in (5.0, 10.0, 15.0))
    assert fresh > 2
    assert half == pytest.approx(fresh / 2)
    assert gone == 0.0


def test_latency_is_taken_off_the_time_of_a_reading() -> None:
    clock = _SetClock()
    hub = SensorHub([NOISE.model_copy(update={"latency_s": 2.0})], clock)
    clock.time_s = 10.0
    hub.accept("home/hall/noise", b"40")
    assert _view(hub, "noise", 11.0).status == "ok"
    assert _view(hub, "noise", 11.1).status == "stale"


def test_media_time_is_ignored_on_a_live_clock() -> None:
    hub = SensorHub([DOOR], LiveClock())
    hub.accept("home/door", b'{"value": "open", "media_time_s": 99}')
    assert _view(hub, "door", 0.0).value == 1.0


def test_unknown_topics_are_ignored() -> None:
    hub = SensorHub([DOOR], LiveClock())
    hub.accept("home/window", b"open")
    assert hub.received == 0


def _replayed(value: object, time_s: float) -> bytes:
    return json.dumps({"value": value, "media_time_s": time_s}).encode()


@given(st.permutations(range(12)))
def test_in_media_time_the_order_of_arrival_does_not_matter(order: list[int]) -> None:
    messages = [("home/door", _replayed("open" if n % 2 else "closed", float(n))) for n in range(6)]
    messages += [("home/hall/noise", _replayed(40 + n if n != 3 else "loud", n + 0.5)) for n in range(6)]

    def story(arrivals: list[tuple[str, bytes]]) -> list[object]:
        hub = SensorHub([DOOR, NOISE], MediaClock())
        for topic, payload in arrivals:
            hub.accept(topic, payload)
        return [(hub.views(t / 2), hub.evidence("front", t / 2)) for t in range(24)]

    assert story([messages[place] for place in order]) == story(messages)


def test_readings_ahead_of_the_media_clock_wait() -> None:
    hub = SensorHub([DOOR], MediaClock())
    hub.accept("home/door", _replayed("open", 5.0))
    hub.accept("home/door", _replayed("ajar", 7.0))
    assert _view(hub, "door", 4.9).status == "waiting"
    assert _view(hub, "door", 5.0).value == 1.0
    assert _view(hub, "door", 7.0).status == "broken"


def test_many_streams_from_several_threads_lose_nothing() -> None:
    configs = [SensorConfig(name=f"s{n}", topic=f"t/{n}", kind="analog") for n in range(200)]
    hub = SensorHub(configs, LiveClock())

    def feed() -> None:
        for number in range(1000):
            hub.accept(f"t/{number % 200}", b"1")

    threads = [threading.Thread(target=feed) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert hub.received == 4000
    assert all(view.status == "ok" for view in hub.views(0.0))


@given(st.binary(), st.text())
def test_no_message_makes_the_hub_raise(payload: bytes, topic: str) -> None:
    hub = SensorHub([DOOR, NOISE.model_copy(update={"topic": "#"})], LiveClock())
    hub.accept("home/door", payload)
    hub.accept(topic, payload)
    assert len(hub.views(0.0)) == 2
