"""The site file from disk, every mistake in it named with its place and what is allowed there."""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from vad_edge.common.secret import redacted
from vad_edge.config.site import CameraConfig, SiteConfig
from vad_edge.config.table import Table
from vad_edge.errors import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Model = TypeVar("Model", bound=Table)

_KINDS: Final = {
    "string_type": "text in quotes",
    "path_type": "a path in quotes",
    "is_instance_of": "a path in quotes",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "model_type": "a table",
    "finite_number": "a finite number",
}
_NO_PATH: Final = re.compile(r"\d+$|csi(:\d+)?$|gst:|[A-Za-z][A-Za-z0-9+.-]*://")
"""Sources that are not files: camera indices, CSI cameras, pipelines, URLs."""
_NAME: Final = "letters, digits, '-' and '_', at most 64, a letter or digit first"

_CORNERS: Final = {"polygon", "privacy_masks"}
_CORNER: Final = "corners are parts of its width and height, 0 to 1; `vad-edge mask` takes pixels too"


def load_site(path: Path | str) -> SiteConfig:
    """The site described by the TOML file at `path`.

    Relative paths in it (bundle, calibration, source, password_file, ca_file) start from its own folder.
    Raises ConfigError, which names the file, the key as in ``camera[0].fps``, and what is allowed there.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(f"cannot read the site file: {reason}", where=str(path)) from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"byte {error.start} is not UTF-8", where=str(path), fix="save the site file as UTF-8"
        ) from error
    return parse_site(text, path)


def parse_site(text: str, path: Path) -> SiteConfig:
    """The site that `text`, read from `path`, describes. Raises ConfigError as `load_site` does."""
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        end = f"line {len(text.splitlines())}, the end of the file"
        reason = str(error).replace("end of document", end)
        raise ConfigError(
            f"not valid TOML: {reason}", where=str(path), fix="correct the syntax there"
        ) from error
    try:
        return SiteConfig.model_validate(_typed(SiteConfig, data, path.parent), strict=True)
    except ValidationError as error:
        raise _explain(error, str(path), SiteConfig) from error


def checked(model: type[Model] | Model, **changes: Any) -> Model:
    """A table of these values, or a table with these changes, held to the rules of the site file.

    >>> from vad_edge.common.secret import redacted
    from vad_edge.config.site import CameraConfig
    >>> checked(CameraConfig, name="front", source="clip.mkv").name
    'front'

    Raises ConfigError as `load_site` does.
    """
    if isinstance(model, type):
        kind, values = model, {}
    else:
        kind, values = type(model), {key: getattr(model, key) for key in model.model_fields_set}
    try:
        return kind.model_validate({**values, **changes})
    except ValidationError as error:
        raise _explain(error, "", kind) from error


def _typed(model: type[BaseModel] | None, value: Any, folder: Path) -> Any:
    """TOML's values as the models want them: lists as tuples, path fields as paths from `folder`."""
    if isinstance(value, list):
        return tuple(_typed(model, entry, folder) for entry in value)
    if not isinstance(value, dict) or model is None:
        return value
    typed: dict[str, Any] = {}
    for key, entry in value.items():
        if isinstance(entry, str) and Path in _types(model, key):
            typed[key] = folder / entry
        elif isinstance(entry, str) and (model, key) == (CameraConfig, "source"):
            typed[key] = _source(entry, folder)
        else:
            typed[key] = _typed(_table_of(model, key), entry, folder)
    return typed


def _source(source: str, folder: Path) -> str:
    return source if not source or _NO_PATH.match(source) else str(folder / source)


def _types(model: type[BaseModel], key: str) -> list[Any]:
    """The plain types a key may have; none for an unknown key."""
    found = [model.model_fields[key].annotation] if key in model.model_fields else []
    while any(get_args(kind) for kind in found):
        found = [part for kind in found for part in (get_args(kind) or (kind,))]
    return found


def _table_of(model: type[BaseModel], key: str) -> type[BaseModel] | None:
    """The model of the table, or list of tables, under `key`; None if it holds plain values."""
    kinds = (kind for kind in _types(model, key) if isinstance(kind, type) and issubclass(kind, BaseModel))
    return next(kinds, None)


def _place(loc: tuple[int | str, ...], root: type[BaseModel]) -> tuple[str, type[BaseModel]]:
    """A key as people write it, and the model of the table it stands in."""
    text = ""
    table: type[BaseModel] = root
    model: type[BaseModel] | None = root
    for part in loc:
        if isinstance(part, int):
            text += f"[{part}]"
        elif model is None:  # behind a plain key pydantic names the member of a union
            break
        else:
            text += f".{part}" if text else part
            table, model = model, _table_of(model, part)
    return text, table


def _explain(error: ValidationError, path: str, root: type[BaseModel]) -> ConfigError:
    """The first mistake, in one line; the others are counted."""
    details = error.errors(include_url=False)
    key, table = _place(details[0]["loc"], root)
    same = [detail for detail in details if _place(detail["loc"], root)[0] == key]
    others = len({_place(detail["loc"], root)[0] for detail in details}) - 1
    what, fix = _reason(same, table)
    if others:
        fix = f"{fix} ({others} more after this one)".strip()
    return ConfigError(what, where=": ".join(part for part in (path, key) if part), fix=fix)


def _reason(details: Sequence[ErrorDetails], table: type[BaseModel]) -> tuple[str, str]:
    """What is wrong with one key, and what to do about it."""
    detail = details[0]
    kind, given, key = detail["type"], detail["input"], str(detail["loc"][-1] if detail["loc"] else "")
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(key, table.model_fields, n=1)
        known = ", ".join(table.model_fields)
        return "unknown key", f"did you mean {near[0]!r}?" if near else f"known keys are {known}"
    if kind == "missing":
        return "this key is missing", "it has no default, so give it"
    if kind == "value_error":
        return str(detail["ctx"]["error"]), ""
    if kind == "string_pattern_mismatch":
        return f"{_shown(given)} is not a name", f"give {_NAME}"
    if kind == "tuple_type" and isinstance(given, dict):
        return "this is one table, not a list of tables", f"write [[{key}]] with two brackets"
    if all(detail["type"] in _KINDS for detail in details):
        expected = " or ".join(_KINDS[detail["type"]] for detail in details)
        return f"{_shown(given)} is of the wrong type", f"give {expected}"
    if kind == "too_short":
        least, there = detail["ctx"]["min_length"], detail["ctx"]["actual_length"]
        return f"{there} are too few", f"give {least} or more"
    if kind in ("less_than_equal", "greater_than_equal") and _CORNERS & set(detail["loc"]):
        return f"{_shown(given)} lies outside the picture", _CORNER
    rule = detail["msg"].replace("Input", "it", 1).replace("String", "it", 1)
    return f"{_shown(given)} is not allowed", rule


def _shown(value: Any) -> str:
    """A value about as the file has it, shortened."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, tuple):
        return "a list"
    text = redacted(repr(value) if isinstance(value, (str, int, float)) else str(value))
    return text if len(text) <= 60 else f"{text[:57]}..."
