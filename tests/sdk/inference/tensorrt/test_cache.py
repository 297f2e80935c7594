from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from vad_edge.errors import EngineError
from vad_edge.inference.tensorrt import engine_file
from vad_edge.inference.tensorrt.cache import KEPT, EngineCache
from vad_edge.inference.tensorrt.engine_file import EngineKey, read_engine, write_engine

# Says when it builds, and builds until there is a file "go".
BUILDER = """
import logging, sys, time
from pathlib import Path
from vad_edge.inference.tensorrt.cache import EngineCache
from vad_edge.inference.tensorrt.engine_file import EngineKey

logging.basicConfig(level="INFO", format="%(message)s")
folder, name = Path(sys.argv[1]), sys.argv[2]

def build():
    (folder / f"{name}.builds").touch()
    while not (folder / "go").exists():
        time.sleep(0.01)
    return name.encode()

key = EngineKey("ab", "int8", "tensorrt", "10.3", "Orin", "8.7", "", 1, 64, False)
print(EngineCache(folder / "cache").get_or_build(key, build).decode())
"""


def builder(folder: Path, name: str) -> subprocess.Popen[bytes]:
    log = (folder / f"{name}.log").open("wb")
    with log:
        return subprocess.Popen(
            [sys.executable, "-c", BUILDER, str(folder), name], stdout=subprocess.PIPE, stderr=log
        )


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def never() -> bytes:
    raise AssertionError("it builds")


@pytest.fixture
def cache(tmp_path: Path) -> EngineCache:
    return EngineCache(tmp_path / "engines")


def test_the_cache_is_the_users_by_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert EngineCache().folder == tmp_path / "vad-edge" / "engines"


def test_an_engine_is_built_once(cache: EngineCache, key: EngineKey) -> None:
    assert cache.get_or_build(key, lambda: b"first") == b"first"
    assert cache.get_or_build(key, never) == b"first"
    assert cache.get_or_build(replace(key, batch=2), lambda: b"second") == b"second"


def test_the_second_process_waits_and_finds_the_engine_of_the_first(tmp_path: Path) -> None:
    with builder(tmp_path, "first") as first:
        wait_for((tmp_path / "first.builds").exists)
        with builder(tmp_path, "second") as second:
            wait_for(lambda: "waiting for it" in (tmp_path / "second.log").read_text())
            (tmp_path / "go").touch()
            assert first.communicate(timeout=20)[0] == b"first\n"
            assert second.communicate(timeout=20)[0] == b"first\n"
    assert not (tmp_path / "second.builds").exists()


def test_a_process_that_dies_while_it_builds_lets_the_next_one_build(tmp_path: Path) -> None:
    with builder(tmp_path, "first") as first:
        wait_for((tmp_path / "first.builds").exists)
        with builder(tmp_path, "second") as second:
            wait_for(lambda: "waiting for it" in (tmp_path / "second.log").read_text())
            first.kill()
            (tmp_path / "go").touch()
            assert second.communicate(timeout=20)[0] == b"second\n"


@pytest.mark.parametrize("damage", [b"", b"\0" * 4096, b"VADENGINE1\n{}\n"])
def test_a_damaged_engine_is_thrown_away_and_built_again(
    damage: bytes, cache: EngineCache, key: EngineKey, caplog: pytest.LogCaptureFixture
) -> None:
    cache.get_or_build(key, lambda: b"first")
    cache.path(key).write_bytes(damage)
    assert cache.get_or_build(key, lambda: b"second") == b"second"
    assert "thrown away and compiled again" in caplog.text
    assert cache.get_or_build(key, never) == b"second"


def test_an_engine_under_anothers_name_is_not_used(
    cache: EngineCache, key: EngineKey, caplog: pytest.LogCaptureFixture
) -> None:
    other = replace(key, device="Orin Nano")
    cache.get_or_build(other, lambda: b"others")
    write_engine(cache.path(key), other, b"others")
    assert cache.get_or_build(key, lambda: b"mine") == b"mine"
    assert "it was built for Orin Nano, this is" in caplog.text


def test_a_build_that_fails_leaves_the_cache_as_it_was(cache: EngineCache, key: EngineKey) -> None:
    def fails() -> bytes:
        raise EngineError("refused")

    with pytest.raises(EngineError, match="refused"):
        cache.get_or_build(key, fails)
    assert [path.suffix for path in cache.folder.iterdir()] == [".lock"]
    assert cache.get_or_build(key, lambda: b"later") == b"later"


def aged(cache: EngineCache, key: EngineKey, days: float) -> EngineKey:
    """An engine that was loaded so many days ago for the last time."""
    cache.folder.mkdir(exist_ok=True)
    write_engine(cache.path(key), key, b"old")
    loaded_s = time.time() - days * 86400.0
    os.utime(cache.path(key), (loaded_s, loaded_s))
    return key


def test_engines_that_are_of_no_use_any_more_are_deleted_after_a_build(
    cache: EngineCache, key: EngineKey
) -> None:
    old = [aged(cache, replace(key, driver=str(number)), 100.0 + number) for number in range(KEPT + 2)]
    cache.keep_kernels(old[-1], b"kernels")
    cache.get_or_build(key, lambda: b"new")
    assert [other for other in old if not cache.path(other).exists()] == old[KEPT - 1 :]
    assert cache.kernels(old[-1]) == b""


def test_an_engine_that_is_loaded_or_young_stays(cache: EngineCache, key: EngineKey) -> None:
    young = [aged(cache, replace(key, driver=str(number)), 29.0) for number in range(KEPT + 2)]
    loaded = aged(cache, replace(key, batch=7), 300.0)
    cache.get_or_build(loaded, never)
    cache.get_or_build(key, lambda: b"new")
    assert all(cache.path(other).exists() for other in (*young, loaded))


def test_an_engine_that_another_process_has_in_its_hands_stays(cache: EngineCache, key: EngineKey) -> None:
    old = [aged(cache, replace(key, driver=str(number)), 100.0 + number) for number in range(KEPT + 1)]
    with cache.path(old[-1]).with_suffix(".lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        cache.get_or_build(key, lambda: b"new")
    assert [other for other in old if not cache.path(other).exists()] == [old[-2]]


def test_a_full_disk_is_said(cache: EngineCache, key: EngineKey, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(engine_file, "write_atomically", full)
    with pytest.raises(EngineError, match="the disk is full"):
        cache.get_or_build(key, lambda: b"engine")
    assert not cache.path(key).exists()


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path, key: EngineKey) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EngineError, match=r"cannot be written: .*; choose another place"):
        EngineCache(tmp_path / "file" / "engines").get_or_build(key, never)


def test_timings_are_kept_for_each_version_and_device(cache: EngineCache) -> None:
    assert cache.timing_cache("tensorrt", "10.3.0", "Orin NX, 8 SMs/x") == b""
    cache.keep_timing_cache("tensorrt", "10.3.0", "Orin NX, 8 SMs/x", b"timings")
    assert cache.timing_cache("tensorrt", "10.3.0", "Orin NX, 8 SMs/x") == b"timings"
    assert cache.timing_cache("tensorrt", "10.3.0", "Orin NX, 8 SMs x") == b""
    assert cache.timing_cache("tensorrt", "11.4.0", "Orin NX, 8 SMs/x") == b""


def test_damaged_timings_are_left_out(cache: EngineCache, caplog: pytest.LogCaptureFixture) -> None:
    cache.keep_timing_cache("tensorrt", "10.3.0", "Orin", b"timings")
    [path] = cache.folder.iterdir()
    path.write_bytes(path.read_bytes()[:-1])
    assert cache.timing_cache("tensorrt", "10.3.0", "Orin") == b""
    assert "is damaged" in caplog.text


def test_timings_that_cannot_be_kept_only_warn(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    with caplog.at_level(logging.WARNING):
        EngineCache(tmp_path / "file").keep_timing_cache("tensorrt", "10.3.0", "Orin", b"timings")
    assert "the next build is slower" in caplog.text


def stored_sha256(cache: EngineCache, key: EngineKey) -> str:
    return read_engine(cache.path(key)).sha256


def test_a_refused_engine_is_set_aside_once(cache: EngineCache, key: EngineKey) -> None:
    cache.get_or_build(key, lambda: b"refused")
    assert cache.set_aside(key, stored_sha256(cache, key))
    assert not cache.path(key).exists()
    cache.get_or_build(key, lambda: b"refused again")
    assert not cache.set_aside(key, stored_sha256(cache, key))
    assert cache.get_or_build(key, never) == b"refused again"


def test_once_the_new_one_is_loaded_another_refusal_may_set_it_aside(
    cache: EngineCache, key: EngineKey
) -> None:
    cache.get_or_build(key, lambda: b"refused")
    cache.set_aside(key, stored_sha256(cache, key))
    cache.get_or_build(key, lambda: b"taken")
    cache.forget_refused(key)
    assert cache.set_aside(key, stored_sha256(cache, key))


def test_an_engine_that_another_process_replaced_meanwhile_stays(cache: EngineCache, key: EngineKey) -> None:
    cache.get_or_build(key, lambda: b"new")
    assert cache.set_aside(key, "00" * 32)
    assert cache.get_or_build(key, never) == b"new"
    assert cache.set_aside(replace(key, batch=9), "00" * 32)


def test_an_engine_with_an_older_key_is_thrown_away(
    cache: EngineCache, key: EngineKey, caplog: pytest.LogCaptureFixture
) -> None:
    cache.get_or_build(key, lambda: b"first")
    magic, header, engine = cache.path(key).read_bytes().split(b"\n", 2)
    old = json.loads(header)
    del old["key"]["driver"]
    cache.path(key).write_bytes(b"\n".join([magic, json.dumps(old).encode(), engine]))
    assert cache.get_or_build(key, lambda: b"second") == b"second"
    assert "its header is damaged" in caplog.text


def test_what_cannot_be_an_engine_does_not_keep_one_from_being_asked_for(
    cache: EngineCache, key: EngineKey
) -> None:
    cache.path(key).mkdir(parents=True)
    with pytest.raises(EngineError, match="cannot be written"):
        cache.get_or_build(key, lambda: b"engine")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 KiB; only root may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("a file system can be mounted by root only")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_fills_up_is_said_and_leaves_the_other_engines_whole(
    small_disk: Path, key: EngineKey
) -> None:
    cache = EngineCache(small_disk / "engines")
    other = replace(key, batch=2)
    cache.get_or_build(other, lambda: b"other" * 1000)
    with pytest.raises(EngineError, match="the disk is full; free some space and compile again"):
        cache.get_or_build(key, lambda: b"large" * 100_000)
    assert {path.suffix for path in cache.folder.iterdir()} == {".engine", ".lock"}
    assert cache.get_or_build(other, never) == b"other" * 1000
    assert cache.get_or_build(key, lambda: b"small") == b"small"
