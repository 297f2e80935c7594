"""The engine file: a magic line, a line of JSON with key and sha256, then what TensorRT serialised."""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from vad_edge.common.explain import first_problem, system_errors_as
from vad_edge.common.files import write_atomically
from vad_edge.common.verdict import Verdict
from vad_edge.errors import EngineError

_WORDS: Final[Mapping[str, str]] = {
    "graph_sha256": "it was compiled from graph {found:.12}, this is graph {wanted:.12}",
    "precision": "it is {found}, asked for is {wanted}",
    "flavour": "it was built by {found}, here is {wanted}",
    "flavour_version": "it was built by version {found}, here is version {wanted}",
    "device": "it was built for {found}, this is {wanted}",
    "capability": "it was built for compute capability {found}, this is {wanted}",
    "driver": "it was built under driver {found}, here is {wanted}",
    "batch": "it was built for a batch of {found}, asked for is {wanted}",
    "workspace_mb": "it was built with {found} MB of workspace, asked for are {wanted} MB",
    "dla": "it was built with DLA {found}, asked for is {wanted}",
}


@dataclass(frozen=True, slots=True)
class EngineKey:
    """The parts that decide what an engine is.

    device is the name of the GPU with its board, or the ahead-of-time target; capability is such as
    ``8.7``; driver is empty where it cannot be read, and ahead of time.
    """

    graph_sha256: str
    precision: str
    flavour: str
    flavour_version: str
    device: str
    capability: str
    driver: str
    batch: int
    workspace_mb: int
    dla: bool

    def digest(self) -> str:
        """A sha256 that is the same in every process."""
        parts = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(parts.encode()).hexdigest()


def engine_fits(found: EngineKey, wanted: EngineKey) -> Verdict:
    """Whether the engine with the key `found` may be used as `wanted`; the reason is the first difference."""
    for name, words in _WORDS.items():
        there, here = getattr(found, name), getattr(wanted, name)
        if there != here:
            text = words.format(found=_plain(there), wanted=_plain(here))
            fix = f"compile it here: vad-edge compile --bundle BUNDLE --precision {wanted.precision}"
            return Verdict(False, text, f"{fix} --batch {wanted.batch}")
    return Verdict(True)


def _plain(value: object) -> str:
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value) or "unknown"


MAGIC: Final = b"VADENGINE1\n"
_LONGEST_HEADER: Final = 1 << 16
_FIX: Final = "compile it again with vad-edge compile"


@dataclass(frozen=True, slots=True)
class StoredEngine:
    """An engine whose length and sha256 were verified."""

    key: EngineKey
    sha256: str
    engine: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Header:
    key: EngineKey
    key_sha256: str
    sha256: str
    bytes: int


_HEADER: Final = TypeAdapter(_Header)


def pack_engine(key: EngineKey, engine: bytes) -> bytes:
    """The content of an engine file."""
    header = _Header(key, key.digest(), hashlib.sha256(engine).hexdigest(), len(engine))
    return MAGIC + json.dumps(asdict(header), sort_keys=True).encode() + b"\n" + engine


def unpack_engine(data: bytes, where: str = "") -> StoredEngine:
    """The engine in such content. Raises EngineError for anything that is not a whole, untouched one.

    An engine is executable content: nothing of it reaches TensorRT before this.
    """
    if not data.startswith(MAGIC):
        raise EngineError("it is no engine file of this vad-edge", where=where, fix=_FIX)
    end = data.find(b"\n", len(MAGIC), len(MAGIC) + _LONGEST_HEADER)
    if end < 0:
        raise EngineError("its header has no end", where=where, fix=_FIX)
    try:
        header = _HEADER.validate_json(data[len(MAGIC) : end], strict=True)
    except ValidationError as error:
        what = f"its header is damaged: {first_problem(error)}"
        raise EngineError(what, where=where, fix=_FIX) from error
    if header.key_sha256 != header.key.digest():
        what = "its header is damaged: its key is not the one that was written"
        raise EngineError(what, where=where, fix=_FIX)
    engine = data[end + 1 :]
    if len(engine) != header.bytes:
        what = f"it is truncated or too long: {len(engine)} bytes of {header.bytes}"
        raise EngineError(what, where=where, fix=_FIX)
    if hashlib.sha256(engine).hexdigest() != header.sha256:
        raise EngineError("it is damaged: its sha256 is not the one it names", where=where, fix=_FIX)
    return StoredEngine(header.key, header.sha256, engine)


def write_engine(path: Path, key: EngineKey, engine: bytes) -> None:
    """Write an engine file; a crash leaves the old one or the new one. Raises EngineError."""
    try:
        write_atomically(path, pack_engine(key, engine))
    except OSError as error:
        raise cannot_write(path, error) from error


def read_engine(path: Path) -> StoredEngine:
    """Read and verify an engine file. Raises EngineError."""
    with system_errors_as(EngineError, "cannot be read", path, fix=_FIX):
        data = path.read_bytes()
    return unpack_engine(data, str(path))


def cannot_write(path: Path, error: OSError) -> EngineError:
    """The error for a file that could not be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return EngineError("the disk is full", where=str(path), fix="free some space and compile again")
    reason = error.strerror or str(error)
    return EngineError(f"cannot be written: {reason}", where=str(path), fix="choose another place")
