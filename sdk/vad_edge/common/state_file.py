"""A small file of what a program must know after a restart."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from vad_edge.common.files import write_atomically

Content = TypeVar("Content")

VERSION: Final = 1

_log = logging.getLogger(__name__)


class StateFile(Generic[Content]):
    """One value as JSON, whole or not there at all.

    parse makes the value of what the JSON holds, or raises ValueError, KeyError, TypeError or AttributeError;
    plain makes plain JSON values of it. A file that cannot be read is set aside as ``NAME.damaged``;
    `problem` then says why, and is empty otherwise.
    """

    def __init__(
        self,
        path: Path,
        parse: Callable[[Any], Content],
        plain: Callable[[Content], Any] = lambda value: value,
    ) -> None:
        self.path = path
        self.problem = ""
        self._parse, self._plain = parse, plain

    def read(self) -> Content | None:
        """The value that was written last; None where there is none, or none that can be read."""
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
            # The first release wrote the content alone.
            framed = isinstance(found, dict) and found.keys() == {"version", "content"}
            if framed and found["version"] != VERSION:
                raise ValueError(f"its version is {found['version']!r}, this one knows {VERSION}")
            value = self._parse(found["content"] if framed else found)
        except FileNotFoundError:
            return None
        except OSError as error:
            self.problem = f"{self.path} cannot be read: {error.strerror or error}"
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            self.problem = f"{self.path} is damaged ({error}){self._set_aside()}"
        else:
            return value
        _log.error("%s", self.problem)
        return None

    def write(self, value: Content) -> None:
        """Replace what is there, durably. Raises OSError where the disk does not take it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        content = {"version": VERSION, "content": self._plain(value)}
        write_atomically(self.path, json.dumps(content, separators=(",", ":")).encode())
        self.problem = ""

    def _set_aside(self) -> str:
        damaged = self.path.with_name(f"{self.path.name}.damaged")
        try:
            self.path.replace(damaged)
        except OSError:
            return ""
        return f"; it is kept as {damaged.name}"
