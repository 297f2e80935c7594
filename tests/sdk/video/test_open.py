from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.plugins import InstallPlugin

from vad_edge.clock import LiveClock, MediaClock
from vad_edge.common.plugin_loader import SOURCES
from vad_edge.errors import ConfigError, SourceError
from vad_edge.video.frame import Frame
from vad_edge.video.open import can_reopen, open_source, split_scheme
from vad_edge.video.source import SourceInfo, SourceRequest

NOISE = """
import numpy as np
from vad_edge.common.plugin_loader import plugin
from vad_edge.video.frame import Frame
from vad_edge.video.source import SourceInfo

@plugin(api_version=1)
class Noise:
    def __init__(self, request):
        self.request, self.index = request, 0
        self.info = SourceInfo("noise " + request.place, False, request.fps, 8, 6, codec="h264")
    def read(self):
        self.index += 1
        return Frame(self.index, self.index / 10, np.zeros((6, 8, 3), np.uint8)) if self.index < 4 else None
    def close(self): ...
"""


class Three:
    """A source of three frames; `gives` changes what it gives."""

    def __init__(self, gives: Callable[[int], object] = lambda index: picture(index / 10)) -> None:
        self.info = SourceInfo("three", False, 10.0, 8, 6)
        self.index = 0
        self.closed = False
        self._gives = gives

    def read(self) -> Frame | None:
        self.index += 1
        return self._gives(self.index) if self.index < 4 else None  # type: ignore[return-value]

    def close(self) -> None:
        self.closed = True


def picture(time_s: float) -> Frame:
    return Frame(0, time_s, np.zeros((6, 8, 3), np.uint8))


def test_a_scheme_opens_the_plugin_of_its_name_with_what_follows_it(install_plugin: InstallPlugin) -> None:
    install_plugin("noise", {SOURCES: {"noise": "noise:Noise"}}, NOISE)
    source = open_source("NOISE://64x48?seed=1", LiveClock(), fps=5)
    assert (source.info.name, source.info.fps) == ("noise 64x48?seed=1", 5)
    frames = [source.read() for _ in range(4)]
    assert [frame is not None for frame in frames] == [True, True, True, False]
    assert source.truncated is None


def test_the_codec_of_a_plugin_is_not_taken_for_that_of_a_stream_of_ours(
    install_plugin: InstallPlugin,
) -> None:
    install_plugin("noise", {SOURCES: {"noise": "noise:Noise"}}, NOISE)
    assert open_source("noise://", LiveClock()).info.codec == ""


def test_a_plugin_that_calls_itself_by_its_url_shows_no_password(install_plugin: InstallPlugin) -> None:
    source = NOISE.replace('"noise " + request.place', '"noise://" + request.place')
    install_plugin("noise", {SOURCES: {"noise": "noise:Noise"}}, source)
    assert open_source("noise://me:secret@x", LiveClock()).info.name == "noise://***@x"


def test_a_scheme_of_our_own_is_never_a_plugins(install_plugin: InstallPlugin) -> None:
    install_plugin("noise", {SOURCES: {"file": "noise:Noise"}}, NOISE)
    with pytest.raises(SourceError, match="/none: no such file"):
        open_source("file:///none", LiveClock())


def test_a_broken_plugin_is_a_source_that_cannot_be_opened_with_its_reason(
    install_plugin: InstallPlugin,
) -> None:
    install_plugin("noise", {SOURCES: {"noise": "noise:Noise"}}, "raise RuntimeError('no dice')")
    with pytest.raises(
        SourceError, match=r"noise://\*\*\*@x: plug-in noise .*RuntimeError: no dice; reinstall"
    ) as caught:
        open_source("noise://secret@x", LiveClock())
    assert "secret" not in str(caught.value)


def test_a_scheme_of_no_plugin_says_where_to_look() -> None:
    with pytest.raises(SourceError, match=r"no plug-in brings nois://.*`vad-edge plugins` lists"):
        open_source("nois://", LiveClock())


def test_a_factory_is_called_with_the_clock_and_the_rate() -> None:
    asked: list[SourceRequest] = []

    def make(request: SourceRequest) -> Three:
        asked.append(request)
        return Three()

    clock = MediaClock()
    source = open_source(make, clock, fps=7)
    assert asked == [SourceRequest("", clock, 7)]
    assert source.read() is not None
    assert can_reopen(make)


def test_a_class_whose_objects_are_sources_is_a_factory() -> None:
    class Made(Three):
        def __init__(self, request: SourceRequest) -> None:
            super().__init__()

    assert open_source(Made, LiveClock()).info.name == "three"
    assert can_reopen(Made)


def test_a_source_is_taken_as_it_is_and_cannot_be_opened_again() -> None:
    own = Three()
    source = open_source(own, LiveClock())
    assert source.read() is not None
    source.close()
    assert own.closed
    assert not can_reopen(own)


def test_what_is_neither_a_name_nor_a_source_says_what_would_be() -> None:
    with pytest.raises(SourceError, match=r"list is no source; give a path, a URL, an object with read\(\)"):
        open_source([], LiveClock())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("gives", "fault"),
    [
        (lambda _: 3, "it gave int, not a Frame"),
        (lambda _: Frame(0, 0.0, np.zeros((6, 8, 3))), "image is float64, not uint8"),  # type: ignore[arg-type]
        (lambda _: Frame(0, 0.0, [1]), "image is list, not uint8"),  # type: ignore[arg-type]
        (lambda _: Frame(0, 0.0, np.zeros((6, 8), np.uint8)), r"shape \(6, 8\), not \(H, W, 3\)"),
        (lambda _: Frame(0, 0.0, np.zeros((0, 8, 3), np.uint8)), r"shape \(0, 8, 3\)"),
        (lambda _: picture(float("nan")), "time is nan"),
        (lambda index: picture(5.0 - index), "time is 3 s, earlier than the 4 s"),
        (lambda _: 1 / 0, "ZeroDivisionError: division by zero"),
    ],
)
def test_whatever_a_foreign_source_does_wrong_is_a_source_error(
    gives: Callable[[int], object], fault: str
) -> None:
    source = open_source(Three(gives), LiveClock())
    with pytest.raises(SourceError, match=f"Three: .*{fault}.*; this is a fault of the source itself"):
        [source.read() for _ in range(3)]


def test_a_factory_that_fails_is_a_source_error_with_its_own_words() -> None:
    def fail(request: SourceRequest) -> Three:
        raise OSError("no such card")

    def refuse(request: SourceRequest) -> Three:
        raise SourceError("no card", where="slot 1", fix="plug one in")

    def misread(request: SourceRequest) -> Three:
        raise ConfigError("8 is no channel", where="noise", fix="give 1 to 4")

    with pytest.raises(SourceError, match="fail: OSError: no such card"):
        open_source(fail, LiveClock())
    with pytest.raises(SourceError, match=r"^slot 1: no card; plug one in$"):
        open_source(refuse, LiveClock())
    with pytest.raises(SourceError, match=r"^misread: noise: 8 is no channel; give 1 to 4$"):
        open_source(misread, LiveClock())


def test_what_a_factory_makes_must_be_a_source() -> None:
    class Nameless(Three):
        def __init__(self) -> None:
            super().__init__()
            self.info = {"name": "three"}  # type: ignore[assignment]

    with pytest.raises(SourceError, match="it has no info, so it is no source"):
        open_source(lambda request: object(), LiveClock())  # type: ignore[arg-type, return-value]
    with pytest.raises(SourceError, match="its info is dict, not SourceInfo"):
        open_source(lambda request: Nameless(), LiveClock())


def test_a_source_that_fails_to_close_is_left(caplog: pytest.LogCaptureFixture) -> None:
    class Stuck(Three):
        def close(self) -> None:
            raise OSError("busy")

    open_source(Stuck(), LiveClock()).close()
    assert "Stuck: closing it failed: OSError('busy')" in caplog.text


SCHEMES = st.from_regex(r"\A[A-Za-z][A-Za-z0-9+.-]{0,10}\Z")


@given(scheme=SCHEMES, place=st.text())
def test_every_url_comes_apart_into_its_scheme_and_the_rest(scheme: str, place: str) -> None:
    assert split_scheme(f"{scheme}://{place}") == (scheme.lower(), place)


@given(text=st.text())
def test_what_is_no_url_has_no_scheme_and_stays_whole(text: str) -> None:
    scheme, rest = split_scheme(text)
    if scheme:
        assert text.lower() == f"{scheme}://{rest}".lower()
    else:
        assert rest == text
