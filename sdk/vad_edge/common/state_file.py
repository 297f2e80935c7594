"""A small file of what a program must know after a restart."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Final, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from vad_edge.common.explain import first_problem
from vad_edge.common.files import write_atomically

Content = TypeVar("Content")

VERSION: Final = 1

_log = logging.getLogger(__name__)


class StateFile(Generic[Content]):
    """One value as JSON, whole or not there at all.

    kind is the type of the value, which pydantic reads and writes. A file that cannot be read is set aside as
    ``NAME.damaged``; `problem` then says why, and is empty otherwise.
    """

    def __init__(self, path: Path, kind: type[Content]) -> None:
        self.path = path
        self.problem = ""
        self._adapter = TypeAdapter(kind)

    def read(self) -> Content | None:
        """The value that was written last; None where there is none, or none that can be read."""
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
            # The first release wrote the content alone.
            framed = isinstance(found, dict) and found.keys() == {"version", "content"}
            if framed and found["version"] != VERSION:
                raise ValueError(f"its version is {found['version']!r}, this one knows {VERSION}")
            content = json.dumps(found["content"] if framed else found)
            value = self._adapter.validate_json(content, strict=True)
        except FileNotFoundError:
            return None
        except OSError as error:
            self.problem = f"{self.path} cannot be read: {error.strerror or error}"
        except (ValueError, RecursionError) as error:
            reason = first_problem(error) if isinstance(error, ValidationError) else error
            self.problem = f"{self.path} is damaged ({reason}){self._set_aside()}"
        else:
            return value
        _log.error("%s", self.problem)
        return None

    def write(self, value: Content) -> None:
        """Replace what is there, durably. Raises OSError where the disk does not take it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        content = {"version": VERSION, "content": self._adapter.dump_python(value, mode="json")}
        write_atomically(self.path, json.dumps(content, separators=(",", ":")).encode())
        self.problem = ""

    def _set_aside(self) -> str:
        damaged = self.path.with_name(f"{self.path.name}.damaged")
        try:
            self.path.replace(damaged)
        except OSError:
            return ""
        return f"; it is kept as {damaged.name}"
