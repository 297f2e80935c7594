"""The zip around a bundle: flat, stored, the same bytes for the same members."""

from __future__ import annotations

import io
import re
import struct
import zipfile
from collections.abc import Mapping
from typing import Final

MAX_BYTES: Final = 512 * 1024 * 1024
"""Neither a bundle nor the sum of its members may be larger."""

_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_NAME: Final = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_ENCRYPTED: Final = 0x1


class ContainerError(ValueError):
    """The bytes are no zip that a bundle could be; the message says why."""


def pack_members(members: Mapping[str, bytes]) -> bytes:
    """A zip of `members` in their order."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo(name, date_time=_EPOCH)
            info.create_system = 3
            info.external_attr = 0o100644 << 16
            archive.writestr(info, data)
    return buffer.getvalue()


def unpack_members(data: bytes) -> dict[str, bytes]:
    """The members of a zip by name.

    Raises ContainerError for anything but a whole, plain, flat zip of stored members with unlike names.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            _check_entries(entries)
            return {entry.filename: archive.read(entry) for entry in entries}
    except ContainerError:
        raise
    except (zipfile.BadZipFile, RuntimeError, ValueError, EOFError, OSError, struct.error) as error:
        raise ContainerError(f"it is damaged or no bundle at all ({error})") from error


def _check_entries(entries: list[zipfile.ZipInfo]) -> None:
    names = set[str]()
    for entry in entries:
        if _NAME.fullmatch(entry.filename) is None:
            raise ContainerError(f"member {entry.orig_filename!r} is not a plain file name")
        if entry.filename in names:
            raise ContainerError(f"member {entry.filename!r} is there twice")
        names.add(entry.filename)
        if entry.flag_bits & _ENCRYPTED:
            raise ContainerError(f"member {entry.filename!r} is encrypted")
        if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size:
            raise ContainerError(f"member {entry.filename!r} is compressed")
    total = sum(entry.file_size for entry in entries)
    if total > MAX_BYTES:
        raise ContainerError(f"its members would take {total} bytes, more than {MAX_BYTES}")
