"""Watching cameras and sensors: the part of the public API that runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

from typing_extensions import Self

from vad_edge.bundle.archive import Bundle, load_bundle
from vad_edge.bundle.manifest import Precision
from vad_edge.config.load import checked, load_site
from vad_edge.config.site import CameraConfig, SensorConfig, SiteConfig
from vad_edge.errors import ConfigError
from vad_edge.events.event import Event
from vad_edge.health.board import HealthEvent
from vad_edge.health.systemd import ServiceManager
from vad_edge.report.observer import FrameResult, Observer
from vad_edge.runtime.callbacks import Callbacks
from vad_edge.runtime.loop import run
from vad_edge.runtime.pushed_sensor import PushedSensor, pushed_topic
from vad_edge.runtime.settings import RunSettings, RunSummary
from vad_edge.video.open import SourceSpec

OnEvent = TypeVar("OnEvent", bound=Callable[[Event], object])
OnFrame = TypeVar("OnFrame", bound=Callable[[FrameResult], object])
OnCondition = TypeVar("OnCondition", bound=Callable[[HealthEvent], object])

_START_S = 120.0
"""How long `Watch.start` waits for sources and engine to open."""


class Watch:
    """Watches cameras and sensors, and says what is unusual.

    >>> from vad_edge import Watch
    >>> watch = Watch("clip.mkv", bundle="my.vadb")
    >>> @watch.on_event
    ... def tell(event):
    ...     print(event.level, event.risk)
    >>> summary = watch.run()  # doctest: +SKIP

    Functions given to `on_event`, `on_frame` and `on_condition`, and sinks, are called on one thread of their
    own, in the order in which things happened. A camera does not wait for them: when 32 frames or 1,000
    events and conditions wait, further ones are dropped and the condition ``observer_behind`` says so. A
    recording waits. One that raises is logged, named in that condition, and called again for the next thing.
    They may call `stop`, `Running.stop` and `PushedSensor.push`, and may not wait for the end of the run
    (RuntimeError). Events are in the store before they are handed on.
    """

    def __init__(
        self,
        source: SourceSpec | None = None,
        *,
        bundle: Bundle | Path | str | None = None,
        calibration: Path | str | None = None,
        camera: str = "camera",
        site: SiteConfig | None = None,
        broker: str | None = None,
        store: Path | str | None = None,
        engine: str = "auto",
        precision: Precision | None = None,
        threads: int | None = None,
        replay_wait_s: float = 0.0,
        observers: Sequence[Observer] = (),
        sinks: Iterable[Callable[[Event], object]] = (),
    ) -> None:
        """Nothing is opened before `run` or `start`.

        source is a path, a folder of images, a URL, a camera index, or an object or function that gives
        frames (`vad_edge.plugins.Source`); its camera is called `camera`. site replaces them with the cameras
        and sensors of a site file. bundle is the model, calibration the camera's pack. broker is an MQTT URL;
        without one nothing is published. store is the folder of the event store, the user's state folder
        where None. engine, precision and threads choose the inference backend; replay_wait_s is how long a
        run on recordings waits for a replay of its sensors. observers are called on the run's own thread.
        Raises ConfigError where the arguments contradict each other.
        """
        self._site = SiteConfig() if site is None else site
        self._sources: dict[str, SourceSpec] = {}
        if source is not None:
            self._take_source(source, camera)
        if calibration is not None:
            self._change_camera(calibration=Path(calibration))
        if broker is not None:
            self._site = checked(self._site, broker=checked(self._site.broker, url=broker))
        self._bundle = self._site.bundle if bundle is None else bundle
        self._options = {
            "output": None if store is None else Path(store),
            "engine": engine,
            "precision": precision,
            "threads": threads,
            "replay_wait_s": replay_wait_s,
        }
        self._observers = list(observers)
        self._event_functions: list[Callable[[Event], object]] = list(sinks)
        self._frame_functions: list[Callable[[FrameResult], object]] = []
        self._condition_functions: list[Callable[[HealthEvent], object]] = []
        self._pushed: dict[str, PushedSensor] = {}
        self._stop = threading.Event()
        self._callbacks: Callbacks | None = None

    @classmethod
    def from_site(cls, site: Path | str | SiteConfig, **options: Any) -> Self:
        """Watch everything in a site file; options are those of `Watch`. Raises ConfigError."""
        return cls(site=site if isinstance(site, SiteConfig) else load_site(site), **options)

    def add_source(self, camera: str, source: SourceSpec) -> None:
        """Open this source for one of the site's cameras. Raises ConfigError for one that is not there."""
        self._site.camera_named(camera)
        self._sources[camera] = source

    def on_event(self, function: OnEvent) -> OnEvent:
        """Call this function with every event."""
        self._event_functions.append(function)
        return function

    def on_frame(self, function: OnFrame) -> OnFrame:
        """Call this function with every frame."""
        self._frame_functions.append(function)
        return function

    def on_condition(self, function: OnCondition) -> OnCondition:
        """Call this function with every health condition that begins or ends."""
        self._condition_functions.append(function)
        return function

    def sensor(
        self, name: str, kind: Literal["binary", "analog", "pulse"] | None = None, **settings: Any
    ) -> PushedSensor:
        """A sensor whose values this program pushes, without MQTT.

        name is one of the site file's sensors, or else a new one of this kind (binary unless told); settings
        are those of a ``[[sensor]]`` table, such as role, minimum, maximum, period_s and weight.
        Raises ConfigError for settings that cannot be.
        """
        if name not in self._pushed:
            declared = next((sensor for sensor in self._site.sensor if sensor.name == name), None)
            if declared is None:
                new = {"name": name, "topic": pushed_topic(name), "kind": kind or "binary", **settings}
                declared = checked(SensorConfig, **new)
                self._site = checked(self._site, sensor=(*self._site.sensor, declared))
            elif kind is not None or settings:
                raise ConfigError("the site file declares it already", where=f"sensor {name}")
            self._pushed[name] = PushedSensor(declared)
        return self._pushed[name]

    def run(
        self,
        duration_s: float | None = None,
        *,
        stop: threading.Event | None = None,
        manager: ServiceManager | None = None,
    ) -> RunSummary:
        """Watch on the calling thread until the recordings end, duration_s is over, or `stop` is called.

        stop is another way to end it. manager hears of every turn. Raises ConfigError, SourceError,
        BundleError, EngineError or StoreError for what cannot begin, and EngineError when the engine fails.
        """
        return self._run(duration_s, stop, manager)

    def start(self, duration_s: float | None = None) -> Running:
        """Watch on a thread of its own; returns when everything is open. Raises as `run`.

        >>> with Watch("clip.mkv", bundle="my.vadb").start() as running:  # doctest: +SKIP
        ...     summary = running.wait()
        """
        return Running(self, duration_s)

    def stop(self) -> None:
        """End the run, from any thread; returns at once."""
        self._stop.set()

    def _run(
        self,
        duration_s: float | None,
        stop: threading.Event | None = None,
        manager: ServiceManager | None = None,
        observers: Sequence[Observer] = (),
    ) -> RunSummary:
        self._refuse_callback()
        self._stop = stop or threading.Event()
        self._callbacks = Callbacks(self._frame_functions, self._event_functions, self._condition_functions)
        settings = RunSettings(
            site=self._site,
            bundle=self._model(),
            duration_s=duration_s,
            sources=self._sources,
            pushed=tuple(self._pushed.values()),
            **self._options,  # type: ignore[arg-type]
        )
        return run(settings, [*self._observers, self._callbacks, *observers], self._stop, manager)

    def _refuse_callback(self) -> None:
        if self._callbacks is not None and self._callbacks.is_current_thread:
            raise RuntimeError("a callback cannot wait for the run that calls it; use stop()")

    def _model(self) -> Bundle | None:
        if not self._site.camera:
            return None
        if self._bundle is None:
            raise ConfigError(
                "no model is given",
                where="bundle",
                fix="give bundle='NAME.vadb'; `vad-edge export` makes one, `vad-edge demo` has one",
            )
        return load_bundle(self._bundle)

    def _take_source(self, source: SourceSpec, camera: str) -> None:
        if not self._site.camera:
            self._site = checked(self._site, camera=(checked(CameraConfig, name=camera),))
        name = self._site.camera_named(None).name
        self._sources[name] = source
        if isinstance(source, (str, int, Path)):
            self._change_camera(source=source if isinstance(source, int) else str(source))

    def _change_camera(self, **changes: Any) -> None:
        """Change the site's only camera. Raises ConfigError where there are several, or none."""
        camera = self._site.camera_named(None)
        self._site = checked(self._site, camera=(checked(camera, **changes),))


class Running:
    """A run on a thread of its own; leaving its ``with`` block ends it."""

    def __init__(self, watch: Watch, duration_s: float | None) -> None:
        self._watch = watch
        self._summary: RunSummary | None = None
        self._error: BaseException | None = None
        self._begun = _Begun()
        self._thread = threading.Thread(target=self._work, args=(duration_s,), name="watch", daemon=True)
        watch._refuse_callback()
        self._thread.start()
        self._begun.event.wait(_START_S)
        self._raise()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self.wait()

    @property
    def done(self) -> bool:
        """Whether the run is over."""
        return not self._thread.is_alive()

    def stop(self) -> None:
        """End the run, from any thread; returns at once."""
        self._watch.stop()

    def wait(self, timeout_s: float | None = None) -> RunSummary | None:
        """What happened in the run, once it is over; None where it is not within timeout_s.

        Raises what ended the run early, and RuntimeError when called from a callback.
        """
        self._watch._refuse_callback()
        self._thread.join(timeout_s)
        self._raise()
        return self._summary

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _work(self, duration_s: float | None) -> None:
        try:
            self._summary = self._watch._run(duration_s, observers=[self._begun])
        except BaseException as error:  # handed to whoever waits
            self._error = error
        finally:
            self._begun.event.set()


class _Begun(Observer):
    """Notes that everything is open."""

    def __init__(self) -> None:
        self.event = threading.Event()

    def begin(self, *, live: bool) -> None:
        self.event.set()
