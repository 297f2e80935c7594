"""What plug-ins are written against: its names, and sources of a program's own in a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tests.support.footage import quiet_frames

import vad_edge
from vad_edge import plugins
from vad_edge.bundle.archive import Bundle

NAMES = """
API_VERSION Bridge BridgeContext Bundle Engine EngineBackend Event Frame GROUPS Graph Manifest ModelPlugin
Plugin Precision RunClock Sink SinkFactory Source SourceFactory SourceInfo SourceRequest StepInputs
StepOutputs Verdict checked found open_sink plugin step_inputs to_cloudevent
"""


class Clip:
    """A live source of pictures; `broken_at` is the one that does not come."""

    opened = 0

    def __init__(self, request: plugins.SourceRequest, broken_at: int | None = None) -> None:
        type(self).opened += 1
        self._pictures = quiet_frames(20)
        self._index, self._broken_at, self._clock = 0, broken_at, request.clock
        self.info = plugins.SourceInfo("clip", broken_at is not None, 10.0, 48, 32)

    def read(self) -> plugins.Frame | None:
        if self._index == self._broken_at:
            raise OSError("the cable is loose")
        if self._index == len(self._pictures):
            return None
        time_s = self._clock.now() if self.info.live else self._index / 10
        self._index += 1
        return plugins.Frame(self._index, time_s, np.asarray(self._pictures[self._index - 1], np.uint8))

    def close(self) -> None: ...


def test_the_names_that_plugins_are_written_against_are_these() -> None:
    assert sorted(plugins.__all__) == sorted(NAMES.split())
    assert all(getattr(plugins, name) is not None for name in plugins.__all__)


def test_a_class_is_watched_and_scored_like_a_recording(calibrated_bundle: Bundle, tmp_path: Path) -> None:
    summary = vad_edge.Watch(Clip, bundle=calibrated_bundle, store=tmp_path).run()
    assert (summary.frames, summary.problems) == (20, ())
    assert len(list(vad_edge.score(Clip, bundle=calibrated_bundle))) == 20


def test_a_live_source_that_raises_is_lost_with_its_reason_and_opened_again(
    calibrated_bundle: Bundle, tmp_path: Path
) -> None:
    messages: list[str] = []

    class Loose(Clip):
        opened = 0

        def __init__(self, request: plugins.SourceRequest) -> None:
            if Loose.opened and not messages:
                raise OSError("the cable is loose")
            super().__init__(request, broken_at=3)

    watch = vad_edge.Watch(Loose, bundle=calibrated_bundle, store=tmp_path)

    @watch.on_frame
    def look(frame: vad_edge.Frame) -> None:
        if Loose.opened > 1:
            watch.stop()

    @watch.on_condition
    def note(change: object) -> None:
        messages.append(str(change))

    watch.run(duration_s=60)
    assert Loose.opened > 1
    assert any("Loose: OSError: the cable is loose" in message for message in messages)
