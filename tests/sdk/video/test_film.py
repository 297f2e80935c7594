from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.support.browser import Browser
from tests.support.ffmpeg import Ffmpeg
from tests.support.footage import Image, quiet_frames, with_block
from tests.support.mosquitto import wait_until
from tests.support.small_disk import fill

from vad_edge.errors import OutputError
from vad_edge.video import film
from vad_edge.video.ffmpeg import h264_encoder
from vad_edge.video.film import EncodedFilm, Film, SteppedFilm, open_film

SIZE = (320, 240)


def pictures(count: int) -> list[Image]:
    return with_block(quiet_frames(count, height=240, width=320), 0, count - 1)


def process_of(made: EncodedFilm) -> int:
    assert made._process is not None
    return made._process.pid


@pytest.fixture(params=["h264", "vp8"])
def opened(request: pytest.FixtureRequest, tmp_path: Path, ffmpeg: Ffmpeg) -> Film:
    if request.param == "h264":
        return open_film(tmp_path / "a film", SIZE)
    return SteppedFilm(tmp_path / "film.webm", SIZE)


def fill_film(opened: Film, times: list[float]) -> Path:
    for image, time_s in zip(pictures(len(times)), times, strict=True):
        opened.write(image, time_s)
    opened.close()
    return opened.path


@pytest.mark.parametrize("fps", [5, 25, 60])
def test_a_film_lasts_as_long_as_its_footage_within_a_frame(opened: Film, ffmpeg: Ffmpeg, fps: int) -> None:
    count = 4 * fps
    path = fill_film(opened, [7.0 + n / fps for n in range(count)])
    assert abs(ffmpeg.facts(path).duration_s - count / fps) < 1 / min(fps, 25)


def test_a_film_of_footage_whose_rate_changes_shows_each_picture_at_its_time(
    ffmpeg: Ffmpeg, tmp_path: Path
) -> None:
    times = [*(n / 25 for n in range(50)), *(2 + n / 8 for n in range(16)), 9.0, 9.04]
    path = fill_film(open_film(tmp_path / "film", SIZE), times)
    np.testing.assert_allclose(ffmpeg.times(path), times, atol=0.001)


def test_a_stepped_film_of_footage_whose_rate_changes_is_as_long(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    times = [*(n / 25 for n in range(50)), *(2 + n / 8 for n in range(16)), 9.0, 9.04]
    path = fill_film(SteppedFilm(tmp_path / "film.webm", SIZE), times)
    assert abs(ffmpeg.facts(path).duration_s - 9.08) < 0.05


@pytest.mark.parametrize("count", [0, 1])
def test_a_film_of_less_than_two_pictures_is_closed(opened: Film, ffmpeg: Ffmpeg, count: int) -> None:
    fill_film(opened, [1.0] * count)
    if count:
        assert len(ffmpeg.times(opened.path)) == 1


def test_times_that_stand_still_or_fall_keep_every_picture(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    path = fill_film(open_film(tmp_path / "film", SIZE), [0.0, 0.0, 0.1, 0.05, 0.2])
    assert len(ffmpeg.times(path)) == 5


def test_pictures_that_change_their_size_are_fitted(opened: Film, ffmpeg: Ffmpeg) -> None:
    opened.write(pictures(1)[0], 0.0)
    opened.write(quiet_frames(1, height=48, width=64)[0], 0.1)
    opened.close()
    assert len(ffmpeg.times(opened.path)) == 2


def test_a_browser_plays_a_film(opened: Film, browser: Browser) -> None:
    path = fill_film(opened, [n / 20 for n in range(80)])
    played = browser.play(path, until_s=3.0)
    assert (played.error, played.width, played.height) == ("", *SIZE)
    assert abs(played.duration - 4.0) < 0.06
    assert played.frames > 20


def test_a_film_whose_encoder_is_killed_is_of_use_up_to_the_last_two_seconds(
    ffmpeg: Ffmpeg, tmp_path: Path
) -> None:
    encoder = h264_encoder()
    assert encoder is not None
    made = EncodedFilm(tmp_path / "film.mp4", SIZE, encoder)
    shown = pictures(100)
    for number, image in enumerate(shown):
        made.write(image, number / 10)
    wait_until(lambda: len(ffmpeg.times(made.path)) >= 80, "fragments")
    os.kill(process_of(made), signal.SIGKILL)

    def go_on() -> None:
        for number, image in enumerate(shown):
            made.write(image, 10 + number / 10)

    with pytest.raises(OutputError, match=r"film\.mp4: cannot write the video: the encoder ended"):
        go_on()
    with pytest.raises(OutputError, match="the encoder ended"):
        made.close()
    assert ffmpeg.times(made.path)[-1] >= 7.9


ENDLESS = """
import sys, time
from pathlib import Path
import numpy as np
from vad_edge.video.film import open_film
film = open_film(Path(sys.argv[1]), (320, 240))
image = np.full((240, 320, 3), 90, np.uint8)
for number in range(10**6):
    film.write(image, number / 10)
    if number == 60:
        print("there", flush=True)
        time.sleep(60)
"""


def test_a_film_whose_program_is_killed_is_whole(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    program = subprocess.Popen(
        [sys.executable, "-c", ENDLESS, str(tmp_path / "film")], stdout=subprocess.PIPE, text=True
    )
    assert program.stdout is not None
    assert program.stdout.readline() == "there\n"
    program.kill()
    program.wait()
    program.stdout.close()
    wait_until(lambda: len(ffmpeg.times(tmp_path / "film.mp4")) == 61, "the rest of the film")


def write_noise(made: Film, seconds: int) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (720, 1280, 3), np.uint8)
    for number in range(10 * seconds):
        made.write(np.roll(noise, 37 * number, 1), number / 10)
    made.close()


def test_a_film_that_fills_the_disk_says_so_and_keeps_what_it_has(ffmpeg: Ffmpeg, small_disk: Path) -> None:
    made = open_film(small_disk / "film", (1280, 720))
    with pytest.raises(OutputError, match=r"film\.mp4: cannot write .* No space left on device"):
        write_noise(made, 20)
    assert len(ffmpeg.times(made.path)) >= 10


def test_a_stepped_film_on_a_full_disk_says_so(small_disk: Path) -> None:
    made = SteppedFilm(small_disk / "film.webm", (1280, 720))
    fill(small_disk)
    with pytest.raises(OutputError, match=r"film\.webm: the disk is full, so the video is cut"):
        write_noise(made, 2)


def test_without_ffmpeg_a_film_is_webm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(film, "h264_encoder", lambda: None)
    made = open_film(tmp_path / "camera.1", SIZE)
    assert fill_film(made, [0.0, 0.1, 0.2]).name == "camera.1.webm"


def test_an_encoder_that_does_not_answer_is_ended(tmp_path: Path, ffmpeg: Ffmpeg) -> None:
    encoder = h264_encoder()
    assert encoder is not None
    made = EncodedFilm(tmp_path / "film.mp4", SIZE, encoder)
    made.write(pictures(1)[0], 0.0)
    made.write(pictures(1)[0], 0.1)
    os.kill(process_of(made), signal.SIGSTOP)
    made.abandon()
    with pytest.raises(OutputError, match="the encoder ended"):
        made.close()
