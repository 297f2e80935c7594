from __future__ import annotations

import json
import threading
import time
from datetime import datetime

import pytest
from hypothesis import example, given
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
    (fault,) = hub.faults(0.0)
    assert (fault.code, fault.stream) == ("sensor_broken", "door")
    assert "expected one of on/true/1/open" in fault.message
    hub.accept("home/door", b"closed")
    assert _view(hub, "door", 0.0).status == "ok"
    assert hub.faults(0.0) == []
    assert (hub.received, hub.rejected) == (6, 5)


def test_a_camera_that_deletes_its_event_over_mqtt_ends_the_state_and_breaks_nothing() -> None:
    motion = SensorConfig(name="motion", topic="a/onvif-ej/VideoSource/MotionAlarm/+", kind="binary")
    level = SensorConfig(name="level", topic="a/onvif-ej/Own/Level", kind="analog", field="Percent")
    hub = SensorHub([motion, level], LiveClock())
    hub.accept("a/onvif-ej/VideoSource/MotionAlarm/main", b'{"Data": {"State": "true"}}')
    hub.accept("a/onvif-ej/Own/Level", b'{"Data": {"Percent": 7}}')
    assert [view.value for view in hub.views(0.0)] == [1.0, 7.0]
    hub.accept("a/onvif-ej/VideoSource/MotionAlarm/main", b"")
    hub.accept("a/onvif-ej/Own/Level", b"")
    assert [(view.value, view.status) for view in hub.views(0.0)] == [(0.0, "ok"), (7.0, "ok")]
    assert hub.rejected == 0


def test_a_stale_stream_leaves_the_evidence_and_says_so() -> None:
    clock = _SetClock()
    hub = SensorHub([NOISE], clock)
    assert _view(hub, "noise", 0.0).status == "waiting"
    clock.time_s = 1.0
    hub.accept("home/hall/noise", b"40")
    assert [found.stream for found in hub.evidence("front", 4.0)] == ["noise"]
    assert hub.evidence("front", 4.1) == []
    (fault,) = hub.faults(11.0)
    assert (fault.code, fault.stream) == ("sensor_stale", "noise")
    assert fault.message == "sensor noise has been silent for 10 s, 3 s are allowed"
    assert fault.params == {"silent_s": 10.0, "limit_s": 3.0}


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


@given(st.floats() | st.integers())
@example(1e13)
def test_no_time_of_a_replay_makes_the_hub_raise(media_time_s: float) -> None:
    sent = NOISE.model_copy(update={"topic": "home/noise", "field": "dB", "time_field": "at"})
    hub = SensorHub([sent], MediaClock())
    value = {"dB": 40.0, "at": 0}
    hub.accept("home/noise", json.dumps({"value": value, "media_time_s": media_time_s}).encode())
    assert len(hub.views(1e15)) == 1


LIGHTS = SensorConfig(name="lights", topic="home/lights", kind="binary", role="context")
GATE = SensorConfig(name="key", topic="home/key", kind="binary", role="gate", cameras=("front",))


def test_contexts_and_gates_are_no_evidence() -> None:
    hub = SensorHub([LIGHTS, GATE], LiveClock())
    hub.accept("home/lights", b"on")
    hub.accept("home/key", b"on")
    assert hub.evidence("front", 0.0) == []
    assert hub.learned() == {}


def test_a_gate_that_is_off_disarms_its_cameras_alone() -> None:
    hub = SensorHub([GATE], LiveClock())
    assert not hub.gated("front", 0.0)
    hub.accept("home/key", b"off")
    assert hub.gated("front", 0.0)
    assert not hub.gated("yard", 0.0)
    hub.accept("home/key", b"on")
    assert not hub.gated("front", 0.0)


def test_a_gate_that_cannot_be_believed_leaves_the_camera_armed() -> None:
    clock = _SetClock()
    hub = SensorHub([GATE.model_copy(update={"stale_after_s": 60.0})], clock)
    hub.accept("home/key", b"off")
    assert hub.gated("front", 60.0)
    assert not hub.gated("front", 60.1)
    hub.accept("home/key", b"broken")
    assert not hub.gated("front", 1.0)


def test_a_context_switches_what_is_normal() -> None:
    clock = _SetClock()
    hub = SensorHub([LIGHTS, NOISE.model_copy(update={"hold_s": 1.0})], clock)
    for number in range(4000):
        clock.time_s = float(number)
        if number % 100 == 0:
            hub.accept("home/lights", b"on" if number % 200 == 0 else b"off")
        lit = number // 100 % 2 == 0
        hub.accept("home/hall/noise", b"%d" % ((60 if lit else 40) + number % 3))
    clock.time_s = 4000.0
    hub.accept("home/lights", b"on")
    hub.accept("home/hall/noise", b"61")
    ordinary = hub.evidence("front", 4000.0)[0].surprise
    clock.time_s = 4002.0
    hub.accept("home/lights", b"off")
    hub.accept("home/hall/noise", b"61")
    assert hub.evidence("front", 4002.0)[0].surprise > ordinary + 1.0


def test_a_clock_an_hour_off_is_a_condition_and_its_readings_count_when_they_come() -> None:
    hub = SensorHub([DOOR.model_copy(update={"field": "state", "time_field": "at"})], LiveClock())
    hub.accept("home/door", json.dumps({"state": "open", "at": time.time() - 3600}).encode())
    (fault,) = hub.faults(0.0)
    assert (fault.code, fault.stream) == ("sensor_skewed", "door")
    assert "3600 s behind" in fault.message
    assert fault.params["skew_s"] == pytest.approx(-3600.0, abs=60.0)
    assert _view(hub, "door", 0.0).value == 1.0
    hub.accept("home/door", json.dumps({"state": "closed", "at": time.time()}).encode())
    assert hub.faults(0.0) == []


def test_ten_megabytes_are_refused_without_being_looked_at() -> None:
    hub = SensorHub([DOOR], LiveClock())
    hub.accept("home/door", b"9" * 10_000_000)
    (fault,) = hub.faults(0.0)
    assert fault.code == "sensor_broken"
    assert "10000000 bytes" in fault.message
    assert len(fault.message) < 200


def test_a_stuck_and_a_flapping_stream_leave_the_evidence_and_say_so() -> None:
    clock = _SetClock()
    hub = SensorHub([DOOR, NOISE], clock)
    for number in range(400):
        clock.time_s = float(number)
        hub.accept("home/hall/noise", b"%d" % (40 + number * 7 % 13 if number < 300 else 77))
        if number >= 360:
            hub.accept("home/door", b"open" if number % 2 else b"closed")
    found = {fault.code.value: fault.params for fault in hub.faults(399.0)}
    assert found == {
        "sensor_stuck": {"readings": 100, "value": 77.0},
        "sensor_flapping": {"most_per_min": 30},
    }
    assert hub.evidence("front", 399.0) == []


@pytest.mark.parametrize("jump_s", [-3600.0, 3600.0])
def test_a_clock_that_jumps_causes_no_surprise_and_goes_on(jump_s: float) -> None:
    hub = SensorHub([NOISE], MediaClock())
    for number in range(100):
        hub.accept("home/hall/noise", b"%d" % (40 + number % 3), time_s=5000.0 + number)
    for number in range(100):
        hub.accept("home/hall/noise", b"%d" % (40 + number % 3), time_s=5100.0 + jump_s + number)
    late_s = 5199.0 + max(jump_s, 0.0)
    assert hub.evidence("front", late_s)[0].surprise < 1.0 if jump_s > 0 else True
    assert all(view.surprise < 1.0 for view in hub.views(late_s))
    hub.accept("home/hall/noise", b"40", time_s=late_s + 1.0)
    assert _view(hub, "noise", late_s + 1.0).status == "ok"


def test_a_storm_on_one_topic_keeps_its_highest_value() -> None:
    clock = _SetClock()
    hub = SensorHub([NOISE], clock)
    for number in range(200):
        clock.time_s = float(number)
        hub.accept("home/hall/noise", b"%d" % (40 + number % 3))
    for number in range(1000):
        clock.time_s = 200.0 + number / 10_000
        hub.accept("home/hall/noise", b"90" if number == 500 else b"41")
    assert hub.evidence("front", 200.1)[0].surprise > 3.0
    assert hub.received == 1200


def test_what_was_learned_is_taken_up_unless_the_stream_is_declared_otherwise() -> None:
    clock = _SetClock()
    hub = SensorHub([DOOR, NOISE], clock)
    for number in range(100):
        clock.time_s = float(number)
        hub.accept("home/hall/noise", b"%d" % (40 + number % 3))
    learned = json.loads(json.dumps(hub.learned()))
    again = SensorHub([DOOR.model_copy(update={"hold_s": 99.0}), NOISE], clock)
    assert again.take_up(learned) == ["noise"]
    again.accept("home/hall/noise", b"90")
    assert again.evidence("front", 99.0)[-1].surprise > 3.0
    assert SensorHub([NOISE], clock).take_up({"noise": {"kind": "analog", "block_s": 10.0}}) == []


@pytest.mark.parametrize(("hold_s", "minutes"), [(10.0, 10), (60.0, 60)])
def test_a_stream_that_deviates_says_since_when(hold_s: float, minutes: int) -> None:
    hub = SensorHub([NOISE.model_copy(update={"hold_s": hold_s, "period_s": hold_s})], MediaClock())
    for block in range(2030):
        value = 40.0 + block % 3 + (block % 7 * 40.0 if block > 2000 else 0.0)
        hub.accept("home/hall/noise", b"%.1f" % value, hold_s * block)
    (fault,) = hub.faults(hold_s * 2029)
    assert fault.code == "sensor_unlike"
    assert f"in the last {minutes} min" in fault.message
    assert fault.params == {"minutes": minutes}


@pytest.mark.parametrize("known", [True, False])
def test_a_recording_of_an_unknown_hour_is_judged_alike_at_whatever_hour_it_is_run(known: bool) -> None:
    just_before_ten = datetime(2026, 3, 1, 9, 59, 58).astimezone()
    clock = MediaClock(just_before_ten)
    clock.knows_time_of_day = known
    hub = SensorHub([NOISE], clock)
    for second in range(20):
        hub.accept("home/hall/noise", b"40", float(second))
    hub.evidence("front", 20.0)
    assert ("10" in hub.learned()["noise"]["slots"]) is known


@pytest.mark.parametrize(
    ("topic_filter", "topic", "matches"),
    [
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
def test_a_stream_hears_the_topics_that_mqtt_says(topic_filter: str, topic: str, matches: bool) -> None:
    hub = SensorHub([NOISE.model_copy(update={"topic": topic_filter})], LiveClock())
    hub.accept(topic, b"40")
    assert (hub.received == 1) is matches
