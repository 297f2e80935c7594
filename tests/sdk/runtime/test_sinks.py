"""Events reach a sink on a thread of its own, and the run never waits for it."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from tests.support.events import an_event
from tests.support.footage import quiet_frames, with_block, write_video
from tests.support.plugins import InstallPlugin

from vad_edge import Event, Frame, Observer, Watch
from vad_edge.bundle.archive import Bundle
from vad_edge.common.plugin_loader import SINKS
from vad_edge.errors import ConfigError, PluginError
from vad_edge.plugins import open_sink
from vad_edge.runtime.sinks import SinkObserver, SinkThread, opened_sinks


class Taking:
    """A sink that keeps what it takes; it waits for `gate`, and raises while it is broken."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.gate = threading.Event()
        self.gate.set()
        self.broken = False
        self.called = threading.Semaphore(0)
        self.closed = 0

    def __call__(self, event: Event) -> None:
        self.called.release()
        assert self.gate.wait(60)
        if self.broken:
            raise OSError("no paper\nat all")
        self.taken.append(event.id)

    def close(self) -> None:
        self.closed += 1


def test_a_sink_gets_every_event_in_order_and_is_closed() -> None:
    sink = Taking()
    thread = SinkThread("printer", sink)
    for number in range(20):
        thread.submit(an_event(id=str(number)))
    thread.close()
    assert sink.taken == [str(number) for number in range(20)]
    assert (sink.closed, thread.lost, thread.problem) == (1, 0, "")


def test_a_plain_function_is_a_sink() -> None:
    taken: list[Event] = []
    thread = SinkThread("list", taken.append)
    thread.submit(an_event())
    thread.close()
    assert taken == [an_event()]


def test_a_slow_sink_loses_the_oldest_events_and_says_so_until_it_is_through(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sink = Taking()
    sink.gate.clear()
    thread = SinkThread("printer", sink, room=3)
    thread.submit(an_event(id="first"))
    assert sink.called.acquire(timeout=60)
    for number in range(5):
        thread.submit(an_event(id=str(number)))
    assert (thread.lost, thread.problem) == (2, "it is too slow; events lost to it: 2")
    sink.gate.set()
    thread.close()
    assert sink.taken == ["first", "2", "3", "4"]
    assert (thread.lost, thread.problem) == (2, "")
    assert "printer is too slow" in caplog.text


def test_an_event_that_a_sink_raises_for_is_lost_and_the_next_is_tried(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sink = Taking()
    sink.broken = True
    thread = SinkThread("printer", sink)
    with caplog.at_level(logging.INFO, logger="vad_edge"):
        for number in range(3):
            thread.submit(an_event(id=str(number)))
            assert sink.called.acquire(timeout=60)
        thread.close()
    assert (sink.taken, sink.closed, thread.lost) == ([], 1, 3)
    assert thread.problem == "it raised OSError: no paper; events lost to it: 3"
    assert [r.getMessage() for r in caplog.records if "fails" in r.getMessage()] == [
        "printer fails: it raised OSError: no paper"
    ]


def test_a_sink_that_works_again_has_no_problem() -> None:
    sink = Taking()
    sink.broken = True
    thread = SinkThread("printer", sink)
    sink.gate.clear()
    thread.submit(an_event(id="lost"))
    assert sink.called.acquire(timeout=60)
    thread.submit(an_event(id="taken"))
    sink.gate.set()
    assert sink.called.acquire(timeout=60)
    sink.broken = False
    thread.submit(an_event(id="last"))
    thread.close()
    assert thread.problem == ""
    assert sink.taken[-1] == "last"


def test_the_end_does_not_wait_for_a_sink_that_hangs(caplog: pytest.LogCaptureFixture) -> None:
    sink = Taking()
    sink.gate.clear()
    thread = SinkThread("printer", sink)
    thread.submit(an_event(id="hangs"))
    assert sink.called.acquire(timeout=60)
    thread.submit(an_event(id="waits"))
    thread.close(timeout_s=0.01)
    assert thread.lost == 1
    assert "printer does not return" in caplog.text
    sink.gate.set()


def test_a_sink_that_cannot_be_closed_is_left(caplog: pytest.LogCaptureFixture) -> None:
    class Stuck(Taking):
        def close(self) -> None:
            raise OSError("busy")

    SinkThread("printer", Stuck()).close()
    assert "printer: closing it failed: OSError('busy')" in caplog.text


LAMP = """
from vad_edge.plugins import plugin
opened = []
closed = []
class Lamp:
    def __init__(self, argument):
        self.argument = argument
        opened.append(argument)
    def __call__(self, event):
        raise RuntimeError("burnt out")
    def close(self):
        closed.append(self.argument)
@plugin(api_version=1)
def lamp(argument):
    if argument == "blue":
        raise ValueError("only red and green")
    return 3 if argument == "none" else Lamp(argument)
"""


def test_sinks_are_opened_by_name_with_their_argument_and_closed(install_plugin: InstallPlugin) -> None:
    install_plugin("lamp_sink", {SINKS: {"lamp": "lamp_sink:lamp"}}, LAMP)
    import lamp_sink  # type: ignore[import-not-found]

    with opened_sinks(["lamp=red=1", "lamp"]) as sinks:
        assert [sink.name for sink in sinks] == ["sink lamp", "sink lamp 2"]
        assert lamp_sink.opened == ["red=1", ""]
    assert lamp_sink.closed == ["red=1", ""]


@pytest.mark.parametrize(
    ("spec", "kind", "reason"),
    [
        ("horn", ConfigError, "--sink: there is no sink 'horn'; give one of lamp; see `vad-edge plugins`"),
        ("lamp=blue", PluginError, "sink lamp: it does not open: ValueError: only red and green; check its"),
        ("lamp=none", PluginError, "sink lamp: it opens int, which cannot be called"),
    ],
)
def test_a_sink_that_cannot_be_opened_is_an_error_with_its_fix(
    install_plugin: InstallPlugin, spec: str, kind: type[Exception], reason: str
) -> None:
    install_plugin("lamp_sink", {SINKS: {"lamp": "lamp_sink:lamp"}}, LAMP)
    with pytest.raises(kind) as caught:
        open_sink(spec)
    assert str(caught.value).startswith(reason)


def test_without_any_plugin_the_fix_is_to_install_one() -> None:
    with pytest.raises(ConfigError, match=r"no sink 'horn'; install the plug-in that brings it"):
        open_sink("horn")


def test_a_sink_that_fails_is_a_condition_and_the_run_ends_as_ever(
    calibrated_bundle: Bundle, tmp_path: Path
) -> None:
    clip = write_video(tmp_path / "clip.mkv", with_block(quiet_frames(120, seed=1), 40, 50))
    sink = Taking()
    sink.broken = True
    thread = SinkThread("sink printer", sink)

    class Waiting(Observer):
        """Holds the run up until the sink has failed."""

        def on_frame(self, frame: Frame) -> None:
            until = time.monotonic() + 60
            while frame.index == 110 and not thread.problem and time.monotonic() < until:
                time.sleep(0.01)

    watch = Watch(
        clip,
        bundle=calibrated_bundle,
        store=tmp_path / "store",
        observers=[SinkObserver(thread), Waiting()],
    )
    changes: list[Any] = []
    watch.on_condition(changes.append)
    summary = watch.run()
    thread.close()
    assert (summary.frames, summary.problems) == (120, ())
    assert thread.lost == summary.events > 0
    assert ("observer_behind", "sink printer") in [(change.code, change.subject) for change in changes]


def test_a_sink_goes_on_where_a_run_begins_again(calibrated_bundle: Bundle, tmp_path: Path) -> None:
    clip = write_video(tmp_path / "clip.mkv", with_block(quiet_frames(120, seed=1), 40, 50))
    sink = Taking()
    thread = SinkThread("sink printer", sink)
    watch = Watch(clip, bundle=calibrated_bundle, store=tmp_path / "store", observers=[SinkObserver(thread)])
    events = watch.run().events + watch.run().events
    assert sink.closed == 0
    thread.close()
    assert len(sink.taken) == events > 0
    assert sink.closed == 1
