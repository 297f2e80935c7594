"""Option types: bad input is turned away here, with what would be right."""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from vad_edge.budget import AlarmBudget
from vad_edge.common.plugin_loader import ENGINES, OWN_NAMES, found, names
from vad_edge.errors import ConfigError
from vad_edge.health.conditions import Condition

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhd]?)")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_SIZE = re.compile(r"(\d+)x(\d+)")


_T = TypeVar("_T")


class Parsed(click.ParamType[_T]):
    """What a function makes of the text; its ValueError or ConfigError says what would be right."""

    def __init__(self, name: str, parse: Callable[[str], _T]) -> None:
        self.name = name
        self._parse = parse

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> _T:
        """The value; a default that is one already stays as it is."""
        if not isinstance(value, str):
            given: _T = value
            return given
        try:
            return self._parse(value)
        except (ValueError, ConfigError) as error:
            self.fail(str(error), param, context)


def duration(text: str) -> float:
    """Seconds from ``90``, ``90s``, ``5m``, ``2h`` or ``1d``."""
    match = _DURATION.fullmatch(text.strip())
    if match is None or float(match[1]) <= 0:
        raise ValueError(f"{text!r} is not a duration; write 30s, 5m, 2h or 1d")
    return float(match[1]) * _UNITS[match[2] or "s"]


def frame_size(text: str) -> tuple[int, int]:
    """Height and width in pixels from ``HxW``."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a size; write height x width, such as 240x360")
    return int(match[1]), int(match[2])


def setting(text: str) -> tuple[str, Any]:
    """A name and a value from ``name=value``; the value as JSON writes it, anything else is text."""
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise ValueError(f"{text!r} is not a setting; write name=value, such as items=20")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def since(text: str) -> datetime:
    """A moment: how long ago (``30m``, ``2h``, ``7d``), or a date with or without a time, here and now."""
    match = _DURATION.fullmatch(text.strip())
    try:
        if match is not None and match[2]:
            return datetime.now(timezone.utc) - timedelta(seconds=float(match[1]) * _UNITS[match[2]])
        # Python 3.10 reads an offset but no "Z"; without either the user's own zone is meant.
        return datetime.fromisoformat(text.strip().replace("Z", "+00:00")).astimezone()
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is no time; write 2h, 7d, 2026-03-01 or 2026-03-01T18:00") from None


def topic_name(text: str) -> str:
    """The name of a site or camera, which is one level of our topics."""
    if _NAME.fullmatch(text) is None:
        rule = "letters, digits, '-' and '_', at most 64, a letter or digit first"
        raise ValueError(f"{text!r} is not a name; give {rule}")
    return text


class EngineType(click.ParamType[str]):
    """The name of an inference backend, of our own or of a plug-in."""

    name = "engine"

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        """Our own names, as help shows them."""
        return f"[{'|'.join(OWN_NAMES[ENGINES])}|PLUG-IN]"

    def convert(self, value: object, param: click.Parameter | None, context: click.Context | None) -> str:
        """The name."""
        given = str(value)
        if given not in OWN_NAMES[ENGINES]:
            # Refused by name alone: whether a plug-in works shows when it is opened.
            known = [plugin.name for plugin in found(ENGINES)]
            if given not in known:
                every = ", ".join([*OWN_NAMES[ENGINES], *known])
                self.fail(f"there is no engine {given!r}; give one of {every}", param, context)
        return given

    def shell_complete(
        self, context: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """The names that begin so."""
        every = (*OWN_NAMES[ENGINES], *names(ENGINES))
        return [CompletionItem(each) for each in every if each.startswith(incomplete)]


class ConditionCode(click.ParamType[Condition]):
    """The code of a health condition."""

    name = "code"
    _CODES = tuple(condition.value for condition in Condition)

    def convert(
        self, value: object, param: click.Parameter | None, context: click.Context | None
    ) -> Condition:
        """The condition; an unknown code is refused with the nearest one."""
        given = str(value)
        if given not in self._CODES:
            near = difflib.get_close_matches(given.lower(), self._CODES, n=1)
            fix = f"did you mean {near[0]}?" if near else "vad-edge conditions lists all codes"
            self.fail(f"{given!r} is not the code of a condition; {fix}", param, context)
        return Condition(given)

    def shell_complete(
        self, context: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """The codes that begin so."""
        return [CompletionItem(code) for code in self._CODES if code.startswith(incomplete)]


class Output(click.Path):
    """What will be written: what stands in its way is said before the work begins, not after it.

    A file's folder must be there and may be written to; a folder is made where it is not there.
    """

    def __init__(self, *, folder: bool) -> None:
        super().__init__(dir_okay=folder, file_okay=not folder, path_type=Path)
        self._hindrance = _in_the_way_of_a_folder if folder else _in_the_way_of_a_file

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        context: click.Context | None,
    ) -> Path:
        """The path."""
        path = Path(os.fsdecode(super().convert(value, param, context)))
        hindrance = self._hindrance(path)
        if hindrance:
            self.fail(hindrance, param, context)
        return path


def _in_the_way_of_a_file(path: Path) -> str:
    if not path.parent.is_dir():
        return f"there is no folder '{path.parent}'; make it first (mkdir -p)"
    return _not_writable(path.parent)


def _in_the_way_of_a_folder(path: Path) -> str:
    there = next(each for each in (path, *path.absolute().parents) if each.exists())
    return _not_writable(there) if there.is_dir() else f"'{there}' is a file, and not a folder"


def _not_writable(folder: Path) -> str:
    return "" if os.access(folder, os.W_OK) else f"'{folder}' cannot be written to; choose another place"


ALARM_BUDGET = Parsed("budget", AlarmBudget.parse)
DATA_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
DURATION = Parsed("duration", duration)
TOPIC_NAME = Parsed("name", topic_name)
SINCE = Parsed("since", since)
PRECISION = click.Choice(["fp32", "fp16", "int8"])
ENGINE = EngineType()
EXISTING_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FRAME_SIZE = Parsed("HxW", frame_size)
OUTPUT_FILE = Output(folder=False)
OUTPUT_FOLDER = Output(folder=True)
SETTING = Parsed("name=value", setting)
