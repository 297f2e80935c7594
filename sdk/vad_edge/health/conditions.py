"""The registry of health conditions: what each code means, what causes it, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

PAGE: Final = "docs/troubleshooting.md"
"""Where people read about conditions; made from this registry."""


@dataclass(frozen=True, slots=True)
class About:
    """A condition in words: what it is, why it comes, and what to do."""

    title: str
    cause: str
    fix: str


class Condition(str, Enum):
    """What can be wrong with a device, its cameras and its sensors; values are the codes on MQTT."""

    ARMED_NOT_KEPT = "armed_not_kept"
    ARMED_UNKNOWN = "armed_unknown"
    BOARD_HOT = "board_hot"
    BOARD_LATE = "board_late"
    BROKER_REFUSES = "broker_refuses"
    BROKER_UNREACHABLE = "broker_unreachable"
    BUDGET_NOT_KEPT = "budget_not_kept"
    CALIBRATION_BROKEN = "calibration_broken"
    CALIBRATION_DRIFTED = "calibration_drifted"
    CAMERA_EVENTS_LOST = "camera_events_lost"
    CAMERA_LOST = "camera_lost"
    CAMERA_SHED = "camera_shed"
    CAMERA_SLOWED = "camera_slowed"
    CLOCK_SET = "clock_set"
    COMMAND_MALFORMED = "command_malformed"
    COMMAND_RETAINED = "command_retained"
    COMMAND_STORM = "command_storm"
    COMPONENT_FAILED = "component_failed"
    DISK_FULL = "disk_full"
    ENGINE_FAILED = "engine_failed"
    EVENTS_LOST = "events_lost"
    EVIDENCE_FAILED = "evidence_failed"
    EVIDENCE_STREAM = "evidence_stream"
    FRAME_BLACK = "frame_black"
    FRAME_COVERED = "frame_covered"
    FRAME_DEFOCUSED = "frame_defocused"
    FRAME_EXPOSURE = "frame_exposure"
    FRAME_FROZEN = "frame_frozen"
    FRAME_MOVED = "frame_moved"
    LEARNING_FAILED = "learning_failed"
    MODEL_NOT_FINITE = "model_not_finite"
    OBSERVER_BEHIND = "observer_behind"
    RELAY_FAILED = "relay_failed"
    SENSOR_BROKEN = "sensor_broken"
    SENSOR_FLAPPING = "sensor_flapping"
    SENSOR_SKEWED = "sensor_skewed"
    SENSOR_STALE = "sensor_stale"
    SENSOR_STUCK = "sensor_stuck"
    SENSOR_UNLIKE = "sensor_unlike"
    SENSORS_UNCALIBRATED = "sensors_uncalibrated"
    SENSORS_UNHEARD = "sensors_unheard"
    SLOW_SOURCE = "slow_source"
    SOURCE_TRUNCATED = "source_truncated"
    SQUEEZED_SOURCE = "squeezed_source"
    STORE_DAMAGED = "store_damaged"
    STORE_FAILED = "store_failed"
    VIEW_CHANGED = "view_changed"

    def __str__(self) -> str:
        return self.value

    def __format__(self, spec: str) -> str:
        return format(self.value, spec)

    @property
    def about(self) -> About:
        """The condition in words."""
        return _ABOUT[self]

    @property
    def anchor(self) -> str:
        """Where it is described: a page and the place in it."""
        return f"{PAGE}#{self.value}"


_ABOUT: Final = {
    Condition.ARMED_NOT_KEPT: About(
        "Arming is not stored",
        "The disk did not take what was asked of the camera; a restart does not know it.",
        "Check the disk of the device, then arm or disarm again.",
    ),
    Condition.ARMED_UNKNOWN: About(
        "Arming is unknown",
        "The file with what was asked of the cameras cannot be read. Every camera is armed.",
        "Arm or disarm each camera again; this writes a new file.",
    ),
    Condition.BOARD_HOT: About(
        "The board is too hot",
        "A temperature is near the limit at which the kernel slows it down.",
        "Improve the airflow, lower the power mode, or set board.hot_c. Cameras are slowed meanwhile.",
    ),
    Condition.BOARD_LATE: About(
        "The board is too slow",
        "The loop spends nearly all of its time on frames; some come too late and are left out.",
        "Use a faster precision or engine, fewer cameras, or packs at a lower rate (slow_calibration).",
    ),
    Condition.BROKER_REFUSES: About(
        "The broker refuses messages",
        "The broker's ACL or limits do not accept a topic, a subscription or a size.",
        "Run `vad-edge mqtt check` and change the broker's ACL or limits.",
    ),
    Condition.BROKER_UNREACHABLE: About(
        "The broker is not reached",
        "The broker does not answer, or refuses the connection. Events wait in the store.",
        "Check broker.url, the network and the password; `vad-edge mqtt check` shows where it fails.",
    ),
    Condition.BUDGET_NOT_KEPT: About(
        "The alarm budget is not kept",
        "The levels in force were made for another graph or another budget.",
        "Calibrate the camera again, or repair the engine that the pack was made for.",
    ),
    Condition.CALIBRATION_BROKEN: About(
        "There are far more alarms than the budget allows",
        "The scene or the camera has changed since. New incidents are stored and not published.",
        "Look at what changed, then calibrate the camera again.",
    ),
    Condition.CALIBRATION_DRIFTED: About(
        "Scores have drifted from the calibration",
        "Light, season, furniture or the camera itself have changed.",
        "Calibrate the camera again on footage of today.",
    ),
    Condition.CAMERA_EVENTS_LOST: About(
        "The camera's own events are not heard",
        "Its ONVIF service does not answer, or refuses the user, the password or another subscription.",
        "Check user and password with `vad-edge cameras show`; restart the camera if it has no subscription"
        " left. It is asked again by itself.",
    ),
    Condition.CAMERA_LOST: About(
        "The camera gives no frames",
        "The camera, its cable, its network or its power failed, or another program uses it.",
        "Check power, cable and network. The source is opened again by itself.",
    ),
    Condition.CAMERA_SHED: About(
        "The camera is not watched",
        "The board is too hot or too slow, and this camera has the lowest priority. Its sensors still count.",
        "Relieve the board: airflow, fewer cameras, a faster precision; or raise the camera's priority.",
    ),
    Condition.CAMERA_SLOWED: About(
        "The camera is watched at a lower rate",
        "The board is too hot or too slow.",
        "Relieve the board: airflow, fewer cameras, a faster precision.",
    ),
    Condition.CLOCK_SET: About(
        "The wall clock was set",
        "A time service or a person set the clock; time stamps from before are off by as much.",
        "Keep the clock by NTP, and give the board a battery-backed clock.",
    ),
    Condition.COMMAND_MALFORMED: About(
        "A command cannot be read",
        "A message on the command topic is not what docs/mqtt.md describes.",
        "Correct the sender; the condition quotes what was wrong.",
    ),
    Condition.COMMAND_RETAINED: About(
        "A command is retained",
        "The broker holds a command and would repeat it at each connection. It was not carried out.",
        "Delete it: publish an empty retained message on the command topic; send commands without retain.",
    ),
    Condition.COMMAND_STORM: About(
        "There are too many commands",
        "A client publishes more commands than are carried out.",
        "Find the client and slow it down.",
    ),
    Condition.COMPONENT_FAILED: About(
        "A part of the run failed",
        "A part that the run can go on without raised an error; it takes part no more.",
        "Read the log, report the traceback if there is one, and restart the service.",
    ),
    Condition.DISK_FULL: About(
        "The disk is nearly full",
        "Less room is free than is held back for events.",
        "Make room, or lower evidence.max_mb and evidence.events_mb.",
    ),
    Condition.ENGINE_FAILED: About(
        "The inference engine failed",
        "The engine raised an error while it ran; another one goes on in its place.",
        "Run `vad-edge doctor --engine`, then restart the service.",
    ),
    Condition.EVENTS_LOST: About(
        "Events are lost",
        "Neither the disk nor the memory took them.",
        "Repair the disk. The log names the events.",
    ),
    Condition.EVIDENCE_FAILED: About(
        "Evidence is not kept",
        "A picture or a clip could not be made or written, or the disk is too slow.",
        "Check disk, permissions and ffmpeg; the message has the cause.",
    ),
    Condition.EVIDENCE_STREAM: About(
        "There are no clips of this camera",
        "No packets come of the stream that clips are copied from: record_source, or else source.",
        "Check how many clients the camera allows, and its codec.",
    ),
    Condition.FRAME_BLACK: About(
        "The picture is black",
        "The room is dark, the lens is covered, or the camera failed.",
        "Switch the light or the infra-red lamp on, and look at the lens.",
    ),
    Condition.FRAME_COVERED: About(
        "The picture is covered",
        "Something is in front of the lens.",
        "Clear the view of the camera.",
    ),
    Condition.FRAME_DEFOCUSED: About(
        "The picture is out of focus",
        "The focus was changed, or the lens is wet or dirty.",
        "Clean and focus the lens.",
    ),
    Condition.FRAME_EXPOSURE: About(
        "The exposure jumps",
        "A light was switched, or the camera adjusts itself.",
        "Nothing, if it passes; else fix the camera's exposure.",
    ),
    Condition.FRAME_FROZEN: About(
        "The picture is frozen",
        "The camera or the stream repeats one frame.",
        "Restart the camera.",
    ),
    Condition.FRAME_MOVED: About(
        "The camera was moved",
        "The camera was turned, or its mount gave way.",
        "Turn it back, or calibrate the camera again for the new view.",
    ),
    Condition.LEARNING_FAILED: About(
        "The camera could not calibrate itself",
        "There was too little footage, the disk failed, or the fit ended with an error.",
        "Read the message. It is tried again with more footage.",
    ),
    Condition.MODEL_NOT_FINITE: About(
        "The model gives no finite score",
        "The graph or the engine computes infinities, often in half precision.",
        "Choose --precision fp32 and report the model.",
    ),
    Condition.OBSERVER_BEHIND: About(
        "Outputs or callbacks cannot keep up",
        "A callback, sink or output raised an error, or is slower than the cameras.",
        "Make the callback faster or let it hand the work on; the message names it.",
    ),
    Condition.RELAY_FAILED: About(
        "An output of the camera is not switched",
        "The camera does not answer, refuses the user, or has no such output. Events are not affected.",
        "See the outputs and their names with `vad-edge cameras show`; correct onvif.relay, or the user's"
        " rights in the camera. It is tried again by itself.",
    ),
    Condition.SENSOR_BROKEN: About(
        "A sensor sends what cannot be read",
        "The payload is not of the declared kind, field or range.",
        "Correct the sensor's [[sensor]] table, or the sensor.",
    ),
    Condition.SENSOR_FLAPPING: About(
        "A sensor flaps",
        "A binary sensor changes more often than most_changes_per_min.",
        "Check the contact, its debounce time and its battery.",
    ),
    Condition.SENSOR_SKEWED: About(
        "A sensor's clock is wrong",
        "The time in its payload differs from that of the device. Readings count when they arrive.",
        "Set the sensor's clock, or remove time_field.",
    ),
    Condition.SENSOR_STALE: About(
        "A sensor is silent",
        "It sent nothing for longer than stale_after_s. It does not count meanwhile.",
        "Check its battery, radio and topic; `vad-edge mqtt listen` shows what arrives.",
    ),
    Condition.SENSOR_STUCK: About(
        "A sensor is stuck",
        "It repeats one value, as a broken sensor does. It does not count meanwhile.",
        "Check the sensor.",
    ),
    Condition.SENSOR_UNLIKE: About(
        "A sensor deviates from its learned values",
        "Its values are unlike everything that was learned of it, for a long time.",
        "Check the sensor and where it is mounted; record and calibrate again if it was changed.",
    ),
    Condition.SENSORS_UNCALIBRATED: About(
        "Sensors add nothing to the risk",
        "The alarm budget was calibrated without them, or they were declared otherwise.",
        "Record them with the camera and calibrate it again.",
    ),
    Condition.SENSORS_UNHEARD: About(
        "Sensors are declared and there is no broker",
        "Sensors arrive over MQTT, and no broker is given.",
        "Give --broker mqtt://HOST or a [broker] table, push their values through the API, or remove them.",
    ),
    Condition.SLOW_SOURCE: About(
        "The source is slower than the model",
        "The source gives fewer frames a second than the model was made for.",
        "Raise the camera's rate, or use a pack of its own rate.",
    ),
    Condition.SOURCE_TRUNCATED: About(
        "The recording ended early",
        "The file is cut off or damaged.",
        "Copy or record it again.",
    ),
    Condition.SQUEEZED_SOURCE: About(
        "The picture has another shape than the model's",
        "Pictures are squeezed to the model's aspect ratio; shapes and speeds are judged wrongly.",
        "Use a camera mode of the model's aspect ratio, or a model for this one.",
    ),
    Condition.STORE_DAMAGED: About(
        "The event store was damaged",
        "The database file was not readable; a new one was begun with what could be saved.",
        "Keep or delete the file the message names; check the disk.",
    ),
    Condition.STORE_FAILED: About(
        "The event store cannot be written",
        "The disk fails or is full. Events are published all the same, marked as not durable.",
        "Check the disk of the device.",
    ),
    Condition.VIEW_CHANGED: About(
        "The camera looks at another view",
        "The view changed for good; what was learned of the old one does not hold.",
        "Turn the camera back, or calibrate it again.",
    ),
}

_HEAD = """# Troubleshooting

Every condition that a device can report, by its code: on the `health` topic, in the live table, in the log
and in `vad-edge conditions`. The page is made from the registry:
`vad-edge conditions --markdown >docs/troubleshooting.md`.
"""


def troubleshooting_page() -> str:
    """The page in Markdown, one heading a code."""
    parts = [_HEAD]
    for condition in sorted(Condition, key=str):
        about = condition.about
        parts.append(
            f"## {condition}\n\n**{about.title}.**\n\n- Cause: {about.cause}\n- What to do: {about.fix}\n"
        )
    return "\n".join(parts)
