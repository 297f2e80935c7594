from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from tests.support.building import CUES, FPS, SENSORS, live, lying

from vad_edge.budget import AlarmBudget
from vad_edge.calibration.fit import Learned, default_policy, learn
from vad_edge.calibration.policy_replay import incidents_at, replay_of, without
from vad_edge.calibration.scores import Stretch
from vad_edge.calibration.sensors import HeardClip, Listener, began_at, believed, recording_beside
from vad_edge.cameras.streams import with_camera_streams
from vad_edge.config.onvif import OnvifConfig
from vad_edge.config.site import CameraConfig, SensorConfig, SiteConfig
from vad_edge.sensors.recording import RecordedMessage, write_recording

DOOR = SensorConfig(name="door", topic="door", kind="binary")
START = datetime(2026, 1, 1, tzinfo=timezone.utc)


def clip(length_s: float, *messages: tuple[float, bytes], began: datetime | None = None) -> HeardClip:
    times = np.arange(0.0, length_s, 0.5)
    said = tuple(RecordedMessage(time_s, "door", payload) for time_s, payload in messages)
    return HeardClip(began, (Stretch("clip", times, np.zeros((len(times), 1))),), said)


def watched_s(listener: Listener) -> float:
    """How long the door is taken to have been watched, in all."""
    return float(listener.learned()["door"]["rates"][""][1])


def test_what_was_said_stands_beside_the_frames() -> None:
    listener = Listener([DOOR], "camera")
    (heard,) = listener.hear(clip(30.0, (0.0, b"closed"), (10.0, b"open")))
    assert heard.heard is not None
    assert np.nanmax(heard.heard[:20]) == 0.0
    assert heard.heard[20, 0] == pytest.approx(1.55, abs=0.1)  # a surprise of 2.6, less what is noise
    assert np.nanmax(heard.heard[50:]) == 0.0


def test_what_a_camera_notices_by_itself_is_learned_with_the_others() -> None:
    onvif = OnvifConfig(address="192.0.2.10", kinds=("motion", "tamper"))
    site = with_camera_streams(SiteConfig(camera=(CameraConfig(name="front", onvif=onvif),)))
    listener = Listener(site.sensor, "front")
    times = np.arange(0.0, 30.0, 0.5)
    said = tuple(
        RecordedMessage(time_s, "$pushed/front_motion", word)
        for time_s, word in ((0.0, b"off"), (10.0, b"on"))
    )
    heard = listener.hear(HeardClip(None, (Stretch("clip", times, np.zeros((len(times), 1))),), said))
    assert believed(heard, listener.streams) == ("front_motion",)
    assert "sensor front_tamper is in no recording" in listener.notes(["front_motion"])[0]


def test_clips_follow_each_other_as_they_were_recorded() -> None:
    listener = Listener([DOOR], "camera")
    listener.hear(clip(30.0, (0.0, b"closed"), began=START))
    (heard,) = listener.hear(clip(30.0, (5.0, b"open"), began=START + timedelta(hours=5)))
    assert heard.heard is not None
    assert heard.heard[10, 0] > 1.5
    assert watched_s(listener) == pytest.approx(35.0, abs=1.0)  # the whole first clip, then until it opened


def test_what_lies_between_clips_was_not_watched() -> None:
    pulse = SensorConfig(name="door", topic="door", kind="pulse")
    for sensor in (DOOR, pulse):
        listener = Listener([sensor], "camera")
        for _ in range(5):
            listener.hear(clip(30.0, (0.0, b"0")))
        assert watched_s(listener) == pytest.approx(120.0, abs=5.0)
        assert listener.learned()["door"]["experience"][0] <= 15.0  # blocks of ten seconds


def test_clips_that_follow_each_other_stay_at_their_hour() -> None:
    listener = Listener([DOOR], "camera")
    for number in range(20):  # a container's clock that is a little slow: each is half a second too long
        began = START + timedelta(seconds=600 * number)
        listener.hear(clip(601.0, (0.0, b"closed"), (300.0, b"open"), (310.0, b"closed"), began=began))
    hours = {slot for slot in listener.learned()["door"]["rates"] if slot}
    assert len(hours) == 4  # three and a third
    assert watched_s(listener) == pytest.approx(19 * 600.0 + 310.0, abs=15.0)


def test_clips_out_of_order_stand_at_their_hour() -> None:
    listener = Listener([DOOR], "camera")
    for hour in (5, 2, 8):
        said = clip(60.0, (0.0, b"closed"), (30.0, b"open"), began=START + timedelta(hours=hour))
        (heard,) = listener.hear(said)
        assert heard.heard is not None
        assert heard.heard[60, 0] > 0.5
        assert heard.heard[:60, 0].max() == 0.0
    assert len(listener.learned()["door"]["rates"]) == 4  # the whole and three hours


def test_a_stream_that_was_not_recorded_is_named_and_does_not_count() -> None:
    listener = Listener([DOOR, DOOR.model_copy(update={"name": "gone", "topic": "gone"})], "camera")
    heard = listener.hear(clip(30.0, (0.0, b"closed")))
    assert believed(heard, listener.streams) == ("door",)
    assert list(listener.kept(["door"])) == ["door"]
    (note,) = listener.notes(["door"])
    assert note.startswith("sensor gone is in no recording beside the footage")


def test_streams_of_other_cameras_are_not_heard() -> None:
    assert Listener([DOOR.model_copy(update={"cameras": ("yard",)})], "front").streams == ()


def test_recordings_lie_beside_their_clips(tmp_path: Path) -> None:
    for name in ("training", "sensors/training"):
        (tmp_path / name).mkdir(parents=True)
    film = tmp_path / "training" / "20260302-063000.avi"
    assert recording_beside(film) is None
    write_recording(tmp_path / "sensors" / "training" / "20260302-063000.jsonl", [])
    assert recording_beside(film) == tmp_path / "sensors" / "training" / "20260302-063000.jsonl"
    began = began_at(film)
    assert began is not None
    assert (began.hour, began.minute) == (6, 30)
    assert began_at(tmp_path / "01.mp4") is None


HOURS = 6.0


@pytest.fixture(scope="module")
def taught() -> tuple[Listener, Learned]:
    listener = Listener(SENSORS, "camera")
    stretches = listener.hear(live(HOURS, seed=1).clip())
    budget = AlarmBudget.parse("1/hour")
    return listener, learn(stretches, CUES, FPS, budget, streams=listener.streams, all_normal=True)


def test_alarms_of_the_fused_risk_keep_the_budget_and_a_lying_sensor_adds_none(
    taught: tuple[Listener, Learned],
) -> None:
    listener, found = taught
    learned = json.loads(json.dumps(listener.learned()))
    other, policy = live(HOURS, seed=2), default_policy(HOURS * 3600.0)
    for messages in (other.messages, lying(other.messages, 3)):
        heard = Listener(SENSORS, "camera", learned=learned).hear(other.clip(messages))
        replay = replay_of(heard, found.calibration, CUES, policy, FPS, found.accumulation)
        alarms = incidents_at(replay, replay.persistent(policy), found.levels.alarm, policy).begins
        assert len(alarms) <= 11  # 6 are allowed; one time in fifty there are more by chance


def test_levels_are_there_for_when_a_stream_is_missing(taught: tuple[Listener, Learned]) -> None:
    _, found = taught
    assert set(found.partial) == {"door", "sound", "vibration", "counter", ""}
    assert set(found.partial) == {*found.streams, ""}
    assert found.partial[""].alarm < found.levels.alarm
    assert found.accumulation is not None
    assert 1.0 < found.accumulation.block_s < 60.0


def test_one_stream_missing_is_video_alone_and_a_silent_one_has_no_levels() -> None:
    silent = DOOR.model_copy(update={"name": "gone", "topic": "gone"})
    listener = Listener([silent, SENSORS[0]], "camera")
    stretches = listener.hear(live(1.0, seed=1).clip())
    found = learn(
        stretches, CUES, FPS, AlarmBudget.parse("1/hour"), streams=listener.streams, all_normal=True
    )
    assert set(found.partial) == {*found.streams, ""} == {"door", ""}
    assert found.partial["door"] == found.partial[""]


def test_a_stream_that_never_could_be_believed_is_in_no_pack_and_is_named() -> None:
    """It would be missing in every run, and the levels for that would be those of video alone."""
    broken = DOOR.model_copy(update={"name": "broken", "topic": "b/sound"})
    listener = Listener([broken, SENSORS[0]], "camera")
    said = live(1.0, seed=1)
    words = [RecordedMessage(0.0, "b/sound", b"open"), RecordedMessage(0.0, "b/sound", b"ajar")]
    stretches = listener.hear(said.clip([*words, *said.messages]))
    found = learn(
        stretches, CUES, FPS, AlarmBudget.parse("1/hour"), streams=listener.streams, all_normal=True
    )
    assert found.streams == ("door",)
    assert set(found.partial) == {"door", ""}
    assert list(listener.kept(found.streams)) == ["door"]
    (note,) = listener.notes(found.streams)
    assert note == (
        "sensor broken could not be believed at any time of the footage, so it adds nothing to the risk"
    )


def test_what_is_left_out_is_not_heard_either() -> None:
    stretch = Stretch("clip", np.arange(4.0), np.ones((4, 1)), np.ones((4, 2)))
    (left,) = without([stretch], [(0, slice(1, 3))])
    assert left.heard is not None
    assert left.heard[:, 0].tolist() == [1.0, 0.0, 0.0, 1.0]
    assert np.isnan(left.scores[1:3]).all()
