"""The engines compiled on this machine, each made once however many processes ask for it."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import logging
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import platformdirs

from vad_edge.common.files import write_atomically
from vad_edge.errors import EngineError
from vad_edge.inference.tensorrt.engine_file import (
    EngineKey,
    cannot_write,
    engine_fits,
    read_engine,
    write_engine,
)

_log = logging.getLogger(__name__)
_DIGEST_BYTES: Final = 32
KEPT: Final = 8
"""So many that were loaded last stay, however long ago: precisions, batches, the release before."""
UNUSED_S: Final = 30 * 86400.0
"""The others stay for so long after they were loaded last."""


class EngineCache:
    """A folder of engine files, named by their key's digest."""

    def __init__(self, folder: Path | None = None) -> None:
        """Use `folder`, which is made when first needed; the user's cache folder by default."""
        self.folder = folder or platformdirs.user_cache_path("vad-edge") / "engines"

    def path(self, key: EngineKey) -> Path:
        """Where the engine of this key is, or will be."""
        return self.folder / f"{key.digest()}.engine"

    def get_or_build(self, key: EngineKey, build: Callable[[], bytes]) -> bytes:
        """The engine of this key, from the cache or from `build`.

        While one process builds, others that want the same engine wait, and then find it. A damaged file
        is thrown away; so are, after a build, engines that have long been of no use, as those of older graphs
        and versions are. Raises what `build` raises, which leaves the cache as it was, and EngineError where
        the folder cannot be written to.
        """
        with self._locked(key):
            engine = self._find(key)
            if engine is None:
                engine = build()
                write_engine(self.path(key), key, engine)
                self._prune()
            return engine

    def set_aside(self, key: EngineKey, sha256: str) -> bool:
        """Take an engine that TensorRT refused out of the way, to have it compiled again.

        False where that was done before and did not help: see `forget_refused`. An engine of another sha256
        than the refused one stays: another process has replaced it. Raises EngineError where the folder
        cannot be written to.
        """
        path, refused = self.path(key), self._refused_path(key)
        with self._locked(key):
            try:
                if not path.exists() or read_engine(path).sha256 != sha256:
                    return True
                if refused.exists():
                    return False
                path.replace(refused)
            except OSError as error:
                raise cannot_write(refused, error) from error
            return True

    def forget_refused(self, key: EngineKey) -> None:
        """Delete what was set aside, once the new one is loaded."""
        with contextlib.suppress(OSError):
            self._refused_path(key).unlink()

    def _refused_path(self, key: EngineKey) -> Path:
        return self.path(key).with_suffix(".refused")

    def timing_cache(self, flavour: str, version: str, device: str) -> bytes:
        """What earlier builds of this TensorRT learned about this device; empty if there is nothing whole."""
        return _read_sealed(self._timing_path(flavour, version, device), "the build is slower without")

    def keep_timing_cache(self, flavour: str, version: str, device: str, timings: bytes) -> None:
        """Keep what a build learned; nothing is lost but time where that fails, so it only warns."""
        _write_sealed(self._timing_path(flavour, version, device), timings, "the next build is slower")

    def kernels(self, key: EngineKey) -> bytes:
        """What an earlier start of this engine compiled; empty if there is nothing whole."""
        return _read_sealed(self._kernels_path(key), "the start is slower without")

    def keep_kernels(self, key: EngineKey, kernels: bytes) -> None:
        """Keep what a start compiled; nothing is lost but time where that fails, so it only warns."""
        _write_sealed(self._kernels_path(key), kernels, "the next start is slower")

    def _kernels_path(self, key: EngineKey) -> Path:
        return self.path(key).with_suffix(".kernels")

    def _timing_path(self, flavour: str, version: str, device: str) -> Path:
        parts = "|".join((flavour, version, device))
        readable = re.sub(r"[^A-Za-z0-9.]+", "-", parts)[:80].strip("-.")
        return self.folder / f"{readable}-{hashlib.sha256(parts.encode()).hexdigest()[:8]}.timing"

    def _find(self, key: EngineKey) -> bytes | None:
        path = self.path(key)
        if not path.exists():
            return None
        try:
            stored = read_engine(path)
        except EngineError as error:
            _log.warning("%s: %s; it is thrown away and compiled again", path, error.what)
        else:
            verdict = engine_fits(stored.key, key)
            if verdict.ok:
                with contextlib.suppress(OSError):  # a folder that may only be read is never pruned
                    os.utime(path)
                return stored.engine
            _log.warning("%s: %s; it is thrown away and compiled again", path, verdict.reason)
        with contextlib.suppress(OSError):  # the new one is written over it
            path.unlink()
        return None

    def _prune(self) -> None:
        """Delete engines, with what belongs to them, that are not among the last and not in use."""
        try:
            loaded = sorted(
                ((path.stat().st_mtime, path) for path in self.folder.glob("*.engine")), reverse=True
            )
            for loaded_s, path in loaded[KEPT:]:
                if time.time() - loaded_s >= UNUSED_S:
                    _delete_unless_locked(path)
        except OSError as error:
            _log.warning("%s: old engines are left: %s", self.folder, error)

    @contextmanager
    def _locked(self, key: EngineKey) -> Iterator[None]:
        """Hold the lock of one key. Its file stays: whoever waits for it holds it open."""
        path = self.path(key).with_suffix(".lock")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            file = path.open("ab")
        except OSError as error:
            raise cannot_write(path, error) from error
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                _log.info("another process compiles this engine; waiting for it")
                fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _delete_unless_locked(engine: Path) -> None:
    with engine.with_suffix(".lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        for suffix in (".engine", ".kernels", ".refused"):
            engine.with_suffix(suffix).unlink(missing_ok=True)
    _log.info("%s has not been loaded for long; it is deleted", engine)


def _read_sealed(path: Path, loss: str) -> bytes:
    """What `_write_sealed` wrote, if it is untouched; else nothing, and a warning of what that costs."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        _log.warning("%s cannot be read: %s; %s", path, error, loss)
        return b""
    digest, content = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
    if hashlib.sha256(content).digest() != digest:
        _log.warning("%s is damaged; %s", path, loss)
        return b""
    return content


def _write_sealed(path: Path, content: bytes, loss: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, hashlib.sha256(content).digest() + content)
    except OSError as error:
        _log.warning("%s cannot be written: %s; %s", path, error, loss)
