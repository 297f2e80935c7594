"""Plug-ins of other distributions: found by their entry points, imported when one is asked for."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import Distribution, EntryPoint, distributions
from typing import Any, Final, TypeVar

from packaging.utils import canonicalize_name

from vad_edge.errors import PluginError

_log = logging.getLogger(__name__)

API_VERSION: Final = 1
"""The version of the plug-in interface that this vad-edge speaks."""

SOURCES: Final = "vad_edge.sources"
SINKS: Final = "vad_edge.sinks"
ENGINES: Final = "vad_edge.engines"
BRIDGES: Final = "vad_edge.bridges"
MODELS: Final = "vad_edge.models"

GROUPS: Final = (SOURCES, SINKS, ENGINES, BRIDGES, MODELS)
"""The entry point groups there are."""

OWN_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    # gst: and csi: are spellings of our own; the others are the schemes that FFmpeg reads.
    SOURCES: (
        *("csi", "file", "ftp", "gst", "hls", "http", "https", "mms", "rist", "rtmp", "rtmps", "rtp", "rtsp"),
        *("rtsps", "rtspt", "rtspu", "sftp", "srt", "tcp", "tls", "udp"),
    ),
    SINKS: (),
    ENGINES: ("auto", "tensorrt", "onnxruntime-tensorrt", "onnxruntime-cuda", "onnxruntime"),
    BRIDGES: ("bacnet", "webhook", "sparkplug"),
    MODELS: (
        *("student", "distilled", "predictor", "mnad", "clustering", "dissociation", "dlan_ac", "smdnet"),
        "fusion_stream",
    ),
}
"""What vad-edge brings itself, by group: a plug-in cannot take these names."""

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]{0,63}")

_SKIPPED: Final = "plug-in %s is skipped: %s"

_Named = TypeVar("_Named")


@dataclass(frozen=True, slots=True)
class Plugin:
    """One entry point of another distribution.

    api_version is None until the plug-in has been imported, and where it says none. problem is why it cannot
    be used, with what to do; empty where nothing speaks against it.
    """

    name: str
    group: str
    distribution: str
    version: str
    entry: EntryPoint = field(repr=False, compare=False)
    api_version: int | None = None
    problem: str = ""

    def __str__(self) -> str:
        return f"{self.name} ({self.group}, from {self.distribution} {self.version})"


def plugin(*, api_version: int) -> Callable[[_Named], _Named]:
    """Mark a class or function as a plug-in written for this version of the interface.

    Give the number, not `API_VERSION`: it says what the plug-in was written for, not what it meets.

    >>> @plugin(api_version=1)
    ... def camera(request): ...
    >>> camera.api_version
    1
    """

    def mark(subject: _Named) -> _Named:
        subject.api_version = api_version  # type: ignore[attr-defined]
        return subject

    return mark


def found(group: str | None = None, installed: Iterable[Distribution] | None = None) -> list[Plugin]:
    """The plug-ins of one group, or of all; none of them is imported.

    Those whose name is no name, or is taken, are listed with that problem. installed is what to look through,
    everything on the Python path where None.
    """
    wanted = GROUPS if group is None else (group,)
    owners: dict[tuple[str, str], str] = {}
    seen: set[str] = set()
    plugins = []
    for distribution in distributions() if installed is None else installed:
        name, points = _names_read(distribution, wanted)
        if not points or canonicalize_name(name) in seen:  # a copy further down the path is never imported
            continue
        seen.add(canonicalize_name(name))
        for point in points:
            problem = _name_problem(point.group, point.name, owners.get((point.group, point.name)))
            owners.setdefault((point.group, point.name), name)
            plugins.append(Plugin(point.name, point.group, name, distribution.version, point, None, problem))
    return sorted(plugins, key=lambda each: (GROUPS.index(each.group), each.name))


def checked(plugins: Iterable[Plugin]) -> list[Plugin]:
    """The same plug-ins, each imported: with its api_version, and its problem where it has one."""
    return [_tried(each)[0] for each in plugins]


def names(group: str) -> list[str]:
    """The names a user may give in this group besides vad-edge's own; nothing is imported."""
    return [each.name for each in found(group) if not each.problem]


def load(group: str, name: str) -> Any | None:
    """What the plug-in `name` of `group` is, imported; None where there is no plug-in of that name.

    Raises PluginError, with the reason and what to do, for one that cannot be used.
    """
    known = sorted((each for each in found(group) if each.name == name), key=lambda each: bool(each.problem))
    if not known:
        return None
    for other in known[1:]:
        _log.warning(_SKIPPED, other, other.problem)
    each, subject = _tried(known[0])
    if each.problem:
        raise PluginError(each.problem, where=f"plug-in {each}")
    return subject


def usable(group: str) -> Iterator[tuple[str, Any]]:
    """Name and content of every plug-in of `group` that can be used; the log says why another cannot."""
    for each in found(group):
        tried, subject = _tried(each)
        if tried.problem:
            _log.warning(_SKIPPED, tried, tried.problem)
        else:
            yield tried.name, subject


def _names_read(distribution: Distribution, wanted: Iterable[str]) -> tuple[str, list[EntryPoint]]:
    """The distribution's name and its entry points of these groups; none where its metadata are broken."""
    try:
        points = [point for point in distribution.entry_points if point.group in wanted]
        return (str(distribution.metadata["Name"]), points) if points else ("", [])
    except Exception as error:  # whatever another's metadata makes importlib raise
        where = getattr(distribution, "_path", distribution)
        _log.warning("%s: its entry points cannot be read, so no plug-in of it is found: %r", where, error)
        return "", []


def _name_problem(group: str, name: str, owner: str | None) -> str:
    """Why a plug-in cannot be called so; owner is the distribution that has the name already."""
    if name in OWN_NAMES[group]:
        return "the name is one of vad-edge's own; its author must choose another"
    if owner is not None:
        return f"the name is taken by {owner}; uninstall one of them"
    if group == SOURCES and _SCHEME.fullmatch(name) is None:
        return "the name is no URL scheme; its author must use a-z, 0-9, '+', '.' and '-', a letter first"
    if group != SOURCES and _NAME.fullmatch(name) is None:
        return "the name cannot be given; its author must use a-z, 0-9, '_' and '-', at most 64"
    return ""


def _tried(wanted: Plugin) -> tuple[Plugin, Any]:
    """The plug-in after its import, and what was imported; None where there is a problem."""
    if wanted.problem:
        return wanted, None
    try:
        subject = wanted.entry.load()
    except (Exception, SystemExit) as error:
        return replace(wanted, problem=_import_problem(error, wanted.distribution)), None
    version = getattr(subject, "api_version", None)
    if not isinstance(version, int):
        version = None
    problem = _version_problem(version, wanted.distribution) or _shape_problem(subject, wanted.group)
    return replace(wanted, api_version=version, problem=problem), None if problem else subject


def _import_problem(error: BaseException, distribution: str) -> str:
    said = f"{type(error).__name__}: {error}".partition("\n")[0]
    fix = f"reinstall or update {distribution}"
    if isinstance(error, ModuleNotFoundError) and error.name:
        fix = f"install what it needs ({error.name.partition('.')[0]}), or update {distribution}"
    return f"it cannot be imported: {said}; {fix}"


def _version_problem(version: int | None, distribution: str) -> str:
    if version is None:
        return "it has no api_version; its author must mark it with @vad_edge.plugins.plugin(api_version=1)"
    if version == API_VERSION:
        return ""
    newer = version > API_VERSION
    fix = f"update vad-edge or install an older {distribution}" if newer else f"update {distribution}"
    return f"it is written for plug-in interface {version}, this vad-edge speaks {API_VERSION}; {fix}"


def _shape_problem(subject: object, group: str) -> str:
    missing = [name for name in _PARTS[group] if not hasattr(subject, name)]
    if not missing and (callable(subject) or group == ENGINES):
        return ""
    lacks = f"it has no {missing[0]}" if missing else "it cannot be called"
    return f"{lacks}, so it is no plug-in of {group}; docs/plugins.md says what one is"


_PARTS: Final[Mapping[str, tuple[str, ...]]] = {
    SOURCES: (),
    SINKS: (),
    ENGINES: ("fits", "graph", "open"),
    BRIDGES: (),
    MODELS: ("card", "config_type", "training_loss", "step_module"),
}
"""What a plug-in must have besides its version; all but engines are called."""
