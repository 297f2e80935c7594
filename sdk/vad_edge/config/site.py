"""The site file: cameras, sensors, policy and broker of one installation, as TOML."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, StringConstraints, field_validator, model_validator
from typing_extensions import Self

from vad_edge.budget import AlarmBudget
from vad_edge.config.bridges import BacnetConfig, SparkplugConfig, WebhookConfig
from vad_edge.config.onvif import OnvifConfig
from vad_edge.config.schedule import ScheduleConfig
from vad_edge.config.table import Table, all_different
from vad_edge.errors import ConfigError

# A name becomes an MQTT topic level and part of file names.
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
Fraction = Annotated[float, Field(ge=0, le=1)]
Polygon = Annotated[tuple[tuple[Fraction, Fraction], ...], Field(min_length=3)]
Keeping = Literal["none", "heatmap", "blurred", "full"]
Topic = Annotated[str, StringConstraints(min_length=1, max_length=512)]

SENSORS_ONLY = "site"
"""The name under which a site without cameras fuses its sensors."""

MOST_CONTEXTS = 3


class PolicyConfig(Table):
    """When a risk becomes a warning level.

    watch, warning, alarm are risks (-log10 of a chance) a level starts at; it ends `hysteresis` below.
    A level must hold for dwell_s before it is announced; where persistence is given, (N, M), N of the last M
    risks must reach it instead. A level that was announced and left is not announced again for cooldown_s;
    a higher one is. smoothing_s averages the risk over time before it is judged.
    """

    watch: float = Field(default=2.0, gt=0)
    warning: float = Field(default=3.0, gt=0)
    alarm: float = Field(default=4.0, gt=0)
    hysteresis: float = Field(default=0.5, ge=0)
    dwell_s: float = Field(default=0.5, ge=0)
    clear_s: float = Field(default=3.0, ge=0)
    cooldown_s: float = Field(default=5.0, ge=0)
    smoothing_s: float = Field(default=0.5, ge=0)
    persistence: tuple[int, int] | None = None

    @model_validator(mode="after")
    def _levels_rise(self) -> Self:
        if not self.watch < self.warning < self.alarm:
            raise ValueError("watch < warning < alarm must hold")
        if self.hysteresis >= self.watch:
            raise ValueError("hysteresis must be below watch, or no incident could ever end")
        if self.persistence is not None and not 1 <= self.persistence[0] <= self.persistence[1] <= 1000:
            raise ValueError("persistence is [N, M]: N of the last M risks, 1 <= N <= M <= 1000")
        return self


class TamperConfig(Table):
    """When a picture that is not of the scene is a tamper: covered or moved for after_s.

    A black picture is one after black_after_s, never where that is not given: many rooms are dark at night.
    """

    after_s: float = Field(default=10.0, ge=1, le=3600)
    black_after_s: float | None = Field(default=None, ge=1, le=86400)


class PlaceConfig(Table):
    """A place in a camera's picture; its corners are fractions of width and height."""

    name: Name
    polygon: Polygon


class CameraConfig(Table):
    """One camera: where its frames come from and what is special about it.

    source is a camera index, a video file, a folder of images, an rtsp:// or http(s):// URL, or a
    GStreamer pipeline after ``gst:``. reader is ``latest`` for live cameras (old frames are dropped),
    ``all`` for recordings; ``auto`` picks by the source. fps overrides what the source says of itself
    (image folders say nothing). calibration is a camera pack; without one the bundle's is used.
    slow_calibration is a pack made at a lower frame rate, which the camera falls back to where the machine is
    too hot or too slow. Of several cameras the one with the highest priority is watched in full the longest.
    The level of a camera that is lost in an incident is held for hold_s, or until it is acknowledged.
    record_source is the stream that clips are copied from, and view_source the one that people are shown
    where they draw masks: sub-streams of the same camera, of which source is the one that is scored.
    pixel_format is what a USB camera is asked for: ``mjpeg`` gives large pictures at full rate over USB 2.
    decode, decode_width, transport and low_latency say how its video is decoded, as in `StreamOptions`.
    privacy_masks are polygons that are black in everything that is kept; corners are fractions of the
    picture's width and height. What lies in an ignore place counts for nothing, and the camera's pack belongs
    to these places; events carry the names of the zones they are in. onvif is the camera's own control
    interface.
    """

    name: Name
    source: SecretStr | int | None = None
    record_source: SecretStr | None = None
    view_source: SecretStr | None = None
    reader: Literal["auto", "latest", "all"] = "auto"
    fps: float | None = Field(default=None, gt=0, le=1000)
    calibration: Path | None = None
    slow_calibration: Path | None = None
    priority: int = Field(default=0, ge=-100, le=100)
    latency_s: float = Field(default=0.0, ge=0, le=60)
    hold_s: float = Field(default=300.0, ge=0, le=86400)
    decode: Literal["auto", "cpu", "nvdec", "v4l2", "vaapi"] = "auto"
    decode_width: int | None = Field(default=None, ge=64, le=7680)
    pixel_format: Literal["auto", "mjpeg", "yuyv"] = "auto"
    transport: Literal["tcp", "udp"] = "tcp"
    low_latency: bool = False
    privacy_masks: tuple[Polygon, ...] = ()
    policy: PolicyConfig = PolicyConfig()
    tamper: TamperConfig = TamperConfig()
    ignore: tuple[PlaceConfig, ...] = ()
    zone: tuple[PlaceConfig, ...] = ()
    onvif: OnvifConfig | None = None

    @model_validator(mode="after")
    def _places_have_names_of_their_own(self) -> Self:
        all_different([place.name for place in (*self.ignore, *self.zone)])
        return self

    @property
    def spec(self) -> str | int | None:
        """What is opened: the source with its credentials, which are not to be shown."""
        return self.source.get_secret_value() if isinstance(self.source, SecretStr) else self.source

    @property
    def shown_spec(self) -> str | int | None:
        """What is opened to show people the scene, as `spec`."""
        return self.spec if self.view_source is None else self.view_source.get_secret_value()

    @property
    def ignored(self) -> tuple[Polygon, ...]:
        """The polygons of its ignore masks."""
        return tuple(mask.polygon for mask in self.ignore)


class SensorConfig(Table):
    """One sensor stream on MQTT.

    A payload is a plain number, one of the on/off words, or JSON when `field` names where in it the value is
    (``battery.level``). With format ``onvif`` it is a camera's event over MQTT, which a topic with a level
    ``onvif-ej`` is by itself; `field` then names an item of its data. A ``pulse`` stream counts: its number
    is how many came since the last message, an on word is one. role: ``evidence`` joins the risk; ``context``
    (binary) switches what is normal for the others, as lights or opening hours do; ``gate`` (binary) arms
    while it is on. time_field names where in the JSON the sender's own time is, epoch seconds or ISO 8601; it
    is compared with ours, never used. period_s is how often a healthy sensor speaks; after `stale_after_s`
    (three periods unless told) it leaves the fusion. Sensors that speak only on change have neither. A binary
    one that changes more than most_changes_per_min times in a minute is flapping. cameras lists the cameras
    it is evidence for, or that it arms; all of them when empty.
    """

    name: Name
    topic: Topic
    kind: Literal["binary", "analog", "pulse"]
    role: Literal["evidence", "context", "gate"] = "evidence"
    field: str | None = None
    format: Literal["auto", "onvif"] = "auto"
    time_field: str | None = None
    on: tuple[str, ...] = ("on", "true", "1", "open", "detected", "motion")
    off: tuple[str, ...] = ("off", "false", "0", "closed", "clear", "no_motion")
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    period_s: float | None = Field(default=None, gt=0)
    stale_after_s: float | None = Field(default=None, gt=0)
    most_changes_per_min: int = Field(default=30, ge=2, le=10_000)
    latency_s: float = Field(default=0.0, ge=0, le=60)
    weight: float = Field(default=1.0, ge=0, le=10)
    hold_s: float = Field(default=10.0, gt=0)
    cameras: tuple[Name, ...] = ()

    def is_for(self, camera: str) -> bool:
        """Whether it says something about a camera."""
        return not self.cameras or camera in self.cameras

    @field_validator("topic")
    @classmethod
    def _topic_is_a_filter(cls, topic: str) -> str:
        levels = topic.split("/")
        for place, level in enumerate(levels):
            if ("#" in level and (level != "#" or place != len(levels) - 1)) or (
                "+" in level and level != "+"
            ):
                raise ValueError("'+' stands for one whole level, '#' for the last ones")
        return topic

    @model_validator(mode="after")
    def _range_rises(self) -> Self:
        if self.minimum is not None and self.maximum is not None and self.minimum >= self.maximum:
            raise ValueError("minimum must be below maximum")
        return self

    @model_validator(mode="after")
    def _states_are_binary(self) -> Self:
        if self.role != "evidence" and self.kind != "binary":
            raise ValueError(f"a sensor with role {self.role!r} is on or off, so its kind is 'binary'")
        return self


class BrokerConfig(Table):
    """The MQTT broker, and what is said there.

    url is ``mqtt://host[:port]``, ``mqtts://host[:port]``, ``embedded`` (in this process, loopback) or
    ``none``. The password lies in password_file or in VAD_EDGE_MQTT_PASSWORD. certificate_file and key_file
    are this device's own, for brokers that ask for them. An event older than fresh_s when it can be sent
    goes to the topic of the late ones, at most replay_per_s a second. commands lets the broker's users arm,
    disarm and acknowledge; snapshots sends a picture with every event; discovery tells Home Assistant.
    """

    url: SecretStr = SecretStr("none")
    username: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    client_id: Name | None = None
    fresh_s: float = Field(default=300.0, gt=0, le=86400)
    replay_per_s: float = Field(default=2500.0, gt=0)
    commands: bool = True
    snapshots: bool = False
    discovery: bool = True
    discovery_prefix: Name = "homeassistant"

    @property
    def address(self) -> str:
        """The URL with its credentials, which are not to be shown."""
        return self.url.get_secret_value()

    @model_validator(mode="after")
    def _a_key_has_a_certificate(self) -> Self:
        if self.key_file is not None and self.certificate_file is None:
            raise ValueError("key_file is given without certificate_file")
        return self


class PrivacyConfig(Table):
    """What may be kept of the scene, and for how long at most.

    evidence is ``none``; ``heatmap`` (where it was, and nothing of the picture); ``blurred`` (pictures in
    which no person can be recognised); or ``full``. max_age_h is hard: older evidence is deleted whatever
    room there is.
    """

    evidence: Keeping = "heatmap"
    max_age_h: float = Field(default=72.0, gt=0, le=8760)


class EvidenceConfig(Table):
    """How much is kept around an incident, and how much disk it may take.

    A clip begins before_s before the incident and ends after_s after it, or when it is max_clip_s long; 0
    makes none. max_mb is for all evidence together; it also makes room when less than free_mb of the disk is
    free. events_mb is for the events themselves.
    """

    before_s: float = Field(default=5.0, ge=0, le=60)
    after_s: float = Field(default=5.0, ge=0, le=60)
    max_clip_s: float = Field(default=30.0, ge=0, le=300)
    max_mb: int = Field(default=2000, ge=1)
    free_mb: int = Field(default=500, ge=0)
    events_mb: int = Field(default=500, ge=10)


class LearningConfig(Table):
    """Calibration on the device itself: cameras without a pack learn from so many hours of what they see.

    That must be normal life; what looks abnormal in it is left out. alarm_budget is the site's, as in
    `vad-edge calibrate`. Without hours nothing is learned.
    """

    hours: float | None = Field(default=None, gt=0, le=8760)
    alarm_budget: str = "1/week"

    @field_validator("alarm_budget")
    @classmethod
    def _is_a_budget(cls, text: str) -> str:
        try:
            AlarmBudget.parse(text)
        except ConfigError as error:
            raise ValueError(f"{error.what}; {error.fix}") from error
        return text


class RestreamConfig(Table):
    """Network cameras, as they send, for other programs: ``rtsp://HOST:PORT/CAMERA``.

    It listens on loopback unless host says otherwise, and then only with a user and a password, which lies in
    password_file. A camera with privacy masks is not restreamed: its packets show what they hide.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=8554, ge=0, le=65535)
    user: str = ""
    password_file: Path | None = None

    @model_validator(mode="after")
    def _not_open_to_all(self) -> Self:
        if bool(self.user) != (self.password_file is not None):
            raise ValueError("give both user and password_file, or neither")
        if self.host not in ("127.0.0.1", "localhost", "::1") and not self.user:
            raise ValueError(f"{self.host} can be reached by others: give user and password_file")
        return self


class BoardConfig(Table):
    """What the machine itself may be asked to bear.

    hot_c is where it counts as too hot; without it, where its own kernel begins to slow it down.
    load_shedding lets it slow and shed cameras when it is too hot or too slow.
    """

    hot_c: float | None = Field(default=None, ge=30, le=120)
    load_shedding: bool = True


class SiteConfig(Table):
    """A whole site file. ``[bridge.NAME]`` holds the settings of a plug-in's bridge, which checks them."""

    site: Name = "home"
    bundle: Path | None = None
    camera: tuple[CameraConfig, ...] = ()
    sensor: tuple[SensorConfig, ...] = ()
    broker: BrokerConfig = BrokerConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    privacy: PrivacyConfig = PrivacyConfig()
    evidence: EvidenceConfig = EvidenceConfig()
    board: BoardConfig = BoardConfig()
    learning: LearningConfig = LearningConfig()
    bacnet: BacnetConfig | None = None
    webhook: WebhookConfig | None = None
    sparkplug: SparkplugConfig = SparkplugConfig()
    restream: RestreamConfig | None = None
    bridge: dict[str, dict[str, Any]] = Field(default_factory=dict)

    def camera_named(self, name: str | None, *, where: str = "") -> CameraConfig:
        """The camera of that name, without one the only camera; where is the file, for messages.

        Raises ConfigError where there is none, or several and no name.
        """
        found = [camera for camera in self.camera if name in (None, camera.name)]
        if len(found) == 1:
            return found[0]
        names = ", ".join(camera.name for camera in self.camera)
        what = f"there are {len(found)} cameras" if name is None else f"there is no camera {name!r}"
        fix = f"give its name, one of: {names}" if names else "add a [[camera]] table"
        raise ConfigError(what, where=where, fix=fix)

    @model_validator(mode="after")
    def _few_contexts(self) -> Self:
        # Each of them doubles what has to be learned.
        contexts = [sensor.name for sensor in self.sensor if sensor.role == "context"]
        if len(contexts) > MOST_CONTEXTS:
            raise ValueError(
                f"{len(contexts)} sensors have the role 'context', {MOST_CONTEXTS} are the most:"
                f" {', '.join(contexts)}"
            )
        return self

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        for table in (self.camera, self.sensor):
            all_different([entry.name for entry in table])
        known = {camera.name for camera in self.camera}
        for time in self.schedule.armed:
            for camera in time.cameras:
                if camera not in known:
                    raise ValueError(f"the schedule names camera {camera!r}, which is not in the file")
        for sensor in self.sensor:
            for camera in sensor.cameras:
                if camera not in known:
                    raise ValueError(
                        f"sensor {sensor.name!r} names camera {camera!r}, which is not in the file"
                    )
        return self
